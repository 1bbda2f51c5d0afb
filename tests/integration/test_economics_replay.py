"""`economics replay --verify` on a real node: what the laws were given is counted again from the blocks."""
import unittest

from node import Node, wait_for

PLUGINS = ["ledger", "governance", "receipts", "treasury", "economics"]


class EconomicsReplayTest(unittest.TestCase):
    def test_inputs_follow_from_headers_and_events(self):
        node = Node(plugins=PLUGINS)
        path = node.write_config()
        path.write_text(path.read_text().replace("profile: dev\n", "profile: dev\n  epoch_length: 10\n  empty_block_interval_ms: 20\n"))
        with node:
            for amount in (100, 200):
                node.rpc("ledger.transfer", {"to": "treasury", "amount": amount})
            wait_for("four closed epochs", lambda: node.height() > 45)
            report = node.rpc("economics.replay", {"verify": True}, timeout=60)
            self.assertTrue(report["ok"], report)
            self.assertEqual((report["from"], report["blocks_from"]), (1, 1))
            self.assertGreaterEqual(report["to"], 4)
            later = node.rpc("economics.replay", {"from": 3, "verify": True}, timeout=60)
            self.assertEqual((later["ok"], later["blocks_from"]), (True, 3))


if __name__ == "__main__":
    unittest.main(verbosity=2)
