"""Runbooks of energy and receipts, line by line on a live node with a real Prometheus, and what they say about the treasury's book."""
import json
import os
import shutil
import unittest

from doc_runner import DocRunner
from node import BIN, ROOT, Meter, Node, wait_for
from test_energy_oracle import PROVIDER, PUBLIC, SEED
from test_treasury_runbook import Prometheus

PLUGINS = ["ledger", "governance", "receipts", "treasury", "economics", "energy"]


class EnergyRunbookTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = node = Node(plugins=PLUGINS, profile="worldos-energy").start()
        cls.prometheus = None
        try:
            cls.trade()
            cls.prometheus = Prometheus(node)
        except BaseException:
            node.close()
            raise
        cls.env = {**node.environment(), "PATH": f"{BIN}:{os.environ['PATH']}", "PROMETHEUS_URL": cls.prometheus.url,
                   "RPC_URL": f"http://127.0.0.1:{node.ports()['rpc']}"}

    @classmethod
    def tearDownClass(cls):
        cls.prometheus.close()
        cls.node.close()

    @classmethod
    def trade(cls):
        """A market with a settlement, a pending credit and a dispute that was decided."""
        node = cls.node
        node.rpc("energy.register_provider", {"capacity_kwh": 1000000, "price_per_kwh": 10, "stake": 1000, "meter_address": "m0", "jurisdiction": "US_CA", "owner": "acct"})
        node.rpc("energy.set_provider_keys", {"keys": [{"provider_id": PROVIDER, "public_key_hex": PUBLIC}]})
        meter = Meter(node, PROVIDER, "m0", SEED)
        hashes = [node.rpc("energy.submit_reading", meter.sign(100))["meter_hash"] for _ in range(3)]
        node.rpc("energy.settle", {"provider_id": PROVIDER, "kwh_consumed": 40, "meter_hash": hashes[0], "buyer": "buyer"})
        dispute = node.rpc("energy.flag_dispute", {"meter_hash": hashes[1], "reason": "test"})["dispute_id"]
        node.rpc("energy.resolve_dispute", {"dispute_id": dispute, "outcome": "resolved"})

    def page(self, name, least):
        work = self.node.dir / name
        work.mkdir()
        self.addCleanup(shutil.rmtree, work, True)
        self.assertGreaterEqual(DocRunner(work, self.env).check(ROOT / "docs" / "runbooks" / f"{name}.md"), least)

    def test_every_line_of_the_energy_page(self):
        self.page("energy", 12)

    def test_every_line_of_the_receipts_page(self):
        self.page("receipts", 8)

    def test_reasons_exist_from_the_start(self):
        for reason in ("invalid_format", "verification_failed", "key_not_found", "scheme_unsupported"):
            found = wait_for(reason, lambda: self.prometheus.query(f'energy_signature_verification_failures_total{{reason="{reason}"}}'))
            self.assertEqual(float(found[0]["value"][1]), 0)


class EnergyMoneyTest(unittest.TestCase):
    def test_fees_of_the_market_are_in_the_treasurys_book_and_the_audit_balances(self):
        with Node(plugins=PLUGINS) as node:
            admin = next(r["account"] for r in node.rpc("gov.roles")["roles"] if r["role"] == "admin")
            node.rpc("ledger.transfer", {"to": admin, "amount": 50000})
            buyer = node.rpc("energy.register_provider", {"capacity_kwh": 1000000, "price_per_kwh": 10, "stake": 1000, "meter_address": "m0", "jurisdiction": "US_CA",
                                                          "owner": "self"})
            self.assertEqual(buyer["provider_id"], PROVIDER)
            node.rpc("energy.set_provider_keys", {"keys": [{"provider_id": PROVIDER, "public_key_hex": PUBLIC}]})
            credit = node.rpc("energy.submit_reading", Meter(node, PROVIDER, "m0", SEED).sign(1000))["meter_hash"]
            before = node.rpc("gov.treasury.balance")["balance"]
            done = node.rpc("energy.settle", {"provider_id": PROVIDER, "kwh_consumed": 1000, "meter_hash": credit, "buyer": "self"})
            fee = done["treasury_fee"] + done["jurisdiction_fee"]
            self.assertGreater(fee, 0)
            wait_for("the row", lambda: [r for r in node.rpc("gov.treasury.balance_history", {"limit": 50})["snapshots"] if r.get("source") == "energy_fee"])
            self.assertEqual(node.metric('treasury_accrual_total{source="energy_fee"}'), fee)
            self.assertEqual(node.metric('treasury_accrual_total{source="other"}', 0), 0)
            self.assertGreaterEqual(node.rpc("gov.treasury.balance")["balance"], before + fee)
            self.assertIn("test settlement_audit ... ok", node.cli("settlement", "audit").stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
