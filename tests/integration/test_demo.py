"""`./dev run` as a stranger sees it: the shipped configuration, real load, until the first settlement appears."""
import json
import subprocess
import unittest

from node import ROOT, Node, wait_for


class DemoTest(unittest.TestCase):
    def test_real_load_becomes_settlements(self):
        node = Node(plugins=["ledger", "receipts", "energy", "mock-oracle"],
                    config="mock_oracle:\n  listen: 127.0.0.1:0\n  step_ms: 50\n  data_file: %s\n" % (ROOT / "config/sample-data/gb-electricity-demand-2000.csv"))
        with node:
            wait_for("the first settlement", lambda: node.rpc("energy.market_state", {})["totals"]["kwh_settled"] > 0, 120)
            market = node.cli_json("energy", "market")
            self.assertGreaterEqual(len(market["providers"]), 2)
            self.assertGreater(node.metric("energy_readings_total"), 0)
            self.assertGreater(node.cli_json("receipts", "stats", "--market", "energy", "--json")["emitted_total"], 0)
            self.assertTrue(node.rpc("maintenance.verify", {}, timeout=120)["ok"])

    def test_every_shipped_configuration_is_valid(self):
        for name in ["node.yaml", "energy-oracle.yaml"]:
            result = subprocess.run([node_cli(), "config", "check", ROOT / "config" / name], text=True, capture_output=True)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)


def node_cli():
    from node import BIN
    return BIN / "contract-cli"


if __name__ == "__main__":
    unittest.main()
