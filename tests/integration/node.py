"""A real node for a test: real process, real sockets, real LevelDB, in a directory of its own with free ports."""
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TB_BUILD_DIR", ROOT / "build" / "release"))
BIN = BUILD / "bin"
START_SECONDS = 60  # a bound against hanging, not a measure


def is_sanitized():
    """Whether the programs were built with a sanitizer (presets asan, tsan)."""
    cache = BUILD / "CMakeCache.txt"
    return cache.exists() and re.search(r"^TB_SANITIZE:\w+=.", cache.read_text(), re.MULTILINE) is not None


SANITIZED = is_sanitized()
STALL = float(os.environ.get("TB_TEST_STALL", 0))  # seconds that a call of a test may come too late, to find tests that race with their node
FREEZE = float(os.environ.get("TB_TEST_FREEZE", 0))  # seconds that a node may stand still at any moment, which is the other half of a busy machine
PATIENCE = 10 if SANITIZED or STALL or FREEZE else 1  # every bound against hanging is multiplied by it
FINDING = re.compile(r"^.*(?:ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|: runtime error: ).*$", re.MULTILINE)


def no_findings(who, text):
    """What a sanitizer has printed fails the test, whatever became of the process."""
    found = FINDING.search(text) if SANITIZED else None
    if found:
        raise AssertionError(f"a sanitizer found something in {who}:\n{text[found.start():][:8000]}")


STANDING = {"empty_block_interval_ms": 0}  # settings of a chain that makes a block for a command and else stands still


class RpcError(Exception):
    def __init__(self, error):
        super().__init__(error["message"])
        self.error = error
        self.code = error["code"]
        self.name = error["data"]["name"]
        self.data = error["data"]


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=30):
        super().__init__("localhost", timeout=timeout * PATIENCE)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def stall():
    """What a busy machine does to a test at any moment; the node goes on meanwhile."""
    if STALL and random.random() < 0.25:
        time.sleep(random.random() * STALL)


def freeze_at_times(process):
    while process.poll() is None:
        time.sleep(random.random() * 4 * FREEZE)
        for each in (signal.SIGSTOP, signal.SIGCONT):
            if process.poll() is None:
                process.send_signal(each)
            time.sleep(random.random() * FREEZE if each == signal.SIGSTOP else 0)


def wait_for(what, condition, seconds=START_SECONDS, pause=0.02):
    """Polls until `condition()` is true; the bound only keeps a broken test from hanging."""
    seconds *= PATIENCE
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(pause)
    raise AssertionError(f"{what} did not happen within {seconds} s")


class Node:
    """`settings` are settings by section ({"chain": {"epoch_length": 10}}) of the sections that every node here has; they stay through each later
    `write_config`. `config` is the text of further sections."""

    def __init__(self, plugins=("ledger", "receipts", "energy"), config="", env=None, profile="dev", directory=None, settings=None):
        self.dir = pathlib.Path(directory or tempfile.mkdtemp(prefix="tb-node-"))
        self.own_dir = directory is None
        self.data = self.dir / "data"
        self.plugins = list(plugins)
        self.profile = profile
        self.settings = dict(settings or {})
        self.extra_config = config
        self.env = dict(env or {})
        self.process = None
        self.write_config()

    def write_config(self, extra=None):
        if extra is not None:
            self.extra_config = extra
        sections = {"chain": {"profile": self.profile}, "plugins": {},
                    "listeners": {"rpc": "127.0.0.1:0", "metrics": "127.0.0.1:0", "status": "127.0.0.1:0"},
                    "log": {"file": f"{self.dir}/node.log", "lines_per_second": 0}}
        for name, keys in self.settings.items():
            sections[name].update(keys)
        text = ""
        for name, keys in sections.items():
            text += f"{name}:\n" + "".join(f"  {key}: {json.dumps(value)}\n" for key, value in keys.items())
            if name == "plugins":
                text += "  load:\n" + ("".join(f"    - {p}\n" for p in self.plugins) or "    []\n")
        path = self.dir / "node.yaml"
        temporary = path.with_suffix(".new")
        temporary.write_text(text + self.extra_config)
        temporary.rename(path)
        return path

    def environment(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith("TB_")}
        env.update({"HOME": str(self.dir), "TB_RPC_SOCKET": str(self.data / "rpc.sock")})
        env.update(self.env)
        return env

    def start(self, wait=True):
        env = self.environment()
        env.pop("TB_RPC_SOCKET", None)
        self.out = open(self.dir / "stdout.txt", "ab")
        self.greeted_from = self.out.tell()  # a restart appends to what the earlier one has printed
        self.process = subprocess.Popen([BIN / "blockd", "run", "--config", self.dir / "node.yaml", "--data-dir", self.data],
                                        stdout=self.out, stderr=subprocess.STDOUT, env=env, cwd=ROOT)
        if FREEZE:
            threading.Thread(target=freeze_at_times, args=(self.process,), daemon=True).start()
        if wait:
            wait_for("the node's start", self.is_up)
        return self

    def is_up(self):
        if self.process.poll() is not None:
            raise AssertionError("the node ended at its start:\n" + self.output()[-4000:])
        try:
            self.rpc("node.status")
            return True
        except (OSError, http.client.HTTPException):
            return False

    def output(self):
        log = self.dir / "node.log"
        return (self.dir / "stdout.txt").read_text() + (log.read_text() if log.exists() else "")

    def request(self, body, timeout=30):
        stall()
        connection = UnixConnection(str(self.data / "rpc.sock"), timeout)
        try:
            connection.request("POST", "/", body=body, headers={"Content-Type": "application/json"})
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def rpc(self, method, params=None, timeout=30):
        message = {"jsonrpc": "2.0", "id": 1, "method": method}
        if params is not None:
            message["params"] = params
        answer = self.request(json.dumps(message), timeout)
        if "error" in answer:
            raise RpcError(answer["error"])
        return answer["result"]

    def greeting(self):
        text = (self.dir / "stdout.txt").read_bytes()[self.greeted_from:].decode()
        return text if "\n  operator  " in text else None

    def ports(self):
        """Listener name -> port, from what the process has bound (the greeting names them). It answers before it greets."""
        found = {}
        for line in wait_for("the greeting", self.greeting).splitlines():
            words = line.split()
            if len(words) >= 2 and words[1].startswith(("http://", "https://")):
                name = {"JSON-RPC": "rpc", "metrics": "metrics", "status": "status"}.get(words[0])
                if name:
                    found[name] = int(words[1].split(":")[2].split("/")[0])
        return found

    def get(self, listener, path, headers=None):
        stall()
        connection = http.client.HTTPConnection("127.0.0.1", self.ports()[listener], timeout=30 * PATIENCE)
        try:
            connection.request("GET", path, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def post(self, listener, body, headers=None, path="/"):
        stall()
        connection = http.client.HTTPConnection("127.0.0.1", self.ports()[listener], timeout=30 * PATIENCE)
        try:
            all_headers = {"Content-Type": "application/json"}
            all_headers.update(headers or {})
            connection.request("POST", path, body=body, headers=all_headers)
            response = connection.getresponse()
            return response.status, response.read().decode(), dict(response.getheaders())
        finally:
            connection.close()

    def post_at_once(self, listener, body, number, headers=None):
        """Statuses and bodies of `number` requests that are written in one go: they come at the node's pace, not at a test's."""
        head = {"Host": "localhost", "Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
        one = "POST / HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in head.items()) + "\r\n" + body
        with socket.create_connection(("127.0.0.1", self.ports()[listener]), timeout=30 * PATIENCE) as connection:
            connection.sendall(one.encode() * number)
            answers = []
            stream = connection.makefile("rb")
            while len(answers) < number and (line := stream.readline()):
                length = 0
                for header in iter(stream.readline, b"\r\n"):
                    if header.lower().startswith(b"content-length:"):
                        length = int(header.split(b":")[1])
                answers.append((int(line.split()[1]), stream.read(length).decode()))
            return answers

    def metrics(self):
        status, text = self.get("metrics", "/metrics")
        assert status == 200, text
        return text

    def metric(self, name, default=None):
        """Value of the first sample whose name and labels begin with `name`."""
        for line in self.metrics().splitlines():
            if line.startswith(name) and (line[len(name):][:1] in (" ", "{") or "{" in name):
                return float(line.rsplit(" ", 1)[1])
        return default

    def cli(self, *args, check=True, stdin=None):
        stall()
        result = subprocess.run([BIN / "contract-cli", *map(str, args)], env=self.environment(), cwd=self.dir, text=True,
                                input=stdin, capture_output=True, timeout=120 * PATIENCE)
        no_findings("contract-cli", result.stderr)
        if check and result.returncode != 0:
            raise AssertionError(f"contract-cli {' '.join(map(str, args))}: exit {result.returncode}\n{result.stdout}\n{result.stderr}")
        return result

    def cli_json(self, *args):
        return json.loads(self.cli(*args).stdout)

    def height(self):
        return self.rpc("node.status")["current_block_height"]

    def go_on_until(self, what, condition, seconds=START_SECONDS):
        """As wait_for(), on a chain of `STANDING`: one block more before each look, so that no state that passes by is missed, however late a test is."""
        def block_by_block():
            value = condition()
            if not value:
                self.rpc("start_mining", {"blocks": 1})
            return value
        return wait_for(what, block_by_block, seconds, pause=0)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=120 * PATIENCE)
        if self.process:
            self.out.close()
            self.no_findings()
        return self.process.returncode if self.process else None

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.out.close()
        self.no_findings()

    def no_findings(self):
        printed = self.dir / "stdout.txt"
        if SANITIZED and printed.exists():
            no_findings("the node", printed.read_text(errors="replace"))

    def close(self):
        if self.process and self.process.poll() is None:
            self.kill()
        if self.process:
            self.no_findings()
        if self.own_dir:
            shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        if kind:
            print(self.output()[-6000:])
        self.close()


class Meter:
    """A meter of the energy market with its own key, signing through contract-cli's library-free path: openssl-less Ed25519 by the CLI."""

    def __init__(self, node, provider, meter, seed):
        self.node, self.provider, self.meter, self.seed = node, provider, meter, seed
        self.key_file = node.dir / f"{meter}.key"
        self.key_file.write_text(seed + "\n")
        self.key_file.chmod(0o600)
        self.total = 0
        self.nonce = int(time.time()) - 200

    def sign(self, kwh, timestamp=None, nonce=None):
        self.total += kwh
        self.nonce += 1
        return json.loads(self.node.cli("energy", "sign-reading", "--provider-id", self.provider, "--meter", self.meter, "--kwh", self.total,
                                        "--timestamp", timestamp or self.nonce, "--nonce", nonce or self.nonce, "--key-file", self.key_file).stdout)
