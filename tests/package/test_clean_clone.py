#!/usr/bin/env python3
"""A clone in a bare Debian 12 in which nothing is prepared: `./dev run --detach` until the market settles, then `./dev stop`.

    test_clean_clone.py [--ref REF]   of this checkout (HEAD: what is committed)

Prints how long each stage took, and the processor time of the build. Exit 77: this host cannot do it, and why. Needs root,
debootstrap, Debian's archive, and some fifteen minutes of two processors."""
import argparse
import json
import os
import pathlib
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from machine import MIRROR, Machine, Missing, check_host, wait_for  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLONE = "/root/the-block"
STAGES = {"installing": "Debian packages", "configuring": "configuration", "building": "build"}
SETTLE_SECONDS = 300
PORTS = ("TB_RPC_ADDR", "TB_METRICS_ADDR", "TB_STATUS_ADDR", "MOCK_ENERGY_ORACLE_ADDR")


def free_addresses():
    """The chroot shares the network of the host, where other nodes may run."""
    held = [socket.socket() for _ in PORTS]
    for one in held:
        one.bind(("127.0.0.1", 0))
    found = {name: f"127.0.0.1:{one.getsockname()[1]}" for name, one in zip(PORTS, held)}
    for one in held:
        one.close()
    return found


class CleanClone:
    def __init__(self, machine):
        self.machine = machine
        self.environment = {**Machine.environment(), "TERM": "dumb", **free_addresses()}

    def words(self, *command):
        return ["chroot", str(self.machine.root), "/usr/bin/env", "-C", CLONE, *command]

    def dev(self, *verb, check=True):
        done = subprocess.run(self.words("./dev", *verb), env=self.environment, text=True, capture_output=True)
        if check and done.returncode != 0:
            raise AssertionError(f"./dev {' '.join(verb)}: exit {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return done

    def run(self):
        """Follows what `./dev run` says it does; returns seconds of each stage."""
        process = subprocess.Popen(self.words("./dev", "run", "--detach"), env=self.environment, text=True, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT)
        seconds, stage, since, tail = {}, "start", time.monotonic(), []
        for line in process.stdout:
            tail = (tail + [line])[-40:]
            begun = next((name for word, name in STAGES.items() if "==>" in line and f" {word} " in line), None)
            if "started pid=" in line:
                begun = "started"
            if begun:
                print(line.strip()[:160], flush=True)
                now = time.monotonic()
                seconds[stage] = now - since
                stage, since = begun, now
        said = "".join(tail)
        if process.wait() != 0 or "first settlements of the energy market" not in said or "to try next" not in said:
            raise AssertionError("./dev run --detach:\n" + said)
        return seconds

    def settled(self):
        shown = self.dev("cli", "energy", "market", "--format", "json", check=False)
        return shown.returncode == 0 and json.loads(shown.stdout)["totals"]["kwh_settled"] > 0

    def nodes(self):
        """Processes of this root that run blockd."""
        found = []
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(process / "root") == str(self.machine.root) and os.readlink(process / "exe").endswith("/blockd"):
                    found.append(process.name)
            except OSError:
                continue  # it ended meanwhile
        return found


def test(machine, ref):
    subprocess.run(["git", "clone", "-q", "--no-local", ROOT, f"{machine.root}{CLONE}"], check=True)
    subprocess.run(["git", "-C", f"{machine.root}{CLONE}", "checkout", "-q", ref], check=True)
    shutil.copy("/etc/resolv.conf", machine.root / "etc/resolv.conf")
    clone = CleanClone(machine)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = clone.run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        wait_for("the first settlement", clone.settled, SETTLE_SECONDS)
        print("the market settles")
        subprocess.run(clone.words("cmake", "--install", "build/release", "--component", "sdk", "--prefix", "/root/sdk"), env=clone.environment,
                       check=True, stdout=subprocess.DEVNULL)
        print("the SDK is there")
    finally:
        clone.dev("stop")
    if clone.nodes():
        raise AssertionError(f"./dev stop left processes: {clone.nodes()}")
    again = time.monotonic()
    clone.dev("build", "package_files")
    print(f"built again: {time.monotonic() - again:.0f} s")
    for stage, taken in seconds.items():
        print(f"{stage}: {taken:.0f} s")
    print(f"processor time of all: {after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime:.0f} s on {os.cpu_count()} processors")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ref", default="HEAD")
    options = parser.parse_args()
    ref = subprocess.run(["git", "-C", ROOT, "rev-parse", options.ref], text=True, capture_output=True, check=True).stdout.strip()
    try:
        check_host()
    except Missing as lack:
        print(f"NOT RUN: no clean clone was tried: {lack}", file=sys.stderr)
        return 77
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tb-clean-", dir="/var/tmp"))
    root = folder / "root"
    mounted = []
    try:
        print("making a bare Debian 12", flush=True)
        subprocess.run(["debootstrap", "--variant=minbase", "bookworm", root, MIRROR], check=True, stdout=subprocess.DEVNULL)
        for name in ("proc", "dev", "dev/pts"):
            subprocess.run(["mount", "--bind", f"/{name}", root / name], check=True)
            mounted.append(root / name)
        test(Machine(root), ref)
        return 0
    finally:
        for place in reversed(mounted):
            subprocess.run(["umount", "-l", place], check=True)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
