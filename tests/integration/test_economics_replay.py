"""`economics replay --verify` on a real node: what the laws were given is counted again from the blocks."""
import struct
import subprocess
import unittest

from node import BIN, Node, wait_for

PAYEE = "tb1qm97tgjht8p63qy6568aq5fgytc6ue8cynzap2tr5thczc8j8w9s8np6z0"
PLUGINS = ["ledger", "governance", "receipts", "treasury", "economics"]
CHAIN = {"epoch_length": 10, "empty_block_interval_ms": 20}


class EconomicsReplayTest(unittest.TestCase):
    def test_inputs_follow_from_headers_and_events(self):
        node = Node(plugins=PLUGINS, settings={"chain": CHAIN})
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

    def test_a_tariff_at_another_rate_than_the_boundary_set_is_found(self):
        """The rate that the ledger keeps is changed in the state of the stopped node: the books still agree, the transfers pay something else."""
        node = Node(plugins=PLUGINS, settings={"chain": {**CHAIN, "genesis_params": {"tariff_min_bps": 148}}})
        with node:
            node.rpc("ledger.transfer", {"to": "treasury", "amount": 100})  # without inflow the law leaves the rate alone
            wait_for("a tariff", lambda: node.rpc("economics.tariff_quote", {"from": PAYEE, "amount": 10000})["tariff_bps"] == 148)
            self.assertEqual(node.rpc("ledger.transfer", {"to": PAYEE, "amount": 10000})["levy"], 148)
            self.closed(node)
            sound = node.rpc("economics.replay", {"verify": True}, timeout=60)
            self.assertTrue(sound["ok"], sound)
            node.stop()
            levy = [BIN / "state_edit", node.data / "state", "ledger", b"levy".hex()]
            row = bytearray.fromhex(subprocess.run(levy, text=True, capture_output=True, check=True).stdout)
            self.assertEqual(struct.unpack_from("<Q", row, 1)[0], 148 * 1_000_000)
            struct.pack_into("<Q", row, 1, 149 * 1_000_000)
            subprocess.run([*levy, row.hex()], capture_output=True, check=True)
            node.start()
            self.assertEqual(node.rpc("ledger.transfer", {"to": PAYEE, "amount": 10000})["levy"], 149)
            self.closed(node)
            found = node.rpc("economics.replay", {"verify": True}, timeout=60)
            self.assertFalse(found["ok"])
            self.assertEqual(found["epochs"][-1]["differs"], "blocks:tariff_rate")
            audit = node.rpc("settlement.audit", timeout=60)
            self.assertTrue(audit["ok"], audit)

    @staticmethod
    def closed(node):
        """Until the epoch of the newest block is closed and its snapshot is there."""
        epoch = node.height() // 10 + 1
        wait_for("the boundary", lambda: node.height() >= epoch * 10 + 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
