"""Verbs of tb-chaos, and the frame in which every drill runs."""
import argparse
import http.client
import json
import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import time
import traceback
import zipfile

import artifact
import attest
import drills
from node import DrillFailed, Refused, programs_beside, wait


# What a node that misbehaves may bring about in a drill; a mistake in the drill itself ends this program as it should.
TROUBLE = (DrillFailed, Refused, OSError, http.client.HTTPException, subprocess.SubprocessError, KeyError, ValueError)


class Drill:
    """What a drill gets: its seed, its log, its nodes."""

    plugins = ("ledger", "receipts", "energy")

    def __init__(self, bin_dir, name, seed):
        self.bin, self.name, self.seed = bin_dir, name, seed
        self.random = random.Random(seed)
        self.stretch = min(8, max(1, int(os.environ.get("TB_TEST_TIMEOUT_MULT", "4"))))
        self.nodes = []
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="tb-chaos-"))
        self.work.chmod(0o755)
        self.home = self.work
        self.artifact = artifact.Artifact(pathlib.Path(os.environ.get("TB_CHAOS_ARTIFACT_ROOT", "target/chaos_artifacts")), name)
        self.log = self.artifact.log

    def program(self, name):
        return self.bin / name

    def wait(self, what, condition, seconds=15):
        return wait(what, condition, seconds * self.stretch)

    def fault(self, label, low, high):
        """A decision of the seed, written down; a replay makes the same ones in the same order."""
        value = self.random.randint(low, high)
        self.log(f"fault.{label}", value)
        return value

    def demand(self, what, holds, found=""):
        self.log("holds" if holds else "BROKEN", f"{what} {found}".strip())
        if not holds:
            raise DrillFailed(f"{what} {found}".strip())

    def before(self):
        self.artifact.metrics("before", self.nodes)


def run(bin_dir, name, seed):
    """Returns the exit code and the decisions about faults."""
    drill = Drill(bin_dir, name, seed)
    started, result, why = int(time.time()), "failed", ""
    for label, value in (("net.packet_loss", 0), ("net.jitter_ms", 0), ("fault.seed", seed), ("drill", drills.ALL[name].__doc__.splitlines()[0])):
        drill.log(label, value)
    try:
        drills.ALL[name](drill)
        result = "passed"
        drill.log("convergence", f"heights {[node.height() if node.alive() else node.last_height for node in drill.nodes]} after {int(time.time()) - started} s")
        drill.artifact.metrics("after", drill.nodes)
    except TROUBLE as trouble:
        result, why = "failed", f"{type(trouble).__name__}: {trouble}"
        drill.log("trouble", traceback.format_exc().strip().replace("\n", " | "))
        drill.log("convergence", f"none after {int(time.time()) - started} s")
    finally:
        for node in drill.nodes:
            node.close()
        drill.log("result", f"{result} {why}".strip())
        version = subprocess.run([drill.program("blockd"), "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.split()[1]
        metadata = {"drill": name, "version": version, "seed": seed, "knobs": {"packet_loss": 0, "jitter_ms": 0, "timeout_mult": drill.stretch},
                    "node_count": len(drill.nodes), "configs": [node.config for node in drill.nodes], "start": started, "end": int(time.time()),
                    "result": result, "reason": why}
        path, digest = drill.artifact.finish(metadata, drill.nodes)
        found = artifact.decisions((drill.artifact.dir / "log.txt").read_text())
        drills.unmount_all(drill)
        shutil.rmtree(drill.work, ignore_errors=True)
        print(f"chaos artifact: {path} blake3={digest}", flush=True)
    return (0 if result == "passed" else 1), found


def replay(bin_dir, path):
    metadata, before = artifact.read(path)
    if metadata["drill"] not in drills.ALL:
        raise DrillFailed(f"{path} is of the drill '{metadata['drill']}', which does not run here")
    status, now = run(bin_dir, metadata["drill"], metadata["seed"])
    if before != now:
        print(f"the faults of {path} were {before}, now they are {now}")
        return 1
    print(f"the same {len(now)} decisions about faults as in {path}")
    return status


def parse(description):
    parser = argparse.ArgumentParser(prog="tb-chaos", description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="drills that run here")
    one = verbs.add_parser("run", help="run a drill")
    one.add_argument("drill", choices=drills.ALL, metavar="DRILL")
    one.add_argument("--seed", type=int, default=None)
    again = verbs.add_parser("replay", help="run a drill again with the faults of an artefact")
    again.add_argument("zip", type=pathlib.Path)
    attest.add_arguments(verbs.add_parser("attest", help="sign what artefacts show"))
    return parser.parse_args()


def main(here, description):
    options = parse(description)
    if options.verb == "list":
        for name, drill in drills.ALL.items():
            print(f"{name:24} {drill.__doc__.splitlines()[0]}")
        return 0
    try:
        if options.verb == "attest":
            return attest.run(options)
        bin_dir = programs_beside(here)
        if options.verb == "replay":
            return replay(bin_dir, options.zip)
        seed = options.seed if options.seed is not None else int(os.environ.get("TB_FAULT_SEED") or random.SystemRandom().randrange(1 << 32))
        return run(bin_dir, options.drill, seed)[0]
    except (DrillFailed, zipfile.BadZipFile, KeyError, OSError, json.JSONDecodeError) as why:
        print(f"error: {why}")
        return 1
