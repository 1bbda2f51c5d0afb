"""A state from a snapshot as the beginning of another chain."""
import json
import pathlib
import shutil
import tempfile
import unittest

from node import Node


class Staging(unittest.TestCase):
    def setUp(self):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="tb-staging-"))
        self.addCleanup(shutil.rmtree, self.work, ignore_errors=True)
        self.node = Node(plugins=("ledger",)).start()
        self.addCleanup(self.node.close)
        for _ in range(5):
            self.node.rpc("ledger.transfer", {"to": "treasury", "amount": 1000})
        self.made = self.node.cli_json("snapshots", "create")

    def staging(self):
        other = Node(plugins=("ledger",))
        self.addCleanup(other.close)
        return other

    def restore(self, node, *words, check=True):
        return node.cli("snapshots", "restore", self.made["path"], "--data-dir", node.data, "--trust", self.node.data / "genesis.json", *words, check=check)

    def treasury(self, node):
        return node.rpc("balance", {"address": "treasury"})["amount"]

    def genesis(self, node):
        return json.loads((node.data / "genesis.json").read_text())

    def test_staging_needs_no_key_of_production_and_goes_on_as_a_chain_of_its_own(self):
        had = self.treasury(self.node)
        other = self.staging()
        answer = json.loads(self.restore(other, "--staging").stdout)
        self.assertEqual(answer["new_chain"], "dev-staging")
        self.assertEqual(self.genesis(other)["chain_id"], "dev-staging")
        for name in ("node", "operator", "admin", "oracle"):
            self.assertNotEqual((other.data / "keys" / f"{name}.key").read_text(), (self.node.data / "keys" / f"{name}.key").read_text())
            self.assertEqual((other.data / "keys" / f"{name}.key").stat().st_mode & 0o777, 0o600)
        other.start()
        self.assertGreaterEqual(other.height(), self.made["height"])
        self.assertEqual(self.treasury(other), had)
        # Its operator may do what operators do, and its blocks are its own.
        other.rpc("chain.noop", {})
        height = other.height()
        self.assertEqual(other.get("status", "/readyz")[0], 200, other.get("status", "/readyz")[1])
        self.assertNotIn(" ERROR ", other.output())
        made = other.cli_json("snapshots", "create")
        self.assertGreater(made["height"], self.made["height"])
        self.assertTrue(other.cli_json("snapshots", "verify", made["path"])["ok"])
        refused = other.cli("snapshots", "verify", made["path"], "--trust", self.node.data / "genesis.json", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("dev-staging", refused.stderr + refused.stdout)
        other.kill()
        other.start()
        self.assertGreaterEqual(other.height(), height)
        self.assertTrue(other.rpc("ledger.check")["ok"])
        # A command that was signed for the old chain counts nothing here.
        self.assertEqual(other.rpc("block.get", {"height": self.made["height"] + 1})["previous"], self.made["block_hash"])

    def test_chain_id_keeps_the_validators(self):
        other = self.staging()
        other.data.mkdir(parents=True)
        shutil.copytree(self.node.data / "keys", other.data / "keys")
        self.node.stop()
        answer = json.loads(self.restore(other, "--chain-id", "dev-2").stdout)
        self.assertEqual(answer["new_chain"], "dev-2")
        new, old = self.genesis(other), self.genesis(self.node)
        self.assertEqual((new["chain_id"], new["validators"]), ("dev-2", old["validators"]))
        other.start()
        before = self.treasury(other)
        other.rpc("ledger.transfer", {"to": "treasury", "amount": 3})
        self.assertEqual(self.treasury(other), before + 3)

    def test_what_is_refused(self):
        other = self.staging()
        for words, said in ((("--chain-id", "dev"), "is the name of the chain that the snapshot is of"), (("--chain-id", "No Name"), "chain_id"),
                            (("--staging", "--keep-log"), "exclude each other")):
            refused = self.restore(other, *words, check=False)
            self.assertEqual(refused.returncode, 2, words)
            self.assertIn(said, refused.stderr)
            self.assertFalse((other.data / "state").exists())
        refused = other.cli("snapshots", "restore", self.made["path"], "--data-dir", other.data, "--trust-root", self.made["state_root"], "--staging", check=False)
        self.assertIn("--trust GENESIS_FILE", refused.stderr)
        # The directory of another chain is not taken over without a word.
        self.node.stop()
        refused = self.restore(self.node, "--chain-id", "dev-2", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("--force", refused.stderr)

    def test_a_chain_that_is_renamed_in_its_place_moves_the_old_one_away(self):
        genesis = self.work / "genesis.json"
        shutil.copy(self.node.data / "genesis.json", genesis)
        self.node.stop()
        answer = json.loads(self.node.cli("snapshots", "restore", self.made["path"], "--data-dir", self.node.data, "--trust", genesis, "--chain-id", "dev-2",
                                          "--force").stdout)
        moved = [pathlib.Path(place).name.split(".before-")[0] for place in answer["moved_away"]]
        self.assertLessEqual({"state", "chain", "genesis.json"}, set(moved))
        self.node.start()
        self.assertEqual(self.genesis(self.node)["chain_id"], "dev-2")
        self.node.rpc("ledger.transfer", {"to": "treasury", "amount": 3})


if __name__ == "__main__":
    unittest.main()
