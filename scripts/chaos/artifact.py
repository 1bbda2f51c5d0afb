"""What a drill leaves behind: its log, its seed and knobs, the metrics before and after, the end of each node's log; as a directory and as a zip."""
import json
import re
import time
import zipfile

from blake3 import blake3

FAMILIES = re.compile(r"(transport|quic|gossip|partition|fork|overlay|range_boost|storage)_")
LOG_LINES = 1000


class Artifact:
    def __init__(self, root, drill):
        root.mkdir(parents=True, exist_ok=True)
        for at in range(int(time.time()), int(time.time()) + 1000):   # two drills within a second get different names
            self.dir = root / f"{drill}-{at}"
            try:
                self.dir.mkdir()
                break
            except FileExistsError:
                continue
        self.log_file = open(self.dir / "log.txt", "w", buffering=1)

    def log(self, label, detail=""):
        line = f"[{int(time.time())}] {label}: {detail}"
        self.log_file.write(line + "\n")
        print(line, flush=True)

    def metrics(self, when, nodes):
        text = ""
        for i, node in enumerate(nodes):
            text += f"# node {i}\n"
            lines = (node.get("metrics", "/metrics")[1] if node.alive() else node.last_metrics).splitlines()
            text += "".join(line + "\n" for line in lines if FAMILIES.match(line.removeprefix("# HELP ").removeprefix("# TYPE ")))
        (self.dir / f"metrics-{when}.prom").write_text(text)

    def finish(self, metadata, nodes):
        """Writes the rest and the zip; returns its path and hash."""
        self.log_file.close()
        (self.dir / "metadata.json").write_text(json.dumps(metadata, indent=2, sort_keys=True) + "\n")
        for name in ("metrics-before.prom", "metrics-after.prom"):
            (self.dir / name).touch()
        for i, node in enumerate(nodes):
            (self.dir / f"node-{i}.log").write_text("\n".join(node.said().splitlines()[-LOG_LINES:]) + "\n")
        path = self.dir.with_suffix(".zip")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
            for file in sorted(self.dir.iterdir()):
                out.write(file, file.name)
        return path, blake3(path.read_bytes())


def read(path):
    """Metadata and the decisions about faults of an artefact."""
    with zipfile.ZipFile(path) as file:
        if file.testzip() is not None:
            raise zipfile.BadZipFile(f"{path}: {file.testzip()} is damaged")
        metadata = json.loads(file.read("metadata.json"))
        return metadata, decisions(file.read("log.txt").decode())


def decisions(log):
    return [line.split("] ", 1)[1] for line in log.splitlines() if re.match(r"\[\d+\] fault\.", line)]
