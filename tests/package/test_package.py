#!/usr/bin/env python3
"""The Debian package in a bare Debian 12: install, start as the service, use, upgrade with the same chain, remove, install again, purge.
Then the package of the SDK: it builds an example and a plugin of the template, and the node takes them.

    ./dev package --test            makes the packages and runs this
    test_package.py --packages DIR  with packages that are there

Exit 77: this host cannot do it, and why. Needs root, debootstrap, systemd-nspawn and Debian's archive."""
import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from machine import APT, Machine, Missing, bootstrap, check_host, wait_for  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = "/var/lib/the-block"
NODE = ("--config", "/etc/the-block/node.yaml", "--data-dir", DATA)
SETTLE_SECONDS = 300
SKIPPED = 77


def check(what, found, expected=True):
    if found != expected:
        raise AssertionError(f"{what}: found {found!r}, expected {expected!r}")
    print(f"  ok  {what}", flush=True)


def newer(version, steps):
    head, last = version.rsplit(".", 1)
    return f"{head}.{int(last) + steps}"


class PackageTest:
    def __init__(self, machine, packages, build):
        self.machine, self.packages, self.build = machine, packages, build
        self.run, self.out = machine.run, machine.out

    def pack(self, version=None):
        """Packs what is built; returns the file of the-block."""
        words = ["cpack", "-G", "DEB", "--config", self.build / "CPackConfig.cmake", "-B", self.packages]
        done = subprocess.run(words + (["-D", f"CPACK_PACKAGE_VERSION={version}"] if version else []), text=True, capture_output=True)
        if done.returncode != 0:
            raise AssertionError("cpack:\n" + (done.stdout + done.stderr)[-3000:])
        shutil.rmtree(self.packages / "_CPack_Packages", ignore_errors=True)
        files = [path for path in self.packages.glob("the-block_*.deb") if version is None or f"_{version}_" in path.name]
        return max(files, key=lambda path: path.stat().st_mtime)

    def prepare(self):
        self.first = self.pack()
        self.version = re.fullmatch(r"the-block_([^_]+)_\w+\.deb", self.first.name).group(1)
        self.files = [self.first, self.pack(newer(self.version, 1)), self.pack(newer(self.version, 2))]
        for path in self.files:
            shutil.copy(path, self.machine.root / "root")
        # Dependencies are fetched while there is a network; apt installs from what it has then.
        self.machine.chroot("apt-get", "update", "-qq")
        self.machine.chroot(*APT, "install", "--no-install-recommends", "--download-only", f"/root/{self.first.name}")

    def apt_install(self, path):
        return self.run(*APT, "-o", "Dpkg::Options::=--force-confold", "install", "--no-install-recommends", f"/root/{path.name}")

    def cli(self, *words):
        return json.loads(self.out("contract-cli", *words, "--format", "json"))

    def settled(self):
        shown = self.run("contract-cli", "energy", "market", "--format", "json", check=False)
        return shown.returncode == 0 and json.loads(shown.stdout)["totals"]["kwh_settled"] > 0

    def head(self):
        """The newest block of the node, which does not run."""
        block = json.loads(self.out("runuser", "-u", "blockd", "--", "blockd", "call", "block.latest", *NODE))
        return block["height"], block["hash"]

    def pid(self):
        return int(self.out("systemctl", "show", "-P", "MainPID", "the-block"))

    def block_hash(self, height):
        return self.cli("block", "get", str(height))["hash"]

    def wait_until_ready(self):
        def answers():
            self.last = self.run("contract-cli", "node", "status", check=False)
            return self.last.returncode == 0
        try:
            wait_for("the service's start", answers)
        except AssertionError as late:
            raise AssertionError(f"{late}: {self.last.stderr}") from late

    # --- the life of an installation, in order ---

    def install(self):
        self.before = self.machine.files()
        self.apt_install(self.first)
        check("version", self.out("blockd", "--version"), f"blockd {self.version}")
        check("nothing is started", self.run("systemctl", "is-active", "the-block", check=False).stdout.strip(), "inactive")
        check("nothing is enabled", self.run("systemctl", "is-enabled", "the-block", check=False).stdout.strip(), "disabled")
        check("the user", self.out("getent", "passwd", "blockd").split(":")[5:], [DATA, "/usr/sbin/nologin"])
        check("owner and mode of the data", self.out("stat", "-c", "%U:%G %a", DATA), "blockd:blockd 700")
        check("the configuration is right", self.run("contract-cli", "config", "check", "/etc/the-block/node.yaml").stderr, "")
        for unit in ("the-block.service", "energy-oracle.service", "mock-energy-oracle.service", "receipt-emitter.service", "energy-market.service"):
            check(f"{unit} is right", self.run("systemd-analyze", "verify", unit, check=False).stderr, "")
        for name in ("man/man1/contract-cli.1.gz", "man/man8/blockd.8.gz", "man/man5/blockd.yaml.5.gz", "bash-completion/completions/contract-cli",
                     "bash-completion/completions/tb-cli", "zsh/vendor-completions/_contract-cli", "fish/vendor_completions.d/contract-cli.fish"):
            check(f"share/{name}", self.run("test", "-e", f"/usr/share/{name}", check=False).returncode, 0)

    def start(self):
        # One plugin in a process of its own: what locks it in must pass the unit's filter of system calls.
        self.run("sed", "-i", "s/- receipts$/- {id: receipts, isolation: process}/", "/etc/the-block/node.yaml")
        self.run("systemctl", "enable", "--now", "the-block")
        self.wait_until_ready()
        wait_for("the first settlement", self.settled, SETTLE_SECONDS)
        receipts = next(row for row in self.cli("plugin", "list") if row["id"] == "receipts")
        check("an isolated plugin runs", (receipts["isolation"], receipts["state"]), ("process", "running"))
        check("it runs as its user", self.out("stat", "-c", "%U", f"/proc/{self.pid()}"), "blockd")
        pid = self.pid()
        self.run("systemctl", "reload", "the-block")
        check("a reload keeps the process", self.pid(), pid)
        check("the log is written", self.run("test", "-s", "/var/log/the-block/node.log", check=False).returncode, 0)
        found = self.run("contract-cli", "doctor", *NODE, "--format", "json", check=False)
        check("doctor finds no error", [row for row in json.loads(found.stdout)["findings"] if row["state"] == "error"], [])

    def has(self, program):
        return self.run("sh", "-c", f"command -v {program}", check=False).returncode == 0

    def upgrade_while_it_runs(self):
        self.run("sh", "-c", "printf '# ours\\n' >> /etc/the-block/node.yaml")
        height = self.cli("node", "status")["current_block_height"]
        block, pid = self.block_hash(height), self.pid()
        self.apt_install(self.files[1])
        self.wait_until_ready()
        check("the service was restarted", self.pid() != pid)
        check("the chain goes on", self.cli("node", "status")["current_block_height"] >= height)
        check(f"block {height} is the same", self.block_hash(height), block)
        check("the operator's configuration is kept", self.out("tail", "-n", "1", "/etc/the-block/node.yaml"), "# ours")
        check("installed version", self.installed(), newer(self.version, 1))

    def upgrade_while_it_stands(self):
        self.run("systemctl", "stop", "the-block")
        before = self.head()
        self.apt_install(self.files[2])
        check("an upgrade starts nothing that stood", self.run("systemctl", "is-active", "the-block", check=False).stdout.strip(), "inactive")
        check("height and hash of the newest block", self.head(), before)
        verified = json.loads(self.out("runuser", "-u", "blockd", "--", "contract-cli", "maintenance", "verify", "--data-dir", DATA, "--format", "json"))
        check("the whole log executes to the same roots", verified["ok"])

    def installed(self):
        return self.out("dpkg-query", "-W", "-f", "${Version}", "the-block")

    def remove(self):
        self.run("systemctl", "start", "the-block")
        self.wait_until_ready()
        pid = self.pid()
        self.run(*APT, "remove", "the-block")
        check("the node is stopped", self.run("test", "-e", f"/proc/{pid}", check=False).returncode, 1)
        check("the program is gone", self.has("blockd"), False)
        check("no link to a unit is left", self.out("find", "/etc/systemd/system", "-name", "the-block*", "-o", "-name", "ledger-node*"), "")
        check("data is kept", self.run("test", "-d", f"{DATA}/state", check=False).returncode, 0)
        check("keys are kept", self.run("test", "-f", f"{DATA}/keys/operator.key", check=False).returncode, 0)
        check("configuration is kept", self.out("tail", "-n", "1", "/etc/the-block/node.yaml"), "# ours")

    def install_again(self):
        self.apt_install(self.files[2])
        height, block = self.head()
        self.run("systemctl", "start", "the-block")
        self.wait_until_ready()
        check("the same chain goes on", self.block_hash(height), block)

    def purge(self):
        self.run(*APT, "purge", "the-block")
        self.run(*APT, "autoremove", "--purge")
        check("no user is left", self.run("getent", "passwd", "blockd", check=False).returncode, 2)
        check("no process is left", self.run("sh", "-c", "ls -l /proc/[0-9]*/exe 2>/dev/null | grep blockd", check=False).stdout, "")
        left = sorted(path for path in self.machine.files() - self.before if not path.startswith("etc/") or "block" in path)
        check("no file is left", left, [])
        self.run("test", "!", "-e", "/var/log/the-block")

    def build_a_plugin(self):
        """With the SDK's package and what it depends on, and nothing else; the machine is off and has the host's network."""
        self.machine.power_off()
        proc = self.machine.root / "proc"  # where blockd finds itself, for the child that probes a library
        subprocess.run(["mount", "--bind", "/proc", proc], check=True)
        try:
            self.build_with_the_sdk()
        finally:
            subprocess.run(["umount", "-l", proc], check=True)

    def build_with_the_sdk(self):
        sdk = max(self.packages.glob("the-block-sdk_*.deb"), key=lambda path: path.stat().st_mtime)
        shutil.copy(sdk, self.machine.root / "root")
        chroot = self.machine.chroot
        chroot(*APT, "install", "--no-install-recommends", f"/root/{sdk.name}", f"/root/{self.files[2].name}")
        chroot("cp", "-R", "/usr/share/the-block-sdk/examples/greeter", "/root/greeter")
        self.build_in("greeter")
        # The tests of a plugin need what the package recommends.
        more = subprocess.run(["dpkg-deb", "-f", sdk, "Recommends"], text=True, capture_output=True, check=True).stdout
        chroot(*APT, "install", "--no-install-recommends", *more.replace(",", " ").split())
        chroot("tb-new-plugin", "two-words", "--dir", "/root")
        self.build_in("two-words")
        tested = chroot("ctest", "--test-dir", "/root/two-words/build", "--no-tests=error")
        check("the new plugin passes its tests", "100% tests passed" in tested)

    def build_in(self, plugin):
        chroot = self.machine.chroot
        chroot("cmake", "-S", f"/root/{plugin}", "-B", f"/root/{plugin}/build", "-DCMAKE_BUILD_TYPE=Release")
        chroot("cmake", "--build", f"/root/{plugin}/build")
        chroot("blockd", "--print-openrpc", "--out", f"/root/{plugin}.json", f"/root/{plugin}/build/plugins/{plugin}.so")
        methods = [method["name"] for method in json.loads((self.machine.root / f"root/{plugin}.json").read_text())["methods"]]
        check(f"the node of the package takes {plugin}.so", any(name.startswith((f"{plugin}.", plugin.replace("-", "_") + ".")) for name in methods))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--packages", type=pathlib.Path, default=ROOT / "build/package")
    parser.add_argument("--root", type=pathlib.Path, help="a fresh Debian 12 with systemd to copy, instead of debootstrap")
    options = parser.parse_args()
    try:
        check_host()
    except Missing as lack:
        print(f"NOT RUN: the Debian package was not tried: {lack}", file=sys.stderr)
        return SKIPPED
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tb-package-", dir="/var/tmp"))
    machine = None
    try:
        if options.root:
            subprocess.run(["cp", "-a", options.root, folder / "root"], check=True)
        else:
            print("making a bare Debian 12", flush=True)
            bootstrap(folder / "root")
        machine = Machine(folder / "root")
        test = PackageTest(machine, options.packages, options.build)
        test.prepare()
        machine.boot()
        for step in (test.install, test.start, test.upgrade_while_it_runs, test.upgrade_while_it_stands, test.remove, test.install_again, test.purge,
                     test.build_a_plugin):
            print(step.__name__.replace("_", " "), flush=True)
            step()
        print("the package installs, starts, upgrades, removes and purges; the SDK's builds plugins")
        return 0
    except BaseException:
        if machine and machine.leader and machine.process.poll() is None:
            print(machine.run("journalctl", "-u", "the-block", "-n", "25", "--no-pager", check=False).stdout, file=sys.stderr)
        raise
    finally:
        if machine:
            machine.power_off()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
