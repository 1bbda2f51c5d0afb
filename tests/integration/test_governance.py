"""Governance on a real node: a vote from the command line to the activation, the rollback, and the files that auditors read."""
import json
import unittest

from node import Node, wait_for


class Governance(unittest.TestCase):
    def setUp(self):
        self.node = Node(plugins=("ledger", "governance"))
        config = self.node.dir / "node.yaml"
        config.write_text(config.read_text().replace("profile: dev\n", "profile: dev\n  epoch_length: 10\n  empty_block_interval_ms: 100\n"))
        self.node.start()

    def tearDown(self):
        self.node.stop()

    def cli(self, *words):
        return json.loads(self.node.cli(*words, "--json").stdout)

    def test_a_vote_changes_a_parameter_and_an_admin_takes_it_back(self):
        opened = self.cli("gov", "param", "update", "TreasuryPercent", "25", "--vote-window", "1", "--reason", "fund the audit")
        self.assertEqual((opened["kind"], opened["status"]), ("param", "open"))
        number = str(opened["id"])
        self.assertEqual(self.cli("gov", "vote", number, "yes")["weight"], {"operators": 1, "builders": 1})
        wait_for("the activation", lambda: self.node.rpc("gov.param", {"key": "treasury_percent"})["value"] == 25)
        shown = self.cli("governance", "status", number)
        self.assertEqual(shown["activated_epoch"], shown["activation_epoch"])
        change = wait_for("the history", lambda: self.cli("gov", "param", "history", "--key", "treasury_percent")["changes"])[0]
        self.assertEqual((change["old_value"], change["new_value"], change["event"]), (0, 25, "activate"))
        self.assertEqual(change["height"], shown["activation_epoch"] * 10)
        self.assertEqual(self.cli("gov", "param", "rollback", number, "--reason", "drill")["restored"], {"treasury_percent": 0})
        wait_for("the rollback", lambda: self.node.rpc("gov.param", {"key": "treasury_percent"})["value"] == 0)
        path = self.node.data / "governance" / "provenance.json"
        wait_for("the entry of the rollback", lambda: path.exists() and "drill" in path.read_text())
        self.assertTrue(self.cli("gov", "provenance", "verify")["ok"])

    def test_scripts_come_from_files_and_older_spellings_work(self):
        script = self.node.dir / "odd.lua"
        script.write_text('hook = { name="no-odd", version="1.0.0", on={"on_param_change"}, keys={"*"}, owns={}, priority=0 }\n'
                          'function on_param_change(change) if change.new % 2 == 1 then return false, "odd" end end\n')
        self.assertEqual(self.cli("gov", "script", "propose", str(script))["name"], "no-odd")
        self.assertEqual(self.cli("gov", "energy-settlement", "--timeline"), [])
        self.assertEqual(self.cli("gov", "params", "get", "EnergyMinStake")["key"], "energy_min_stake")
        self.assertEqual(self.cli("gov", "show", "--proposal", "1")["kind"], "script")


if __name__ == "__main__":
    unittest.main(verbosity=2)
