"""A damaged or lost state comes back from the newest snapshot, end to end: the log alone does not reach far enough."""
import json
import pathlib
import shutil
import unittest

from node import Node

LEAST_HISTORY = 1024  # blocks that no pruning takes


class LostState(unittest.TestCase):
    """The log does not reach back to genesis, so only a snapshot and the blocks behind it can make the state again."""

    def setUp(self):
        self.node = Node(plugins=("ledger",), config="storage:\n  pruning: true\n  prune_keep_blocks: 1000\n  verify_state: true\n")
        self.addCleanup(self.node.close)
        self.node.start()
        self.grow(400)
        self.made = self.node.cli_json("snapshots", "create")
        self.grow(400 + LEAST_HISTORY)
        self.node.rpc("ledger.transfer", {"to": "treasury", "amount": 7})
        pruned = self.node.rpc("maintenance.prune", {"before_height": 300}, timeout=120)
        self.assertEqual(pruned["pruned_below"], 300)
        self.before = (self.node.height(), self.node.rpc("balance", {"address": "treasury"})["amount"])
        self.assertEqual(self.node.stop(), 0)

    def grow(self, height):
        """Empty blocks, as fast as they are made."""
        while self.node.height() < height:
            self.node.rpc("start_mining")
        self.node.rpc("stop_mining")

    def check(self, *words):
        self.node.start()
        said = self.node.output()
        for word in (*words, "is made again from", pathlib.Path(self.made["path"]).name):
            self.assertIn(word, said)
        self.assertGreaterEqual(self.node.height(), self.before[0])
        self.assertEqual(self.node.rpc("balance", {"address": "treasury"})["amount"], self.before[1])
        self.assertEqual(self.node.metric("wal_corrupt_recovery_total"), 1)
        self.assertTrue(self.node.rpc("ledger.check")["ok"])
        report = self.node.rpc("maintenance.verify", {}, timeout=120)
        self.assertEqual(report["findings_count"], 0, report)
        self.node.rpc("ledger.transfer", {"to": "treasury", "amount": 1})
        self.assertEqual(len(list(self.node.data.glob("state.*"))), 1, "what was damaged is set aside, not deleted")

    def test_a_flipped_bit_in_a_table(self):
        tables = sorted((self.node.data / "state").glob("*.ldb"), key=lambda path: path.stat().st_size)
        self.assertTrue(tables, "a clean stop flushes the state to tables")
        raw = bytearray(tables[-1].read_bytes())
        raw[len(raw) // 3] ^= 0x10
        tables[-1].write_bytes(raw)
        self.check("the state is not usable")

    def test_a_lost_manifest(self):
        (self.node.data / "state" / "CURRENT").unlink()
        self.check("the state is not usable")

    def repair(self, *flags):
        ended = self.node.cli("storage", "repair", "--data", self.node.data, *flags, check=False)
        return ended.returncode, json.loads(ended.stdout)

    def test_the_repair_sets_it_aside_and_names_the_snapshot_that_the_start_takes(self):
        (self.node.data / "state" / "CURRENT").unlink()
        name = pathlib.Path(self.made["path"]).name
        code, dry = self.repair("--dry-run")
        self.assertEqual((code, dry["ok"], dry["damage"], dry["first"], dry["done"]), (1, False, None, 300, []))
        self.assertIn("CURRENT", dry["state"])
        self.assertIn(name, dry["state_source"])
        self.assertTrue((self.node.data / "state").exists(), "a dry run changes nothing")
        code, done = self.repair()
        self.assertEqual((code, done["ok"], len(done["done"])), (0, True, 1))
        self.assertIn(name, done["done"][0])
        self.assertFalse((self.node.data / "state").exists())
        self.check()

    def test_without_a_snapshot_that_holds_it_says_what_is_needed(self):
        snapshot = pathlib.Path(self.made["path"])
        raw = bytearray(snapshot.read_bytes())
        raw[len(raw) // 2] ^= 1
        snapshot.write_bytes(raw)
        (self.node.data / "state" / "CURRENT").unlink()
        code, left = self.repair()
        self.assertEqual((code, left["state_source"], left["done"]), (1, "", []))
        for word in ("whole from height 300", "of height 299 or above", snapshot.name):
            self.assertIn(word, left["advice"])
        self.assertTrue((self.node.data / "state").exists(), "what nothing could replace stays")
        shutil.rmtree(self.node.data / "state")
        self.node.start(wait=False)
        self.assertEqual(self.node.process.wait(timeout=120), 1)
        self.node.out.close()
        for word in ("whole from height 300", "copy a snapshot of another node there"):
            self.assertIn(word, self.node.output())


if __name__ == "__main__":
    unittest.main()
