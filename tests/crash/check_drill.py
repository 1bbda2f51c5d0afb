"""Runs one drill of tb-chaos: it passes, and leaves an artefact that holds what was promised, is cited by its right hash, and replays."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

TOOL = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "tb-chaos"
FILES = {"log.txt", "metadata.json", "metrics-before.prom", "metrics-after.prom", "node-0.log"}
SEED = 7


def run(words, root):
    env = os.environ | {"TB_CHAOS_ARTIFACT_ROOT": root, "TMPDIR": root}
    done = subprocess.run([sys.executable, "-B", TOOL, *words], env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    print(done.stdout)
    return done.returncode, done.stdout


def artefact(output):
    """Path of the zip that the last line of a run names, looked at."""
    found = re.fullmatch(r"chaos artifact: (\S+\.zip) blake3=([0-9a-f]{64})", [line for line in output.splitlines() if line.startswith("chaos artifact")][-1])
    assert found, "no last line that names the artefact"
    path = found.group(1)
    digest = subprocess.run(["b3sum", "--no-names", path], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    assert digest == found.group(2), f"{path} has the hash {digest}, the drill says {found.group(2)}"
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None, path
        assert set(file.namelist()) >= FILES, file.namelist()
        log, metadata = file.read("log.txt").decode(), json.loads(file.read("metadata.json"))
        assert file.read("metrics-after.prom") or file.read("metrics-before.prom"), "no metrics"
    for label in ("net.packet_loss", "net.jitter_ms", "fault.seed", "convergence", "result"):
        assert f"] {label}: " in log, f"log.txt has no line {label}"
    assert (metadata["seed"], metadata["result"]) == (SEED, "passed"), metadata
    return path


def main(drill):
    with tempfile.TemporaryDirectory(prefix="tb-drill-") as root:
        os.chmod(root, 0o755)   # a drill may run its node as another user
        status, output = run(["run", drill, "--seed", str(SEED)], root)
        assert status == 0, f"{drill} failed"
        path = artefact(output)
        status, output = run(["replay", path], root)
        assert status == 0 and "the same" in output, f"{drill} does not replay"
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
