"""Runbook "Treasury Stuck", line by line on a live node: each of its four paths is brought about, its commands show what the page says, and a
real Prometheus, scraping the node with the shipped rules, raises the alerts of the moment and no others of the treasury."""
import json
import os
import subprocess
import unittest

import prometheus
from doc_runner import DocRunner
from node import BIN, ROOT, Node, stall, wait_for
from test_audit import PAYEE, Row

PLUGINS = ["ledger", "governance", "receipts", "treasury", "economics"]
CHAIN = {"epoch_length": 10, "block_interval_ms": 50, "empty_block_interval_ms": 100}


class Prometheus(prometheus.Prometheus):
    def firing(self):
        return {a["labels"]["alertname"] for a in self.get("/api/v1/alerts")["alerts"]
                if a["state"] == "firing" and a["labels"].get("service") == "treasury"}


class TreasuryRunbookTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = node = Node(plugins=PLUGINS, settings={"chain": CHAIN}, env={"TB_TREASURY_EXECUTOR": "1", "TB_TREASURY_POLL_SECS": "1", "TB_TREASURY_SUBMIT_TIMEOUT_SECS": "1"})
        node.start()
        cls.prometheus = None
        try:
            cls.prometheus = Prometheus(node)
        except BaseException:
            node.close()
            raise
        cls.env = {**node.environment(), "PATH": f"{BIN}:{os.environ['PATH']}", "PROMETHEUS_URL": cls.prometheus.url}

    @classmethod
    def tearDownClass(cls):
        cls.prometheus.close()
        cls.node.close()

    def sh(self, command, check=True):
        """One line of the runbook, as printed there."""
        stall()
        result = subprocess.run(["bash", "-c", "set -o pipefail; " + command], env=self.env, cwd=self.node.dir, text=True, capture_output=True, timeout=120)
        if check:
            self.assertEqual(result.returncode, 0, f"{command}\n{result.stdout}{result.stderr}")
        return result.stdout.strip()

    def submit(self, amount, deps=(), window=1):
        payload = {"proposal": {"title": "Work", "summary": "For work done", "deps": list(deps), "vote_window_epochs": 16, "timelock_epochs": 1, "rollback_window_epochs": window},
                   "disbursement": {"destination": PAYEE, "amount": amount, "memo": "work", "scheduled_epoch": 1}}
        (self.node.dir / "payload.json").write_text(json.dumps(payload))
        self.sh("contract-cli gov disburse preview --json payload.json --check")
        return json.loads(self.sh("contract-cli gov disburse submit --json payload.json --format json"))["id"]

    def state(self, number):
        return self.sh(f"contract-cli gov treasury show --id {number} | jq -r '.status.state'")

    def vote(self, number):
        def voted():
            if self.state(number) == "draft":
                self.sh(f"contract-cli gov disburse queue --id {number}", check=False)
            return self.state(number) != "draft" and "error" not in self.sh(f"contract-cli gov disburse vote --id {number} --choice yes 2>&1", check=False)
        wait_for(f"the vote on {number}", voted)

    def last_error(self):
        return self.sh("contract-cli gov treasury balance | jq -r '.executor.last_error'")

    def test_0_a_healthy_treasury_shows_every_line_of_the_page(self):
        paid = self.submit(2000)
        self.vote(paid)
        wait_for("the payment", lambda: self.state(paid) == "finalized")
        self.assertEqual(self.last_error(), "null")
        work = self.node.dir / "page"
        work.mkdir()
        self.assertGreaterEqual(DocRunner(work, self.env).check(ROOT / "docs" / "runbooks" / "treasury.md"), 8)
        wait_for("silence after the scrape that shows the payment", lambda: not self.prometheus.firing())
        self.assertEqual(self.sh("contract-cli gov treasury balance | jq -c '{balance_ct, balance_it} | keys'"), '["balance_ct","balance_it"]')

    def test_a_a_dependency_that_was_rolled_back(self):
        first = self.submit(10)
        second = self.submit(20, deps=[first])
        self.vote(second)
        self.sh(f'contract-cli gov disburse rollback --id {first} --reason "a wrong invoice"')
        wait_for("the timelock", lambda: self.state(second) == "timelocked")
        self.assertEqual(json.loads(self.sh(f"contract-cli gov treasury show --id {second} | jq -c '{{id: .id, deps: .proposal.deps}}'")), {"id": second, "deps": [first]})
        self.assertEqual(self.state(first), "rolled_back")
        blocked = self.sh("contract-cli gov treasury executor-status")
        self.assertIn("dependency_failed", blocked)
        self.sh(f'contract-cli gov treasury rollback --id {second} --reason "Dependency {first} was rolled back"')
        self.assertEqual(self.state(second), "rolled_back")
        self.assertIn(f"Dependency {first} was rolled back", wait_for("the reason in the log", lambda: self.provenance(second)))

    def provenance(self, number):
        path = self.node.data / "governance" / "provenance.json"
        rows = [e for e in json.loads(path.read_text())["entries"] if e.get("disbursement_id") == number and e.get("to_state") == "rolled_back"]
        return json.dumps(rows) if rows else ""

    def test_b_too_little_money_then_enough(self):
        balance = int(self.sh("contract-cli gov treasury balance | jq .balance"))
        large = self.submit(balance + 5000)
        self.vote(large)
        wait_for("the error", lambda: self.last_error() == "insufficient_funds", 120)
        small = self.submit(5)
        self.vote(small)
        wait_for("the smaller one behind it", lambda: self.state(small) in ("executed", "finalized"))
        self.assertEqual(self.state(large), "timelocked")
        wait_for("the counter", lambda: self.prometheus.query('treasury_execution_errors_total{reason="insufficient_funds"} > 0'))
        self.sh(f'curl -fsS --data-urlencode "query=rate(treasury_execution_errors_total[5m])" "$PROMETHEUS_URL/api/v1/query" | jq -e ".data.result | length > 0"')
        wait_for("the alert of a stuck treasury", lambda: "TreasuryNoProgress" in self.prometheus.firing() or self.finalized_lately())
        wait_for("the alert that waits for its five minutes", lambda: "TreasuryHighErrorRate" in self.alerts_seen(), 120)
        self.node.rpc("ledger.transfer", {"to": "treasury", "amount": 20000})
        wait_for("the payment without help", lambda: self.state(large) in ("executed", "finalized"))
        wait_for("a clean tick", lambda: self.last_error() == "null")
        wait_for("the end of the payment", lambda: self.state(large) == "finalized")

    def finalized_lately(self):
        """The alert speaks of ten minutes without a finalization: the one before it in this test keeps it silent, rightly."""
        return self.prometheus.query('increase(governance_disbursements_total{status="finalized"}[10m]) > 0')

    def alerts_seen(self):
        """Alerts of the treasury that are pending or firing."""
        return {a["labels"]["alertname"] for a in self.prometheus.get("/api/v1/alerts")["alerts"] if a["labels"].get("service") == "treasury"}

    def slow_down(self, slow):
        """Blocks every 20 s instead of 20 a second, by a change of the running configuration."""
        self.node.settings["chain"] = {**CHAIN, "block_interval_ms": 20000, "empty_block_interval_ms": 20000} if slow else CHAIN
        self.node.write_config()
        self.node.rpc("config.reload")

    def test_c_a_chain_that_commits_nothing_in_time(self):
        number = self.submit(30)
        self.vote(number)
        self.sh("contract-cli gov treasury circuit open")
        wait_for("the breaker's word", lambda: self.last_error() == "circuit_breaker_open")
        wait_for("the alert that waits for its minute", lambda: "TreasuryCircuitBreakerOpen" in self.alerts_seen())
        wait_for("the timelock", lambda: self.state(number) == "timelocked")
        self.slow_down(True)
        self.sh("contract-cli gov treasury circuit reset")
        wait_for("the error", lambda: self.last_error() == "consensus_timeout")
        self.assertEqual(self.sh("error=$(contract-cli gov treasury balance | jq -r '.executor.last_error'); echo $error"), "consensus_timeout")
        log = self.sh(f'grep "treasury_executor\\|DisbursementError" {self.node.dir}/node.log | grep -E "ERROR|WARN" | tail -50')
        self.assertIn("DisbursementError error=consensus_timeout", log)
        self.slow_down(False)
        self.node.stop()  # what `systemctl restart the-block` does; the staged payment survives it
        self.node.start()
        wait_for("the payment", lambda: self.state(number) in ("executed", "finalized"), 120)
        wait_for("a clean tick", lambda: self.last_error() == "null", 120)
        history = json.loads(self.sh(f"contract-cli gov treasury show --id {number}"))
        self.assertEqual([t["state"] for t in history["timeline"]].count("executed"), 1)

    def test_d_a_unit_that_is_wrong_on_disk(self):
        self.sh("contract-cli gov treasury list --limit 500 > disburse_snapshot_$(date +%s).json")
        self.assertIn("Ledger conservation verified", self.sh("contract-cli settlement audit"))
        self.node.stop()
        row = Row(self.node, "treasury", b"bal")
        row.add_one(1)
        audit = f"contract-cli settlement audit --data {self.node.data} --config {self.node.dir}/node.yaml"
        found = subprocess.run(["bash", "-c", audit], env=self.env, text=True, capture_output=True)
        row.restore()
        self.assertEqual(found.returncode, 1, found.stdout + found.stderr)
        self.assertIn("test settlement_audit ... FAILED", found.stdout)
        self.assertIn("treasury: its own balance is", found.stdout)
        self.assertIn("(+1)", found.stdout)
        self.node.start()
        self.assertIn("... ok", self.sh("contract-cli settlement audit"))


if __name__ == "__main__":
    unittest.main()
