"""Records the chains of a plugin's tests as tests/recorded/<plugin>-sm<k>.jsonl.gz. Run by `./dev record PLUGIN`.

For plugins whose tests surround them with others that are made up there is a real node beside them, which does what SCENARIOS says. Each chain that the tests make is kept if the plugin is on it, if all its plugins are shipped ones, and if the libraries of this build
execute it again to the same roots. An older sm keeps its file: record when a machine's sm is new, and never to make a red test green.
"""
import argparse
import gzip
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAX_BYTES = 6 << 20  # of text, before it is compressed
SHIPPED = {"ledger", "receipts", "governance", "treasury", "economics", "energy"}


def plugins_of(path):
    with open(path) as file:
        return {p["id"]: p["sm"] for p in json.loads(file.readline())["genesis"]["plugins"]}


def commands_of(path):
    return sum(len(json.loads(line).get("commands", [])) for line in path.read_text().splitlines())


ORACLE = f"mock_oracle:\n  listen: 127.0.0.1:0\n  step_ms: 50\n  data_file: {ROOT}/config/sample-data/gb-electricity-demand-2000.csv\n"
STRANGER = "tb1rppd3pnuevhgy82wkdk9ptvyg2c7zy3df39h0t6df4gnnnj7z62qvjg739"


def market(Node, wait_for, **_):
    """Meters that a mock oracle reads: readings, settlements, disputes with and without a slash, other terms; receipts and their providers."""
    node = Node(plugins=["ledger", "receipts", "energy", "mock-oracle"], config=ORACLE, env={"TB_CHAIN_EPOCH_LENGTH": "20"}).start()
    settled = lambda: node.metric("energy_settlements_total", 0)
    wait_for("settlements", lambda: settled() >= 10, 300)
    for number, outcome in enumerate(["slashed", "dismissed"], 1):
        credit = wait_for("a credit", lambda: node.rpc("energy.credits", {"status": "pending", "page_size": 1})["credits"])[0]
        node.cli("energy", "flag-dispute", "--meter-hash", credit["meter_hash"], "--reason", "meter offline")
        node.cli("energy", "resolve-dispute", "--dispute-id", number, "--outcome", outcome, check=False)
    provider = node.cli_json("energy", "providers")["providers"][0]["provider_id"]
    node.cli("energy", "update-provider", provider, "--price-per-kwh", "17", check=False)
    node.cli("energy", "settle", provider, "999999999", check=False)
    node.cli("energy", "withdraw-stake", provider, "1", check=False)
    for name, seed in (("north", "01"), ("south", "02")):
        key = json.loads(node.cli("wallet", "sign", "x", "--seed", seed * 32, "--json").stdout)["public_key"]
        for region in ("eu", "us"):  # the second is refused: the provider exists
            node.cli("receipts", "provider", "register", "--provider-id", name, "--verifying-key-hex", key, "--region", region, "--source", "config", check=False)
    node.cli("receipts", "provider", "retire", "--provider-id", "south", check=False)
    wait_for("more settlements", lambda: settled() >= 60, 600)
    return node


def tour(Node, wait_for, build):
    """The governance tour, line by line: proposals, votes, scripts, parameters, a release, the treasury's money, next to a market at work."""
    from doc_runner import DocRunner
    node = Node(plugins=["ledger", "governance", "receipts", "treasury", "economics", "energy", "mock-oracle"],
                config="mock_oracle:\n  listen: 127.0.0.1:0\n", env={"TB_CHAIN_EPOCH_LENGTH": "20"}).start()
    env = node.environment()
    env["PATH"] = f"{build / 'bin'}:{os.environ['PATH']}"
    work = node.dir / "tour"
    work.mkdir()
    DocRunner(work, env).check(ROOT / "docs" / "governance-tour.md")
    return node


def payments(Node, wait_for, **_):
    """Transfers in both lanes, shares of the fee, groups' and sessions' keys, and what the ledger refuses."""
    node = Node(plugins=["ledger"], env={"TB_CHAIN_EPOCH_LENGTH": "20"}).start()
    accounts = []
    for i in range(1, 9):
        seed = f"{i:02x}" * 32
        file = node.dir / f"{i}.key"
        file.write_text(seed + "\n")
        file.chmod(0o600)
        accounts.append((file, json.loads(node.cli("wallet", "sign", "x", "--seed", seed, "--json").stdout)["address"]))
        node.rpc("ledger.transfer", {"to": accounts[-1][1], "amount": 400_000})
    session = json.loads(node.cli("wallet", "session", "--ttl", "600", "--limit", "9000", "--key", accounts[0][0], "--fee", "4000", "--json").stdout)
    for turn in range(30):
        file, address = accounts[turn % len(accounts)]
        to = accounts[(turn * 3 + 1) % len(accounts)][1]
        node.cli("wallet", "send", "--to", to, "--amount", 1 + turn * 97, "--key", file, "--auto-bump", "--pct", turn * 3,
                 "--lane", ("consumer", "industrial")[turn % 2], "--json", check=False)
        if turn % 5 == 0:
            node.cli("wallet", "metasend", "--from", accounts[0][1], "--to", to, "--amount", 700, "--session-sk", session["session_sk"], "--auto-bump", "--json", check=False)
            node.cli("wallet", "send", "--to", STRANGER, "--amount", 10**15, "--key", file, "--fee", "9000", "--force", "--json", check=False)
    file, address = accounts[1]
    nonce = node.rpc("account.nonce", {"account": address})["nonce"]
    for ahead, to in ((2, "nobody-here"), (1, STRANGER)):  # the first waits for the other, so that it is tried in the block only, and refused there
        node.cli("wallet", "send", "--to", to, "--amount", 5, "--key", file, "--fee", 90_000, "--force", "--nonce", nonce + ahead, "--no-wait", "--json")
    height = node.height()
    wait_for("an epoch", lambda: node.height() > height + 25, 120)
    return node


SCENARIOS = {"energy": market, "receipts": market, "governance": tour, "ledger": payments}


def chain_of_node(plugin, build, folder):
    os.environ["TB_BUILD_DIR"] = str(build)
    sys.path.insert(0, str(ROOT / "tests" / "integration"))
    import node as nodes
    started = []

    class Node(nodes.Node):
        """One that chain_of_node ends, however the scenario that made it goes on."""

        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            started.append(self)

    try:
        node = SCENARIOS[plugin](Node=Node, wait_for=nodes.wait_for, build=build)
        with open(pathlib.Path(folder) / "node.jsonl", "w") as out:
            first = node.rpc("block.get", {"height": 0, "full": True})
            out.write(json.dumps({"genesis": node.rpc("block.genesis"), "header": first["header"]}) + "\n")
            for height in range(1, node.height() + 1):
                block = node.rpc("block.get", {"height": height, "full": True})
                ends = [r["outcome"] + (" " + r["name"] if r.get("name") else "") for r in block["results"]]
                out.write(json.dumps({"header": block["header"], "commands": block["commands"], "ends": ends}) + "\n")
        node.stop()
    finally:
        for one in started:
            one.close()


def main():
    parser = argparse.ArgumentParser(description="Records the chains of a plugin's tests.")
    parser.add_argument("plugin", choices=sorted(SHIPPED))
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("--force", action="store_true", help="replace a recording that is there")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the node ends with this program
    with tempfile.TemporaryDirectory(prefix="tb-record-") as folder:
        if args.plugin in SCENARIOS:
            chain_of_node(args.plugin, args.build, folder)
        for test in sorted(args.build.glob(f"bin/test_{args.plugin}*")):
            subprocess.run([test], env={**os.environ, "TB_RECORD_CHAINS": folder}, stdout=subprocess.DEVNULL, check=False)
        kept, size, sm = [], 0, None
        # The chains with the most commands first, as far as they fit.
        chains = sorted(pathlib.Path(folder).glob("*.jsonl"), key=lambda p: -commands_of(p))
        for path in chains:
            there = plugins_of(path)
            if args.plugin not in there or not set(there) <= SHIPPED or commands_of(path) == 0:
                continue
            if size + path.stat().st_size > MAX_BYTES:
                continue
            replayed = subprocess.run([args.build / "bin" / "tb-recorded", path], capture_output=True, text=True)
            if replayed.returncode != 0:
                print("left out:", replayed.stdout.strip().split(": ", 1)[-1])
                continue
            sm = there[args.plugin]
            size += path.stat().st_size
            kept.append(path)
        if not kept:
            sys.exit(f"error: the tests of {args.plugin} made no chain that can be kept")
        target = ROOT / "tests" / "recorded" / f"{args.plugin}-sm{sm}.jsonl.gz"
        if target.exists() and not args.force:
            sys.exit(f"error: {target} is there already: a recording is made once for each sm (--force replaces it)")
        with gzip.GzipFile(target, "wb", 9, mtime=0) as out:
            for path in kept:
                out.write(path.read_bytes())
        print(f"{target.relative_to(ROOT)}: {len(kept)} chains, {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
