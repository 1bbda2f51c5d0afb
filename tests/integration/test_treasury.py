"""The treasury on a real node: voted money is paid by the executor without a hand, a node that dies in the middle pays each record once, and the
verbs of the runbook answer as printed."""
import json
import os
import re
import signal
import stat
import unittest

from node import ROOT, STANDING, Node, RpcError, wait_for

PAYEE = "tb1payee"
RECORDS = 20


class TreasuryTest(unittest.TestCase):
    def setUp(self):
        self.node = Node(plugins=["ledger", "receipts", "governance", "treasury"], settings={"chain": {"epoch_length": 10, **STANDING}},
                         config="treasury:\n  executor: true\n  executor_id: node_a\n  poll_interval: 1\n  executor_lease: 5\n")

    def tearDown(self):
        self.node.close()

    def submit(self, amount, **proposal):
        fields = {"title": "Work", "summary": "For work", "vote_window_epochs": 8, "timelock_epochs": 1, "rollback_window_epochs": 2}
        return self.node.rpc("gov.treasury.submit_disbursement", {
            "proposal": {**fields, **proposal},
            "disbursement": {"destination": PAYEE, "amount": amount, "memo": "", "scheduled_epoch": 1}})["id"]

    def state(self, each):
        return self.node.rpc("gov.treasury.show", {"id": each})["status"]["state"]

    def test_half_a_quorum_is_one_and_a_blank_of_any_kind_is_blank(self):
        self.node.start()
        each = self.submit(1, quorum={"operators_ppm": 670000})
        self.assertEqual(self.node.rpc("gov.treasury.show", {"id": each})["proposal"]["quorum"], {"operators_ppm": 670000, "builders_ppm": 0})
        with self.assertRaises(RpcError) as refused:
            self.submit(1, quorum={"builders_ppm": 1000001})
        self.assertEqual((refused.exception.code, refused.exception.name), (-32600, "invalid_quorum"))
        with self.assertRaises(RpcError) as refused:
            self.submit(1, title="\u00a0")
        self.assertEqual((refused.exception.code, refused.exception.name), (-32600, "empty_title"))
        self.node.go_on_until("the vote", lambda: self.state(each) == "voting")
        self.assertEqual(self.node.cli_json("gov", "vote", each, "yes", "--kind", "disb")["weight"], {"operators": 1, "builders": 1})
        self.node.go_on_until("the count", lambda: self.state(each) == "queued")

    def vote(self, ids):
        for each in ids:
            self.node.go_on_until(f"the vote on {each}", lambda: self.state(each) == "voting")
            self.node.rpc("gov.treasury.vote", {"id": each, "choice": "yes"})

    def test_the_executor_pays_what_was_voted_and_answers_the_runbook(self):
        node = self.node.start()
        before = node.rpc("gov.treasury.balance")["balance"]
        first = self.submit(1000)
        second = self.submit(500, deps=[first])
        self.vote([first, second])
        self.node.go_on_until("the payment of the dependent", lambda: self.state(second) == "finalized", 120)
        self.assertEqual(node.rpc("ledger.account", {"account": PAYEE})["balance"], 1500)
        balance = node.cli_json("gov", "treasury", "balance")
        self.assertEqual(balance["balance"], before - 1500)
        self.assertEqual(balance["balance_ct"], balance["balance"])
        self.assertEqual(balance["balance_it"], 0)
        executor = balance["executor"]
        self.assertTrue(executor["enabled"])
        self.assertEqual(executor["lease_holder"], "node_a")
        self.assertEqual(executor["lease_last_nonce"], 2)
        self.assertEqual(executor["circuit"], "closed")
        wait_for("a tick without error", lambda: node.rpc("gov.treasury.balance")["executor"]["last_error"] is None)
        wait_for("both successes", lambda: node.metric("treasury_executor_success_total") == 2)
        self.verbs(first, second)

    def verbs(self, first, second):
        cli = self.node.cli
        ids = cli("gov", "treasury", "list", "--limit", 500, "--ids").stdout.split()
        self.assertEqual(ids, [str(second), str(first)])
        record = self.node.cli_json("gov", "disburse", "show", "--id", second, "--format", "json")
        self.assertEqual(record["proposal"]["deps"], [first])
        self.assertEqual(record["status_label"], "Finalized")
        self.assertEqual(record, self.node.rpc("gov.treasury.disbursement", {"id": second})["disbursement"])
        self.assertEqual(len(self.node.cli_json("gov", "treasury", "list", "--status", "finalized", "--format", "json")["disbursements"]), 2)
        events = [row["event"] for row in self.node.cli_json("gov", "treasury", "history", "--format", "json")["snapshots"]]
        self.assertEqual(events, ["executed", "executed", "queued", "queued", "accrual"])
        self.assertIn("balance_history", self.node.cli_json("gov", "treasury", "fetch", "--history"))
        self.assertEqual(self.node.cli_json("gov", "treasury", "pipeline")["counts"]["finalized"], 2)
        self.assertEqual(self.node.cli_json("gov", "treasury", "executor-status")["blockers"], [])
        self.assertEqual(self.node.cli_json("gov", "treasury", "circuit", "open")["circuit"], "open")
        wait_for("the breaker", lambda: self.node.rpc("gov.treasury.balance")["executor"]["last_error"] == "circuit_breaker_open")
        cli("gov", "treasury", "circuit", "reset")
        wait_for("the breaker's end", lambda: self.node.rpc("gov.treasury.balance")["executor"]["last_error"] is None)
        refused = cli("gov", "treasury", "schedule", PAYEE, 5, check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("requires_proposal", refused.stderr)
        self.assertEqual(self.node.cli_json("governance", "treasury", "show", "--id", second), record, "the long name of the group")
        late = cli("gov", "vote", second, "yes", "--kind", "disb", check=False)
        self.assertEqual((late.returncode, late.stdout), (1, ""))
        self.assertIn("vote_closed", late.stderr)
        nobody = cli("gov", "vote", second + 9, "yes", "--kind", "disb", check=False)
        self.assertIn("unknown_disbursement", nobody.stderr)
        odd = cli("gov", "vote", second, "yes", "--kind", "other", check=False)
        self.assertEqual((odd.returncode, odd.stdout), (2, ""))
        wrong = cli("gov", "disburse", "show", "--id", "twelve", check=False)
        self.assertEqual((wrong.returncode, wrong.stdout), (2, ""))
        example = ROOT / "examples" / "governance" / "disbursement_example.json"
        preview = cli("gov", "disburse", "preview", "--json", example, "--check")
        self.assertIn("Validation: PASSED", preview.stdout)
        submitted = self.node.cli_json("gov", "disburse", "submit", "--json", example, "--format", "json")
        self.assertEqual(submitted["id"], second + 1)
        rolled = cli("gov", "disburse", "rollback", "--id", submitted["id"], "--reason", "only an example")
        self.assertIn("Disbursement rolled back successfully", rolled.stdout)
        said = cli("gov", "disburse", "submit", "--json", example, "--format", "text").stdout
        self.assertRegex(said, r"^Disbursement submitted successfully\nID: %d\nCreated at: \d+\n$" % (second + 2))
        self.assertIn("--id must be an unsigned integer", wrong.stderr)
        self.provenance(submitted["id"], second)

    def provenance(self, rolled_back, paid):
        path = self.node.data / "governance" / "provenance.json"
        states = lambda each: [(e["from_state"], e["to_state"]) for e in json.loads(path.read_text())["entries"] if e["disbursement_id"] == each]
        wait_for("the rollback in the file", lambda: any(to == "rolled_back" for _, to in states(rolled_back)))
        entries = json.loads(path.read_text())["entries"]
        self.assertEqual([e["reason"] for e in entries if e["disbursement_id"] == rolled_back and e["to_state"] == "rolled_back"], ["only an example"])
        self.assertEqual([to for _, to in states(paid)], ["draft", "voting", "queued", "timelocked", "executed", "finalized"])
        executed = next(e for e in entries if e["disbursement_id"] == paid and e["to_state"] == "executed")
        self.assertEqual(executed["snapshot"]["id"], paid)
        self.assertTrue(self.node.cli_json("gov", "provenance", "verify")["ok"])

    def test_a_node_that_dies_in_the_middle_pays_each_record_once(self):
        node = self.node.start()
        before = node.rpc("gov.treasury.balance")["balance"]
        ids = [self.submit(10) for _ in range(RECORDS)]
        self.vote(ids)
        executed = lambda: int(node.metric('governance_disbursements_total{status="executed"}', 0))
        self.node.go_on_until("the first execution", lambda: executed() > 0, 120)
        node.kill()
        node.start()
        self.node.go_on_until("all executions", lambda: all(self.state(each) in ("executed", "finalized") for each in ids), 120)
        self.assertEqual(node.rpc("gov.treasury.balance")["balance"], before - 10 * RECORDS)
        nonces = []
        for each in ids:
            entries = [e for e in node.rpc("gov.treasury.show", {"id": each})["timeline"] if e["state"] == "executed"]
            self.assertEqual(len(entries), 1)
            nonces.append(entries[0]["nonce"])
        self.assertEqual(len(set(nonces)), RECORDS)
        wait_for("the end of the intents", lambda: json.loads((node.data / "treasury" / "executor.json").read_text())["staged_intents"] == [])
        self.assertFalse(re.search(r"the book says", node.output()))

    def test_an_executor_in_a_process_of_its_own_pays_each_record_once_though_it_is_killed(self):
        node = self.node
        node.plugins[-1] = "{id: treasury, isolation: process}"
        node.write_config()
        node.start()
        process = lambda: {p["id"]: p for p in node.rpc("plugin.list")}["treasury"].get("process", {})
        first = process()["pid"]
        self.assertNotIn(first, (0, node.process.pid))
        before = node.rpc("gov.treasury.balance")["balance"]
        ids = [self.submit(10) for _ in range(RECORDS)]
        self.vote(ids)
        self.node.go_on_until("the first execution", lambda: node.metric('governance_disbursements_total{status="executed"}', 0) > 0, 120)
        os.kill(first, signal.SIGKILL)  # the face that pays, and the machine that books it

        def all_paid():
            try:
                return all(self.state(each) == "finalized" for each in ids)
            except RpcError as error:  # while the process begins again
                self.assertEqual(error.name, "plugin_crashed")
                return False

        self.node.go_on_until("all payments", all_paid, 120)
        self.assertNotEqual(process()["pid"], first)
        self.assertEqual(node.metric('plugin_child_crashes_total{plugin="treasury",reason="killed"}'), 1)
        self.assertEqual(node.rpc("gov.treasury.balance")["balance"], before - 10 * RECORDS)
        self.assertEqual(node.rpc("ledger.account", {"account": PAYEE})["balance"], 10 * RECORDS)
        book = node.data / "treasury" / "executor.json"
        wait_for("the end of the intents", lambda: json.loads(book.read_text())["staged_intents"] == [])
        self.assertEqual(stat.S_IMODE(book.stat().st_mode), 0o600, "it holds signed payments")
        self.assertNotIn("opened a file", node.output())
        self.assertTrue(node.rpc("maintenance.verify", {}, timeout=300)["ok"])

    def test_another_key_of_the_node_signs_for_the_executor(self):
        node = self.node
        node.env.update({"TB_TREASURY_KEY": "admin", "TB_TREASURY_ACCOUNT": "treasury_account_id"})
        node.start()
        paid = self.submit(1000)
        self.vote([paid])
        self.node.go_on_until("the payment", lambda: self.state(paid) in ("executed", "finalized"), 120)
        by_admin = [e for e in node.rpc("gov.treasury.show", {"id": paid})["timeline"] if e["state"] == "executed"][0]["actor"]
        wait_for("the lease", lambda: node.rpc("gov.treasury.lease").get("account") == by_admin)
        roles = {r["account"]: r["role"] for r in node.rpc("gov.roles")["roles"]}
        self.assertEqual(roles[by_admin], "admin")
        node.stop()
        node.env["TB_TREASURY_KEY"] = "operator"
        node.start()
        wait_for("the lease of the operator", lambda: roles.get(node.rpc("gov.treasury.lease").get("account")) == "operator", 120)
        node.stop()
        node.env["TB_TREASURY_ACCOUNT"] = "elsewhere"
        node.start(wait=False)
        self.assertNotEqual(node.process.wait(timeout=120), 0)
        self.assertIn("TB_TREASURY_ACCOUNT", node.output())


if __name__ == "__main__":
    unittest.main()
