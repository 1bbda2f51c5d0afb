"""The drills: what is done to a node, and what must be seen. The first line of each is what `tb-chaos list` shows.

A drill takes every choice from `drill.fault`, so that a replay makes the same ones. Drills that need several nodes, peers or the
storage pipeline are not here, because this node has none of them to lose."""
import contextlib
import http.client
import json
import os
import shutil
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request

from node import DrillFailed, Node, Refused

NOBODY = 65534   # who runs a node whose directory must be unwritable, where root runs the drill


def pay_until(node, stop):
    """Pays until `stop(refusal)`; returns how often it was answered, and the refusal."""
    for paid in range(20_000):
        try:
            node.pay()
        except Refused as why:
            if stop(why):
                return paid, why
    raise DrillFailed("20,000 payments went through without the refusal that was to come")


def goes_on(drill, node):
    """The node takes commands again, by itself."""
    def once():
        with contextlib.suppress(Refused):
            return node.pay()
        return None
    began = time.monotonic()
    answer = drill.wait("commands after the trouble", once, 30)
    drill.log("holds", f"commands go on by themselves ({time.monotonic() - began:.1f} s)")
    return answer


def kill_node_recovers(drill):
    """SIGKILL under load, three times; every answered command is there after the restart, once (runbook node restart)"""
    node = Node(drill).start()
    for _ in range(6):
        node.pay()
    drill.before()
    paid = 6
    for turn in range(3):
        after = drill.fault("kill.after_commands", 1, 25)
        unanswered = threading.Event()
        answered = []

        def load():
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError, Refused):
                while True:
                    node.pay()
                    answered.append(1)
            unanswered.set()

        sender = threading.Thread(target=load)
        sender.start()
        drill.wait("load", lambda: len(answered) >= after or unanswered.is_set())
        height = node.height()
        drill.log("kill", f"node 0 at height {height}, turn {turn}")
        node.kill()
        sender.join()
        node.start()
        drill.wait("an empty pool", lambda: node.call("mempool.stats")["size"] == 0)
        least, balance = (paid + len(answered)) * 7, node.balance()
        drill.demand("all that was answered is there, and at most the one that was not", least <= balance <= least + 7, f"({balance}, answered {least})")
        drill.demand("the height is not behind the one before", node.height() >= height)
        paid = balance // 7
        node.verify()
    node.stop()


def disk_full_repair(drill):
    """The disk fills up: by its limit, and really where mounting is allowed; commands are refused, reads go on, it recovers (runbook disk full)"""
    limit = drill.fault("limit_kib", 1024, 1536) * 1024
    node = Node(drill, config=f"storage:\n  limit_bytes: {limit}\n").start()
    drill.before()
    paid, why = pay_until(node, lambda refusal: refusal.name != "timeout")
    drill.demand("a write is refused with disk_full", (why.code, why.name) == (-34002, "disk_full"), f"after {paid} commands: {why}")
    drill.demand("the node lives and reads go on", node.alive() and node.balance() >= 0)
    drill.demand("/readyz names the storage", "storage_full" in node.get("status", "/readyz")[1])
    drill.demand("storage_disk_full_total counts it", node.metric("storage_disk_full_total") > 0)
    node.write_config(f"storage:\n  limit_bytes: {limit * 64}\n")
    node.call("config.reload")
    goes_on(drill, node)
    drill.wait("an empty pool", lambda: node.call("mempool.stats")["size"] == 0)
    node.verify()
    node.stop()
    small_file_system(drill)
    drill.log("not covered", "data shards and their manifests: this node has no storage pipeline")


def mount_small(drill, megabytes):
    """A file system of its own; None where mounting is not allowed."""
    at = drill.work / f"small-{megabytes}"
    at.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", at], capture_output=True, text=True)
    if done.returncode:
        drill.log("not covered", f"a real small file system: {done.stderr.strip()}")
        return None
    return at


def unmount_all(drill):
    for at in drill.work.glob("small-*"):
        if at.is_mount():
            subprocess.run(["umount", "-l", at], check=True)


def small_file_system(drill):
    at = mount_small(drill, 16)
    if at is None:
        return
    # No space is kept free and small buffers: the system itself says no, to the log and to the state.
    node = Node(drill, name="small", config="storage:\n  reserve_bytes: 0\n  write_buffer_mb: 1\n", data=at / "data").start()
    for _ in range(5):
        node.pay()
    ballast = at / "ballast"
    with open(ballast, "wb", buffering=0) as out, contextlib.suppress(OSError):
        while True:
            out.write(b"\0" * 4096)
    drill.log("fault.small_file_system", "full")
    paid, why = pay_until(node, lambda refusal: refusal.name != "timeout")
    drill.demand("a really full disk is refused in the same words", why.name == "disk_full", f"after {paid} commands: {why}")
    drill.demand("the node lives and reads go on", node.alive() and node.balance() >= 0)
    ballast.unlink()
    goes_on(drill, node)
    drill.wait("an empty pool", lambda: node.call("mempool.stats")["size"] == 0)
    node.verify()
    node.stop()


def permission_error(drill):
    """Directories of the node become unwritable while it runs: errors that say so, no crash, and it recovers (runbook disk full)"""
    node = Node(drill)
    if os.geteuid() == 0:   # whom no permission stops
        node.user = NOBODY
        os.chown(node.dir, NOBODY, NOBODY)
        os.chown(node.dir / "node.yaml", NOBODY, NOBODY)
    node.start()
    node.pay()
    drill.before()
    library = drill.work / "ledger.so"
    shutil.copy(plugin_file(drill, "ledger"), library)
    places = [("plugins", lambda: node.call("plugin.reload", {"name": "ledger", "path": str(library)})),
              ("snapshots", lambda: node.call("snapshots.create", {}))]
    for turn in range(len(places)):
        name, act = places.pop(drill.fault("unwritable.place", 0, len(places) - 1))
        folder = node.data / name
        folder.mkdir(exist_ok=True)
        if node.user:
            os.chown(folder, NOBODY, NOBODY)
        folder.chmod(0o555)
        drill.log("permission", f"{name} is unwritable, turn {turn}")
        try:
            act()
            raise DrillFailed(f"{name} is unwritable, and nobody noticed")
        except Refused as why:
            drill.demand(f"the refusal names {name}", name in str(why) or "ermission" in str(why), str(why))
        drill.demand("commands go on", node.pay()["height"] > 0)
        folder.chmod(0o755)
        act()
        drill.log("permission", f"{name} is writable again, and used")
    node.verify()
    node.stop()


def log_repair(drill):
    """The tail of the log, then the state is damaged on disk: each is named and set aside; what is whole goes on (runbook data corruption)"""
    node = Node(drill).start()
    for _ in range(20):
        node.pay()
    drill.before()
    node.stop()
    segment = sorted((node.data / "chain").glob("log-*.seg"))[-1]
    raw = bytearray(segment.read_bytes())
    end = len(raw.rstrip(b"\0"))
    at = end - drill.fault("damage.before_end", 1, 40)
    raw[at] ^= 0xFF
    segment.write_bytes(raw)
    drill.log("damage", f"{segment.name} byte {at} of {end}")
    seen = node.cli("storage", "repair", "--data", node.data, "--dry-run", check=False)
    drill.log("storage repair --dry-run", seen.stdout.strip().replace("\n", " | ")[:500])
    drill.demand("a dry run changes nothing", segment.read_bytes() == bytes(raw))
    done = node.cli("storage", "repair", "--data", node.data, check=False)
    drill.demand("the repair says what it did", done.stdout.strip() != "", (done.stdout + done.stderr).strip().replace("\n", " | ")[:500])
    node.start()
    drill.demand("at most the damaged end is gone", 18 * 7 <= node.balance() <= 20 * 7, f"({node.balance()} of {20 * 7})")
    node.pay()
    node.verify()
    balance = node.balance()
    node.stop()
    (node.data / "state" / "CURRENT").unlink()
    drill.log("damage", "state/CURRENT is gone")
    seen = json.loads(node.cli("storage", "repair", "--data", node.data, "--dry-run", check=False).stdout)
    drill.demand("the damaged state is named, and what it can be made again from", "CURRENT" in seen["state"] and seen["state_source"] != "",
                 f"({seen['state'][:200]}; from {seen['state_source']})")
    done = json.loads(node.cli("storage", "repair", "--data", node.data).stdout)
    drill.demand("the repair sets it aside", done["ok"] and not (node.data / "state").exists(), f"({done['done'][0][:300]})")
    node.start()
    drill.demand("the next start has made it again", node.balance() == balance, f"({node.balance()})")
    node.verify()
    node.stop()


def restore_staging(drill):
    """A snapshot of a running node is restored on a staging node that goes on from there (runbook backup and restore)"""
    node = Node(drill).start()
    for _ in range(drill.fault("commands.before", 5, 30)):
        node.pay()
    drill.before()
    node.cli("snapshots", "create")
    for _ in range(drill.fault("commands.after", 1, 10)):
        node.pay()
    newest = sorted((node.data / "snapshots").glob("snapshot-*.tbs"))[-1]
    node.cli("snapshots", "verify", newest)
    node.stop()
    staging = Node(drill, name="staging")
    staging.data.mkdir()
    shutil.copy(node.data / "genesis.json", staging.data / "genesis.json")
    shutil.copytree(node.data / "keys", staging.data / "keys")
    staging.cli("snapshots", "restore", newest, "--data-dir", staging.data)
    staging.start()
    drill.demand("the staging node has the state of the snapshot", 0 < staging.balance() <= node_balance(node, drill), f"({staging.balance()})")
    staging.pay()
    drill.demand("it takes commands and its money adds up", staging.call("ledger.check")["ok"])
    # Without any key of production: a chain of its own, with keys that its directory makes.
    rehearsal = Node(drill, name="rehearsal")
    rehearsal.data.mkdir()
    rehearsal.cli("snapshots", "restore", newest, "--data-dir", rehearsal.data, "--trust", node.data / "genesis.json", "--staging")
    rehearsal.start()
    height = rehearsal.height()
    rehearsal.call("chain.noop", {})
    status = rehearsal.call("node.status")
    drill.demand("a chain of its own goes on from the snapshot", status["chain_id"] == "dev-staging" and status["current_block_height"] > height > 0, f"({status['chain_id']})")
    drill.demand("its money is that of the snapshot", rehearsal.call("ledger.check")["ok"])
    drill.demand("no key of production is there", (rehearsal.data / "keys" / "node.key").read_text() != (node.data / "keys" / "node.key").read_text())
    rehearsal.stop()
    damaged = drill.work / newest.name
    raw = bytearray(newest.read_bytes())
    raw[drill.fault("damage.percent", 10, 90) * len(raw) // 100] ^= 0x01
    damaged.write_bytes(raw)
    drill.demand("a flipped bit is found", staging.cli("snapshots", "verify", damaged, check=False).returncode == 1)
    staging.stop()


def node_balance(node, drill):
    """Of a node that is stopped: asked from its files."""
    words = [drill.program("blockd"), "call", "balance", json.dumps({"address": "tb1qm97tgjht8p63qy6568aq5fgytc6ue8cynzap2tr5thczc8j8w9s8np6z0"}),
             "--data-dir", node.data, "--config", node.dir / "node.yaml"]
    return int(json.loads(subprocess.run(words, env=node.environment(), cwd=drill.home, stdout=subprocess.PIPE, check=True).stdout)["amount"])


def plugin_file(drill, name):
    for place in (drill.bin.parent / "plugins", drill.bin.parent / "lib" / "the-block" / "plugins"):
        if (place / f"{name}.so").exists():
            return place / f"{name}.so"
    raise DrillFailed(f"no {name}.so beside {drill.bin}")


def plugin_upgrade_rollback(drill):
    """A plugin is taken over from another file and back again under load; a damaged file changes nothing (runbook plugin upgrade)"""
    node = Node(drill).start()
    drill.before()
    fresh = drill.work / "energy.so"
    shutil.copy(plugin_file(drill, "energy"), fresh)
    raw = bytearray(fresh.read_bytes())
    cut = drill.fault("library.cut_percent", 5, 95)
    (drill.work / "cut.so").write_bytes(raw[:len(raw) * cut // 100])
    checked = node.cli("plugin", "check", fresh, "--format", "json")
    drill.demand("a file is looked at before any node touches it", json.loads(checked.stdout.splitlines()[0])["id"] == "energy")
    bad = node.cli("plugin", "check", drill.work / "cut.so", check=False)
    drill.demand("and a cut one is named", bad.returncode != 0 and "cut.so" in bad.stdout + bad.stderr, next((line.strip() for line in (bad.stdout + bad.stderr).splitlines() if "error" in line), "")[:300])

    def runs():
        return {p["id"]: p["file"] for p in json.loads(node.cli("version", "provenance").stdout)["plugins"]}["energy"]

    failures, answered, stop = [], [], threading.Event()

    def load():
        while not stop.is_set():
            try:
                node.pay()
                node.call("energy.market_state")
                answered.append(1)
            except (OSError, http.client.HTTPException, Refused) as why:
                failures.append(str(why))

    sender = threading.Thread(target=load)
    sender.start()
    try:
        for file in (fresh, plugin_file(drill, "energy")):
            node.cli("plugin", "reload", "energy", "--file", file)
            drill.demand("what runs is what was given", str(file) == runs(), f"(energy from {file.name} in {file.parent.name})")
            with contextlib.suppress(Refused):
                node.call("plugin.reload", {"name": "energy", "path": str(drill.work / "cut.so")})
                raise DrillFailed("a library that was cut off was loaded")
            drill.log("reload", "a cut library was refused")
        before = len(answered)
        drill.wait("load after the reloads", lambda: len(answered) > before + 3)
    finally:
        stop.set()
        sender.join()
    drill.demand("no call failed meanwhile", not failures, f"({len(answered)} answered) {failures[0] if failures else ''}")
    drill.demand("the plugin runs", {p["id"]: p["state"] for p in node.call("plugin.list")}["energy"] == "running")
    node.verify()
    node.stop()


def certificate(folder, name):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"], check=True, capture_output=True)


def key_rotation(drill):
    """The admin's token, a listed token and the certificate are replaced while it runs; old ones end, nobody is cut off (runbook key rotation)"""
    node = Node(drill)
    certificate(node.dir, "server")
    token_file = node.dir / "admin.token"
    tokens = [f"drill-{drill.seed}-admin-token-{i}" for i in range(2)]
    token_file.write_text(tokens[0])
    token_file.chmod(0o600)
    node.write_config(f"rpc:\n  admin_token_file: {token_file}\n  loopback_role: open\n"
                      f"tls:\n  rpc:\n    cert: {node.dir}/server.pem\n    key: {node.dir}/server.key\n")
    node.start()
    drill.before()
    listed = node.call("token.create", {"role": "operator"})
    port = rpc_port(node)

    def status(token):
        context = ssl._create_unverified_context()
        request = urllib.request.Request(f"https://127.0.0.1:{port}/", json.dumps({"jsonrpc": "2.0", "id": 1, "method": "token.list"}).encode(),
                                         {"Content-Type": "application/json", "Authorization": f"Bearer {token}"})
        try:
            with urllib.request.urlopen(request, context=context, timeout=30) as answer:
                return "result" if "result" in json.loads(answer.read()) else "error"
        except urllib.error.HTTPError as why:
            return "refused" if why.code == 401 else f"error {why.code}"

    drill.demand("the first token is the admin's", status(tokens[0]) == "result")
    before = ssl.get_server_certificate(("127.0.0.1", port))
    held = http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=ssl._create_unverified_context())

    def ask_held():
        held.request("POST", "/", json.dumps({"jsonrpc": "2.0", "id": 1, "method": "node.status"}),
                     {"Content-Type": "application/json", "Authorization": f"Bearer {listed['token']}"})
        return "result" in json.loads(held.getresponse().read())

    drill.demand("a connection is open before the rotation", ask_held())
    socket = held.sock
    first = drill.fault("rotation.order", 0, 1)   # which is replaced first
    for turn in (first, 1 - first):
        if turn == 0:
            token_file.write_text(tokens[1])
        else:
            certificate(node.dir, "server")
        node.cli("config", "reload")
        drill.log("rotated", ("the admin's token", "the certificate")[turn])
    drill.demand("the new token counts and the old one has ended", (status(tokens[0]), status(tokens[1])) == ("refused", "result"))
    drill.wait("the new certificate", lambda: ssl.get_server_certificate(("127.0.0.1", port)) != before)
    drill.demand("the open connection was not cut, and its token counts", ask_held() and held.sock is socket)
    node.cli("token", "revoke", listed["id"])
    drill.demand("and ends when it is revoked", status(listed["token"]) == "refused")
    node.pay()
    node.verify()
    node.stop()


def rpc_port(node):
    for line in (node.dir / "stdout.txt").read_text().splitlines():
        words = line.split()
        if len(words) == 2 and words[0] == "JSON-RPC":
            return int(words[1].split(":")[2].strip("/"))
    raise DrillFailed("the node does not say where it answers")


def emergency_shutdown(drill):
    """Stopped in the middle of load, its data copied, the copy verified; nothing that was answered is missing (runbook emergency shutdown)"""
    node = Node(drill).start()
    drill.before()
    answered = []

    def load():
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError, Refused):
            while True:
                node.pay()
                answered.append(1)

    sender = threading.Thread(target=load)
    sender.start()
    after = drill.fault("stop.after_commands", 5, 60)
    drill.wait("load", lambda: len(answered) >= after)
    began = time.monotonic()
    node.stop()
    sender.join()
    drill.log("stopped", f"in good order after {time.monotonic() - began:.1f} s, {len(answered)} commands answered")
    copy = drill.work / "copy"
    node.copy_data(copy)
    drill.demand("nothing is deleted by a stop", all((copy / name).exists() for name in ("chain", "state", "keys", "genesis.json")))
    words = [drill.program("blockd"), "call", "maintenance.verify", "--data-dir", copy, "--config", node.dir / "node.yaml"]
    done = subprocess.run(words, env=node.environment(), cwd=drill.home, text=True, capture_output=True, timeout=120 * drill.stretch)
    money = subprocess.run([*words[:2], "ledger.check", *words[3:]], env=node.environment(), cwd=drill.home, text=True, capture_output=True, timeout=120 * drill.stretch)
    drill.demand("the copy is whole", done.returncode == 0 and json.loads(done.stdout)["ok"], (done.stdout + done.stderr).strip()[:300])
    drill.demand("the money of the copy adds up", money.returncode == 0 and json.loads(money.stdout)["ok"], (money.stdout + money.stderr).strip()[:300])
    node.start()
    drill.wait("an empty pool", lambda: node.call("mempool.stats")["size"] == 0)
    least = len(answered) * 7
    drill.demand("all that was answered is there", least <= node.balance() <= least + 7, f"({node.balance()}, answered {least})")
    node.stop()


ALL = {drill.__name__: drill for drill in (kill_node_recovers, disk_full_repair, permission_error, log_repair, restore_staging,
                                           plugin_upgrade_rollback, key_rotation, emergency_shutdown)}
