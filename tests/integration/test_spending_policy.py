"""A voted spending policy on a real node: the executor is held back by the script that ships, pays in the next epoch without a hand, and the policy is
voted off although it refuses everything."""
import json
import pathlib
import unittest

from node import ROOT, STANDING, Node, wait_for

CHAIN = {"epoch_length": 20, **STANDING}
MISER = 'hook = { name="treasury-policy", version="2.0.0", on={"on_gate"} }\nfunction on_gate(c) return false, "nothing leaves" end\n'


class SpendingPolicyTest(unittest.TestCase):
    def setUp(self):
        self.node = Node(plugins=["ledger", "receipts", "governance", "treasury", "economics"], settings={"chain": CHAIN},
                         config="treasury:\n  executor: true\n  executor_id: node_a\n  poll_interval: 1\n  executor_lease: 5\n").start()
        self.addCleanup(self.node.close)

    def cli(self, *words):
        return json.loads(self.node.cli(*words, "--json").stdout)

    def enact(self, *words):
        number = self.cli(*words, "--vote-window", 1)["id"]
        self.cli("gov", "vote", number, "yes")
        self.node.go_on_until(f"proposal {number}", lambda: self.node.rpc("gov.proposal", {"id": number})["status"] == "activated")

    def submit(self, to, *amounts):
        numbers = [self.node.rpc("gov.treasury.submit_disbursement", {
            "proposal": {"title": "Work", "summary": "For work", "vote_window_epochs": 4, "timelock_epochs": 1, "rollback_window_epochs": 1},
            "disbursement": {"destination": to, "amount": amount, "memo": "", "scheduled_epoch": 1}})["id"] for amount in amounts]
        for number in numbers:
            self.node.go_on_until("the vote's begin", lambda: self.state(number) != "draft")
            self.node.rpc("gov.treasury.vote", {"id": number, "choice": "yes"})
        return numbers

    def state(self, number):
        return self.node.rpc("gov.treasury.show", {"id": number})["status"]["state"]

    def executor(self):
        return self.node.rpc("gov.treasury.balance")["executor"]

    def policy(self, source):
        path = pathlib.Path(self.node.dir) / "policy.lua"
        path.write_text(source)
        self.enact("gov", "script", "propose", path)

    def test_a_cap_by_destination_holds_a_payment_until_the_next_epoch(self):
        shipped = (ROOT / "scripts-lua" / "treasury-policy.lua").read_text()
        # Small caps, since a development chain's treasury is small.
        self.policy(shipped.replace("per_destination, per_epoch = 500000, 2000000", "per_destination, per_epoch = 500, 2000"))
        # Three records that mature at one boundary, of which an epoch pays one.
        numbers = self.submit("tb1payee", 300, 300, 300)
        self.node.go_on_until("the payments", lambda: all(self.state(n) == "finalized" for n in numbers), 120)
        timelines = [self.node.rpc("gov.treasury.show", {"id": n})["timeline"] for n in numbers]
        epochs = [t["epoch"] for timeline in timelines for t in timeline if t["state"] == "executed"]
        self.assertEqual(len(set(epochs)), 3, epochs)
        self.assertIn("error=hook_rejected", self.node.output())
        self.assertIn("of 500 in epoch", self.node.output())
        self.assertEqual(self.node.metric('treasury_executor_result_total{result="error"}', 0), 0)
        self.assertGreater(self.node.metric('treasury_executor_result_total{result="cancelled"}', 0), 0)

    def test_a_policy_that_refuses_everything_is_voted_off(self):
        self.policy(MISER)
        [number] = self.submit("tb1payee", 10)
        self.node.go_on_until("the hold", lambda: self.executor()["last_error"] == "hook_rejected", 120)
        self.assertIn("nothing leaves", self.executor()["last_error_detail"])
        self.assertEqual(self.state(number), "timelocked")
        self.enact("gov", "script", "disable", "treasury-policy")
        self.node.go_on_until("the payment", lambda: self.state(number) in ("executed", "finalized"), 120)
        wait_for("a clean tick", lambda: self.executor()["last_error"] is None)


if __name__ == "__main__":
    unittest.main(verbosity=2)
