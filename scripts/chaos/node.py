"""A node of a drill: a real blockd with the shipped plugins, in a directory of its own, on free ports, driven over its local socket."""
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time

START_SECONDS, STOP_SECONDS, CALL_SECONDS = 15, 30, 15   # each times the multiplier
PAYEE = "tb1qm97tgjht8p63qy6568aq5fgytc6ue8cynzap2tr5thczc8j8w9s8np6z0"


class DrillFailed(Exception):
    """The node did not do what the drill demands."""


class Refused(Exception):
    def __init__(self, error):
        super().__init__(error["message"])
        self.code, self.name = error["code"], error["data"]["name"]


class LocalConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Node:
    def __init__(self, drill, name="node", config="", env=None, data=None):
        self.drill, self.name, self.config, self.env = drill, name, config, dict(env or {})
        self.dir = drill.work / name
        self.dir.mkdir()
        self.data = data or self.dir / "data"
        self.process = self.user = None
        self.last_metrics, self.last_height = "", None   # at its last stop in good order
        drill.nodes.append(self)
        self.write_config()

    def write_config(self, config=None):
        self.config = self.config if config is None else config
        sections = {"chain": "  profile: dev\n", "plugins": f"  load: [{', '.join(self.drill.plugins)}]\n",
                    "listeners": "  rpc: 127.0.0.1:0\n  metrics: 127.0.0.1:0\n  status: 127.0.0.1:0\n",
                    "log": f"  file: {self.dir}/node.log\n", "rpc": f"  tokens_file: {self.dir}/tokens.yaml\n"}
        for section, text in re.findall(r"^(\w+):\n((?:  .*\n)+)", self.config, re.M):
            sections[section] = sections.get(section, "") + text
        text = "".join(f"{name}:\n{lines}" for name, lines in sections.items())
        fresh = self.dir / "node.yaml.new"
        fresh.write_text(text)
        fresh.rename(self.dir / "node.yaml")

    def environment(self):
        own = {k: v for k, v in os.environ.items() if not k.startswith("TB_")}
        return own | {"HOME": str(self.dir), "TMPDIR": str(self.dir)} | self.env

    def launch(self):
        self.out = open(self.dir / "stdout.txt", "ab")
        self.greeted_from = self.out.tell()   # what is behind it, this process has said
        self.process = subprocess.Popen([self.drill.program("blockd"), "run", "--config", self.dir / "node.yaml", "--data-dir", self.data],
                                        stdout=self.out, stderr=subprocess.STDOUT, env=self.environment(), cwd=self.drill.home, user=self.user,
                                        group=self.user, extra_groups=[] if self.user else None)

    def start(self):
        self.launch()
        self.drill.wait(f"the start of {self.name}", self.is_up, START_SECONDS)
        return self

    def is_up(self):
        if self.process.poll() is not None:
            raise DrillFailed(f"{self.name} ended at its start with {self.process.returncode}: {self.said()[-600:]}")
        try:
            return self.call("node.status") and self.listeners()   # it answers before it greets
        except (OSError, http.client.HTTPException):
            return False

    def said(self):
        log = self.dir / "node.log"
        return (self.dir / "stdout.txt").read_text() + (log.read_text() if log.exists() else "")

    def call(self, method, params=None):
        connection = LocalConnection(str(self.data / "rpc.sock"), CALL_SECONDS * self.drill.stretch)
        try:
            message = {"jsonrpc": "2.0", "id": 1, "method": method} | ({"params": params} if params is not None else {})
            connection.request("POST", "/", json.dumps(message), {"Content-Type": "application/json"})
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        if "error" in answer:
            raise Refused(answer["error"])
        return answer["result"]

    def listeners(self):
        """Scheme and port of each listener that the greeting names; none before it is printed."""
        greeting = (self.dir / "stdout.txt").read_bytes()[self.greeted_from:].decode()
        return {name: (scheme, port) for name, scheme, port in re.findall(r"^\s*(JSON-RPC|metrics|status)\s+(https?)://[^:]+:(\d+)", greeting, re.M)}

    def get(self, listener, path):
        """Status and body of a GET on `metrics` or `status`."""
        names = {"metrics": "metrics", "status": "status", "rpc": "JSON-RPC"}
        scheme, port = self.listeners()[names[listener]]
        limit = CALL_SECONDS * self.drill.stretch
        if scheme == "https":   # a certificate that the drill itself made
            connection = http.client.HTTPSConnection("127.0.0.1", int(port), timeout=limit, context=ssl._create_unverified_context())
        else:
            connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=limit)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def metric(self, name):
        """Sum of the series of a family, 0 when it has none."""
        lines = [line for line in self.get("metrics", "/metrics")[1].splitlines() if re.match(rf"{name}(\{{|\s)", line)]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    def cli(self, *words, check=True):
        env = self.environment() | {"TB_RPC_SOCKET": str(self.data / "rpc.sock"), "PATH": f"{self.drill.bin}:{os.environ['PATH']}"}
        done = subprocess.run([self.drill.program("contract-cli"), *map(str, words)], env=env, cwd=self.drill.home, text=True,
                              capture_output=True, timeout=60 * self.drill.stretch)
        if check and done.returncode:
            raise DrillFailed(f"contract-cli {' '.join(map(str, words))}: exit {done.returncode}: {done.stderr.strip()}")
        return done

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.out.close()

    def stop(self):
        self.last_metrics, self.last_height = self.get("metrics", "/metrics")[1], self.height()
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=STOP_SECONDS * self.drill.stretch)
        self.out.close()
        if status != 0:
            raise DrillFailed(f"{self.name} did not stop in good order: exit {status}")

    def close(self):
        if self.alive():
            self.kill()

    # What drills do with it.

    def pay(self, amount=7):
        return self.call("ledger.transfer", {"to": PAYEE, "amount": amount})

    def balance(self):
        return int(self.call("balance", {"address": PAYEE})["amount"])

    def height(self):
        return self.call("node.status")["current_block_height"]

    def verify(self):
        """The whole log executes to the same roots, and no money was made or lost."""
        report = self.call("maintenance.verify", {})
        if not report["ok"] or not self.call("ledger.check")["ok"]:
            raise DrillFailed(f"{self.name}: the log does not execute to the same state: {report}")
        self.drill.log("holds", f"{self.name}: all {report['blocks']} blocks execute again to the same state, and no money was made or lost")

    def copy_data(self, to):
        shutil.copytree(self.data, to, ignore=shutil.ignore_patterns("rpc.sock", "LOCK", "node.pid"))


def wait(what, condition, seconds):
    """Polls; the bound only keeps a failed drill from hanging."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise DrillFailed(f"{what} did not happen within {seconds:.0f} s")


def programs_beside(here):
    """Folder of blockd and contract-cli: beside this program, in TB_BUILD_DIR, or in the release build of this source tree."""
    places = [here, pathlib.Path(os.environ.get("TB_BUILD_DIR", here.parent / "build" / "release")) / "bin"]
    for place in places:
        if (place / "blockd").exists() and (place / "contract-cli").exists():
            return place
    raise DrillFailed(f"no blockd and contract-cli in {' or '.join(map(str, places))}; build or install them, or set TB_BUILD_DIR")
