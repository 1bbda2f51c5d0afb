"""What a vote would have changed, asked of a real node from the command line: its own blocks once more, its state untouched."""
import json
import unittest

from node import Node

PAYEE = "tb1qm97tgjht8p63qy6568aq5fgytc6ue8cynzap2tr5thczc8j8w9s8np6z0"
CLOSED = """hook = { name="closed", version="1.0.0", on={"before_apply"}, keys={}, owns={}, methods={"ledger.transfer"}, priority=0 }
function before_apply(call) return false, "closed" end
"""


class Preview(unittest.TestCase):
    def setUp(self):
        self.node = Node(plugins=("ledger", "governance"))
        self.node.start()
        self.paid = self.node.rpc("ledger.transfer", {"to": PAYEE, "amount": 250})

    def tearDown(self):
        self.node.close()

    def cli(self, *words):
        return json.loads(self.node.cli(*words, "--json").stdout)

    def test_a_script_shows_the_commands_that_it_would_have_refused(self):
        script = self.node.dir / "closed.lua"
        script.write_text(CLOSED)
        report = self.cli("gov", "script", "replay", str(script), "--epochs", "1")
        self.assertEqual(report["from_height"], 1)
        self.assertEqual(report["commands_differing"], 1)
        (differing,) = report["differing"]
        self.assertEqual((differing["height"], differing["method"], differing["before"]), (self.paid["height"], "ledger.transfer", "applied"))
        self.assertEqual(differing["after"], "rejected (hook_rejected)")
        moved = next(row for row in report["events"] if row["topic"] == "ledger.moved")
        self.assertEqual(moved["previewed"], 0)
        payee = next(row for row in report["accounts"] if row["account"] == PAYEE)
        self.assertEqual((payee["logged"], payee["previewed"]), (250, 0))
        self.assertEqual(int(self.node.rpc("balance", {"address": PAYEE})["amount"]), 250)
        self.assertEqual(self.node.rpc("gov.scripts"), {"scripts": []})
        self.assertTrue(self.node.rpc("maintenance.verify", {})["ok"])

    def test_a_value_is_in_force_on_the_copy_only(self):
        report = self.cli("gov", "param", "preview", "TreasuryPercent", "25", "--epochs", "2")
        self.assertEqual((report["commands_differing"], report["differing"]), (0, []))
        rows = {row["plugin"]: row for row in report["rows"]}
        self.assertIn("param/treasury_percent", rows["chain"]["first"])
        self.assertEqual(self.node.rpc("gov.param", {"key": "treasury_percent"})["value"], 0)
        refused = self.node.cli("gov", "param", "preview", "treasury_percent", "101", check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("out_of_bounds", refused.stderr)

    def test_a_preview_does_not_hold_up_the_stop_of_the_node(self):
        self.node.rpc("chain.preview_start", {"epochs": 100})
        self.assertEqual(self.node.stop(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
