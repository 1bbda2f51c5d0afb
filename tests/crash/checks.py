"""What must hold after every restart: all that was acknowledged is there, nothing is there twice, money is conserved, the log
executes to the same roots again, and every file that the node keeps is whole."""
import json
import subprocess

from load import Violation, wait_for

IMAGE_HASH = 64   # digits in front of an image's name
CREDITS_PAGE = 100


class Checks:
    """Walks the chain as it grows: each block once, in order, linked to the one before."""

    def __init__(self, load):
        self.load = load
        self.node = load.node
        self.walked, self.tip = 0, None          # newest block that was looked at
        self.blocks = {}                         # height -> hash
        self.outcomes = {}                       # command id -> (height, outcome, name)
        self.credited = {}                       # meter hash -> height
        self.received = {}                       # address -> what the committed transfers gave it
        self.supply = None

    def all(self):
        self.settle()
        self.walk()
        self.acknowledged()
        self.money()
        self.replay()
        self.plugin_store()
        self.small_files()

    def settle(self):
        """What the journal kept goes into blocks by itself."""
        wait_for("an empty pool", lambda: self.node.rpc("mempool.stats")["size"] == 0, 120)

    def walk(self):
        head = self.node.height()
        if self.walked:
            again = self.node.rpc("block.get", {"height": self.walked})["hash"]
            if again != self.tip:
                raise Violation(f"block {self.walked} was {self.tip}, now it is {again}")
        while self.walked < head:
            block = self.node.rpc("block.get", {"height": self.walked + 1, "full": True})
            if self.tip and block["previous"] != self.tip:
                raise Violation(f"block {block['height']} does not follow {self.tip}")
            self.walked, self.tip = block["height"], block["hash"]
            self.blocks[self.walked] = self.tip
            self.read(block)

    def read(self, block):
        for envelope, result in zip(block["commands"], block["results"], strict=True):
            known = self.outcomes.get(result["command_id"])
            if known:
                raise Violation(f"command {result['command_id']} is in block {block['height']} and in block {known[0]}")
            self.outcomes[result["command_id"]] = (block["height"], result["outcome"], result.get("name", ""))
            if result["outcome"] != "applied":
                continue
            command = envelope["command"]
            if command["method"] == "ledger.transfer":
                to = command["params"]["to"]
                self.received[to] = self.received.get(to, 0) + int(command["params"]["amount"])
            if command["method"] == "energy.submit_reading":
                credit = result["result"]["meter_hash"]
                if credit in self.credited:
                    raise Violation(f"reading {credit} counts twice, in blocks {self.credited[credit]} and {block['height']}")
                self.credited[credit] = block["height"]

    def acknowledged(self):
        for each, where in self.load.acknowledged.items():
            command = self.load.commands[each]
            if command["kind"] == "reading":
                height = self.credited.get(each)
                found = height and (height, "applied", "")
            else:
                found = self.outcomes.get(each)
            if not found:
                raise Violation(f"{command['kind']} {each} was acknowledged {where or 'by the journal'} and is in no block")
            if found[1] != "applied":
                raise Violation(f"{command['kind']} {each} was acknowledged and ended {found}")
            if where and (where[0] != found[0] or self.blocks[where[0]] != where[1]):
                raise Violation(f"{command['kind']} {each} was acknowledged in {where}, it is in {found[0]} {self.blocks[found[0]]}")

    def money(self):
        check = self.node.rpc("ledger.check")
        if not check["ok"] or self.supply not in (None, check["sum"]):
            raise Violation(f"money is not conserved: {check}, before it was {self.supply}")
        self.supply = check["sum"]
        for receiver in self.load.people["receivers"]:
            balance, expected = int(self.node.rpc("balance", {"address": receiver})["amount"]), self.received.get(receiver, 0)
            if balance != expected:
                raise Violation(f"{receiver} has {balance}, its transfers add up to {expected}")
        market = self.node.rpc("energy.market_state")
        minted = sum(command["params"]["kwh_reading"] - self.before(command) for each, command in self.load.commands.items()
                     if each in self.credited)
        pending = sum(credit["amount_kwh"] for credit in self.credits())
        if pending != minted:
            raise Violation(f"the credits add up to {pending} kWh, the readings to {minted}: {market['totals']}")

    def before(self, reading):
        """What the meter showed at the reading before the one given."""
        totals = [self.load.commands[each]["params"]["kwh_reading"] for each in self.credited
                  if self.load.commands[each]["sender"] == reading["sender"]]
        return max((total for total in totals if total < reading["params"]["kwh_reading"]), default=0)

    def credits(self):
        out = []
        while True:
            page = self.node.rpc("energy.credits", {"page": len(out) // CREDITS_PAGE, "page_size": CREDITS_PAGE})["credits"]
            out += page
            if len(page) < CREDITS_PAGE:
                return out

    def replay(self):
        report = self.node.rpc("maintenance.verify", {}, timeout=600)
        if not report["ok"]:
            raise Violation(f"the log does not execute to the same state: {report}")

    def plugin_store(self):
        """A file is what its name says, and the index has the image of every machine that runs."""
        store = self.node.data / "plugins"
        hashes = wait_for("images that stay for a moment", lambda: self.image_hashes(store))
        known = {image["hash"] for image in json.loads((store / "index.json").read_text())}
        running = {plugin["blake3"] for plugin in self.node.rpc("plugin.list") if plugin.get("sm")}
        if not running <= known or not running <= set(hashes):
            raise Violation(f"the plugin store lacks {sorted(running - known) or sorted(running - set(hashes))}")

    @staticmethod
    def image_hashes(store):
        """None when an image went while it was read: surplus copies are removed as they are closed."""
        images = sorted(store.glob("*.so"))
        done = subprocess.run(["b3sum", "--no-names", *map(str, images)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if done.returncode and not all(image.exists() for image in images):
            return None
        hashes = done.stdout.split()
        for image, found in zip(images, hashes, strict=True):
            if image.name[:IMAGE_HASH] != found:
                raise Violation(f"{image} has the hash {found}")
        return hashes

    def small_files(self):
        listed = {token["id"] for token in self.node.rpc("token.list")["tokens"]}
        if not self.load.tokens <= listed:
            raise Violation(f"tokens are gone that were shown: {sorted(self.load.tokens - listed)}")
        for path in self.node.data.rglob("*.json"):
            json.loads(path.read_text())   # half a file is no JSON
