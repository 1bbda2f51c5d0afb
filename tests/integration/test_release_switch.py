"""A voted release changes the roster: the library is staged beforehand, the switch is the first thing in the first block of its epoch, and a replay
from the genesis meets it again."""
import json
import shutil
import subprocess
import tempfile
import unittest

from node import STANDING, Node, RpcError, wait_for
from sdk_builds import InstalledSdk

EPOCH = 10


class ReleaseSwitchTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="tb-release-")
        sdk = InstalledSdk(cls.dir)
        source = sdk.examples() / "greeter"
        cls.first = sdk.build(source, "greeter")
        cls.second = sdk.build(source, "greeter", [('version("1.0.0")', 'version("2.0.0")'), (".sm(1)", ".sm(2)"), ("row.count += 1;", "row.count += 10;")])

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.dir, ignore_errors=True)

    def setUp(self):
        self.node = Node(plugins=["ledger", "governance"], settings={"chain": {"epoch_length": EPOCH, **STANDING}}).start()
        self.addCleanup(self.node.close)
        self.node.rpc("plugin.upgrade", {"path": str(self.first)}, timeout=60)

    def greeter(self):
        return {p["id"]: p for p in self.node.rpc("plugin.list")}["greeter"]

    def greet(self):
        return self.node.rpc("greeter.greet", {"name": "Ada"})["count"]

    def refusal(self):
        """Why nothing is taken in; a command that came just before waits until its time is over."""
        try:
            self.greet()
        except RpcError as refused:
            return refused if refused.name == "plugin_missing" else None
        return None

    def staged(self):
        return json.loads(self.node.cli("plugin", "stage", self.second, "--json").stdout)["entry"]

    def propose(self, entry):
        digest = subprocess.run(["b3sum", "--no-names", self.second], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        opened = json.loads(self.node.cli("gov", "release", "propose", "--hash", digest, "--target", "greeter", "--sm", entry["sm"], "--schema", entry["schema"],
                                          "--consensus-hash", entry["consensus_hash"], "--deadline", 1, "--json").stdout)
        self.node.cli("gov", "release", "approve", opened["id"])
        return opened["id"]

    def release(self, number):
        return self.node.rpc("gov.release", {"id": number})

    def test_a_release_switches_the_roster_in_the_first_block_of_its_epoch(self):
        node = self.node
        self.assertEqual(self.greet(), 1)
        entry = self.staged()
        self.assertEqual(self.greeter()["sm"], 1)  # staging changes nothing
        number = self.propose(entry)
        approved = self.node.go_on_until("the approval", lambda: self.release(number) if self.release(number)["status"] in ("approved", "activated") else None)
        tally = node.rpc("gov.proposal", {"id": number})["vote_deadline_epoch"]
        self.assertGreaterEqual(approved["activation_epoch"], tally + 2)
        self.node.go_on_until("the switch", lambda: self.release(number)["status"] == "activated")
        done = self.release(number)
        self.assertEqual(done["activated_epoch"], approved["activation_epoch"])
        shown = self.greeter()
        self.assertEqual((shown["sm"], shown["version"]), (2, "2.0.0"))
        self.assertEqual(shown["since_height"], approved["activation_epoch"] * EPOCH)
        self.assertEqual(self.greet(), 11)
        # After the switch only another release takes the roster back.
        with self.assertRaises(RpcError) as refused:
            node.rpc("gov.rollback_release", {"id": number, "reason": "too late"})
        self.assertIn(refused.exception.name, ("superseded", "rollback_window_expired"))
        self.assertTrue(node.rpc("maintenance.verify", {}, timeout=120)["ok"])
        node.stop()
        node.start()
        self.assertEqual(self.greeter()["sm"], 2)
        self.assertEqual(self.greet(), 21)

    def test_a_release_that_is_withdrawn_before_its_epoch_switches_nothing(self):
        number = self.propose(self.staged())
        self.node.go_on_until("the approval", lambda: self.release(number)["status"] == "approved")
        last = self.release(number)["activation_epoch"]
        self.node.rpc("gov.rollback_release", {"id": number, "reason": "found a fault"})
        self.assertEqual(self.release(number)["status"], "rolled_back")
        self.node.go_on_until("the epoch of the switch", lambda: self.node.height() > last * EPOCH)
        self.assertEqual(self.greeter()["sm"], 1)
        self.assertEqual(self.greet(), 1)

    def test_a_node_without_the_library_waits_at_the_switch_until_it_is_staged(self):
        node = self.node
        number = self.propose(node.rpc("plugin.upgrade", {"path": str(self.second), "dry_run": True}, timeout=60)["entry"])  # keeps nothing
        self.node.go_on_until("the approval", lambda: self.release(number)["status"] == "approved")
        last = self.release(number)["activation_epoch"] * EPOCH - 1
        self.node.go_on_until("the last block before the switch", lambda: node.height() == last)
        refused = wait_for("the refusal", self.refusal, 120)
        self.assertIn("greeter", str(refused))
        self.assertEqual(node.height(), last)
        self.node.cli("plugin", "stage", self.second)
        wait_for("the switch", lambda: self.greeter()["sm"] == 2 and node.height() > last)
        self.assertEqual(self.release(number)["status"], "activated")


if __name__ == "__main__":
    unittest.main(verbosity=2)
