"""What a crash run asks of a node: commands whose ids are known before, each sender's in order, until the node is gone.

A sender that got no answer does not know whether its command counts, and sends the same bytes again after the restart, as
every client would. What the node answered is kept in `acknowledged`; the checks hold it to that."""
import http.client
import json
import subprocess
import sys
import pathlib
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from node import BIN, BUILD, RpcError, wait_for  # noqa: E402

GONE = (OSError, http.client.HTTPException, json.JSONDecodeError)
JOURNAL_EVERY = 3      # of the transfers, one in so many is acknowledged by the pool's journal and not by a block
FUNDS = 1_500_000   # of each sender: fees take most of it
KNOWN = ("nonce_gap", "duplicate", "NonceReplay")   # what a command is told that was taken in before
# What says nothing about the command: it is asked for again.
BUSY = ("pending_limit", "mempool_full", "rate_limited", "not_ready", "storage_error", "timeout", "internal_plugin_error",
        "disk_full", "busy", "plugin_refused")


class Violation(AssertionError):
    """The node broke a promise."""


def make_commands(seed, transfers, readings, now):
    words = [BIN / "crash_commands", "--seed", seed, "--transfers", transfers, "--readings", readings, "--time", now - readings - 60]
    lines = subprocess.run([str(w) for w in words], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    return json.loads(lines[0]), [json.loads(line) for line in lines[1:]]


class Load:
    def __init__(self, node, seed, transfers=500, readings=300, first_turn=0):
        self.node = node
        self.people, commands = make_commands(seed, transfers, readings, int(time.time()))
        self.commands = {command["id"]: command for command in commands}
        self.queues = {}
        for command in commands:
            if command["kind"] == "transfer":
                command["nonce"] = json.loads(command["envelope"])["command"]["nonce"]
            self.queues.setdefault((command["kind"], command["sender"]), []).append(command)
        self.acknowledged = {}   # id -> (height, hash), or None where the journal or an earlier block has it
        self.tokens = set()      # ids of listed tokens that were shown
        self.reloads = 0
        self.turn = first_turn
        self.broken = []
        self.lock = threading.Lock()
        self.stop = threading.Event()
        self.threads = []

    def prepare(self):
        """Money for the senders, and the meters' providers."""
        for account in self.people["accounts"]:
            self.node.rpc("ledger.transfer", {"to": account, "amount": FUNDS})
        operator = self.node.rpc("node.status")["operator"]
        for meter in self.people["meters"]:
            made = self.node.rpc("energy.register_provider", dict(meter["register"], owner=operator))
            if made["provider_id"] != meter["provider_id"]:
                raise Violation(f"{made} registered, {meter['provider_id']} expected")
        keys = [{"provider_id": m["provider_id"], "public_key_hex": m["public_key_hex"]} for m in self.people["meters"]]
        self.node.rpc("energy.set_provider_keys", {"keys": keys})

    def start(self):
        """Everybody goes on behind the last command that was answered."""
        self.stop.clear()
        self.threads = [threading.Thread(target=self.run, args=(queue,)) for queue in self.queues.values()]
        self.threads.append(threading.Thread(target=self.housekeeping))
        for thread in self.threads:
            thread.start()

    def join(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()
        if self.broken:
            raise Violation("; ".join(self.broken))

    def answered(self):
        with self.lock:
            return len(self.acknowledged)

    def left(self):
        with self.lock:
            return len(self.commands) - len(self.acknowledged)

    def run(self, queue):
        try:
            for command in queue:
                with self.lock:
                    if command["id"] in self.acknowledged:
                        continue
                while not self.stop.is_set() and not self.send(command):
                    time.sleep(0.01)   # the node is busy: ask again
                if self.stop.is_set():
                    return
        except GONE:
            return   # it was killed
        except Violation as why:
            self.broken.append(str(why))

    def send(self, command):
        """True when the node has answered for it; False to ask again."""
        try:
            self.acknowledge(command, self.ask(command))
            return True
        except RpcError as refused:
            if refused.name in BUSY:
                return False
            if refused.name not in KNOWN:
                raise Violation(f"{command['kind']} {command['id']} refused: {refused.error}") from None
            if refused.data.get("expected", command.get("nonce", 0) + 1) <= command.get("nonce", 0):
                return False   # one before it is still on its way
            with self.lock:
                self.acknowledged[command["id"]] = None   # its nonce is used: the checks want it, and no other, in a block
            return True

    def ask(self, command):
        if command["kind"] == "reading":
            return self.node.rpc("energy.submit_reading", command["params"])
        envelope = command["envelope"]
        if int(command["id"][:8], 16) % JOURNAL_EVERY == 0:
            answer = self.node.rpc("submit_tx", {"tx": envelope.encode().hex()})
            if answer["status"] != "ok":
                raise RpcError({"code": answer["code"], "message": answer["message"], "data": {"name": answer["error"]}})
            return answer
        answer = self.node.request('{"jsonrpc":"2.0","id":1,"method":"command.submit","params":' + envelope + "}")
        if "error" in answer:
            raise RpcError(answer["error"])
        return answer["result"]

    def acknowledge(self, command, answer):
        told = answer.get("id") or answer.get("meter_hash") or answer.get("command_id")
        if told != command["id"]:
            raise Violation(f"{command['id']} was sent, the answer names {told}")
        with self.lock:
            self.acknowledged[command["id"]] = (answer["height"], answer["hash"]) if "hash" in answer else None

    def housekeeping(self):
        """What writes the small files and maps libraries: tokens, the configuration, a reload of a plugin."""
        try:
            while not self.stop.is_set():
                self.turn += 1   # the next one has its turn after a restart, whatever became of this one
                turn = self.turn
                if turn % 3 == 0:
                    self.node.rpc("plugin.reload", {"name": "energy", "path": str(BUILD / "plugins" / "energy.so")}, timeout=120)
                    self.reloads += 1
                elif turn % 3 == 1:
                    made = self.node.rpc("token.create", {"role": "read"})
                    self.tokens.add(made["id"])
                else:
                    self.node.write_config(self.node.base_config + f"mempool:\n  account_cap: {16 + turn % 7}\n")
                    self.node.rpc("config.reload")
                self.stop.wait(0.05)
        except GONE:
            return
        except RpcError as refused:
            if refused.name not in BUSY and "the server was stopped" not in str(refused):
                self.broken.append(f"housekeeping: {refused.error}")
