"""The settlement audit of a real node: it holds, and it finds one unit that is wrong anywhere. Queries of a node that does not run."""
import json
import struct
import subprocess
import unittest

from node import BIN, STANDING, Node, wait_for

EPOCH_BLOCKS = 10
PAYEE = "tb1qm97tgjht8p63qy6568aq5fgytc6ue8cynzap2tr5thczc8j8w9s8np6z0"


def offline(node, method, params=None):
    """`blockd call`: exit code, answer, standard error."""
    words = [BIN / "blockd", "call", method] + ([json.dumps(params)] if params is not None else [])
    done = subprocess.run(words + ["--data-dir", node.data, "--config", node.dir / "node.yaml"], env=node.environment(),
                          text=True, capture_output=True, timeout=120)
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


class Row:
    """One row of the state of a stopped node."""

    def __init__(self, node, space, key):
        self.words = [BIN / "state_edit", node.data / "state", space, key.hex()]
        self.value = bytes.fromhex(self.run())

    def run(self, *more):
        return subprocess.run([*self.words, *more], text=True, capture_output=True, check=True).stdout.strip()

    def write(self, value):
        self.run(value.hex())

    def add_one(self, at):
        """Adds 1 to the number of 8 bytes, little-endian, at this offset."""
        number = struct.unpack_from("<Q", self.value, at)[0]
        changed = bytearray(self.value)
        struct.pack_into("<Q", changed, at, number + 1)
        self.write(bytes(changed))

    def restore(self):
        self.write(self.value)


class OfflineCallTest(unittest.TestCase):
    def test_queries_of_a_stopped_node_answer_and_commands_are_refused(self):
        node = Node(plugins=["ledger"], config="bus:\n  retain_blocks: 1\n").start()
        try:
            answer = node.rpc("ledger.transfer", {"to": PAYEE, "amount": 250})
            height = answer["height"]
            code, _, error = offline(node, "balance", {"address": PAYEE})
            self.assertEqual(code, 1, "a node runs on the directory")
            self.assertIn("in use", error)
            node.stop()
            self.assertEqual(offline(node, "balance", {"address": PAYEE})[:2], (0, {"amount": 250, "balance": 250}))
            code, check, _ = offline(node, "ledger.check")
            self.assertEqual((code, check["ok"]), (0, True))
            code, refused, _ = offline(node, "ledger.transfer", {"to": PAYEE, "amount": 1})
            self.assertEqual((code, refused["error"]["data"]["name"]), (1, "not_ready"))
            self.assertEqual(offline(node, "no.such_method")[0], 1)
            head = offline(node, "block.latest")[1]["height"]
            self.assertGreaterEqual(head, height)
            self.assertEqual(offline(node, "block.latest")[1]["height"], head, "a call makes no block")
            node.start()
            self.assertEqual(node.rpc("balance", {"address": PAYEE})["amount"], 250)
            wait_for("a block that is not retained", lambda: node.height() > height)
            self.assertIn("gap", node.rpc("events.list", {"from": "0-0"}))
            events = node.rpc("events.list", {"topics": ["ledger.moved"], "archived": True})["events"]
            self.assertEqual([e["data"]["amount"] for e in events if e["data"]["kind"] == "transfer"], [250])
            self.assertEqual(node.rpc("block.genesis")["chain_id"], node.rpc("node.status")["chain_id"])
        finally:
            node.close()

    def test_a_directory_without_a_chain_is_refused_and_left_alone(self):
        node = Node(plugins=["ledger"])
        try:
            code, _, error = offline(node, "ledger.check")
            self.assertEqual(code, 2)
            self.assertIn("holds no chain", error)
            self.assertFalse((node.data / "chain").exists())
        finally:
            node.close()


class AuditTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        chain = {"epoch_length": EPOCH_BLOCKS, **STANDING}
        node = cls.node = Node(plugins=["ledger", "receipts", "governance", "treasury"], settings={"chain": chain}).start()
        try:
            cls.make_history(node)
            node.stop()
        except BaseException:
            node.close()
            raise

    @classmethod
    def make_history(cls, node):
        """On the 1,000,000 that the treasury has from the genesis: disbursements that end finalized, executed, rolled back after the execution, timelocked and draft."""
        node.rpc("ledger.transfer", {"to": "treasury", "amount": 10000})
        ids = cls.ids = [cls.submit(node, amount, window) for amount, window in ((3000, 1), (2000, 10000), (500, 10000), (70, 1))]
        for each in ids:
            node.go_on_until(f"the vote on {each}", lambda: cls.state(node, each) == "voting")
            node.rpc("gov.treasury.vote", {"id": each, "choice": "yes"})
        for each in ids:
            node.go_on_until(f"the end of the timelock of {each}", lambda: cls.state(node, each) == "timelocked")
        node.rpc("gov.treasury.lease_acquire", {"holder": "test", "ttl_secs": 3600})
        for nonce, each in enumerate(ids[:3], 1):
            node.rpc("gov.treasury.execute_disbursement", {"id": each, "nonce": nonce, "holder": "test"})
        node.rpc("gov.treasury.rollback_disbursement", {"id": ids[2], "reason": "a wrong invoice"})
        node.go_on_until("the payment", lambda: cls.state(node, ids[0]) == "finalized")
        cls.submit(node, 41, 1)

    @staticmethod
    def submit(node, amount, window):
        return node.rpc("gov.treasury.submit_disbursement", {
            "proposal": {"title": "Work", "summary": "For work", "vote_window_epochs": 10, "timelock_epochs": 1,
                         "rollback_window_epochs": window},
            "disbursement": {"destination": PAYEE, "amount": amount, "memo": "", "scheduled_epoch": 1}})["id"]

    @staticmethod
    def state(node, each):
        return node.rpc("gov.treasury.disbursement", {"id": each})["disbursement"]["status"]["state"]

    @classmethod
    def tearDownClass(cls):
        cls.node.close()

    def audit(self, *flags):
        return self.node.cli("settlement", "audit", "--data", self.node.data, "--config", self.node.dir / "node.yaml", *flags, check=False)

    def test_a_sound_history_holds_in_the_words_of_the_guide(self):
        done = self.audit()
        self.assertEqual((done.returncode, done.stdout), (0, (
            "test settlement_audit ... ok\n\nLedger conservation verified:\n  Initial balance: 1,000,000 BLOCK\n"
            "  Accruals: 10,000 BLOCK\n  Executed disbursements: 5,500 BLOCK\n  Rollback compensations: 500 BLOCK\n"
            "  Final balance: 1,005,000 BLOCK\n")), done.stderr)

    def test_the_older_names_and_variables_of_the_audit_work(self):
        for words in (["gov", "treasury", "audit"], ["audit", "settlement"]):
            done = self.node.cli(*words, "--data", self.node.data, "--config", self.node.dir / "node.yaml")
            self.assertIn("Final balance: 1,005,000 BLOCK", done.stdout)
        env = self.node.environment() | {"STARTING_EPOCH": "0", "ENDING_EPOCH": "1000"}
        done = subprocess.run([BIN / "settlement_audit", "--data", self.node.data, "--config", self.node.dir / "node.yaml"],
                              env=env, text=True, capture_output=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("Accruals: 10,000 BLOCK", done.stdout)
        self.assertEqual(self.audit("--from-epoch", "x").returncode, 2)

    def test_a_past_epoch_has_the_figures_of_its_end(self):
        found = json.loads(self.audit("--to-epoch", "0", "--json").stdout)
        self.assertTrue(found["ok"], found)
        self.assertEqual((found["executed"], found["actual_balance"]), (0, found["initial_balance"] + found["accruals"]))
        self.assertEqual(found["initial_balance"], 1000000)

    def damaged(self, space, key, at, names):
        """One unit more in a row: the audit says whose, with exit code 1; then all is well again."""
        row = Row(self.node, space, key)
        row.add_one(at)
        try:
            done = self.audit()
            self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
            self.assertIn("test settlement_audit ... FAILED", done.stdout)
            for name in names:
                self.assertIn(name, done.stdout)
            self.assertIn("settlement_audit", done.stderr)  # every finding is logged
        finally:
            row.restore()
        self.assertEqual(self.audit().returncode, 0)

    def test_one_unit_is_found_in_any_account(self):
        for account in (PAYEE, "treasury/pending"):
            self.damaged("ledger", b"a/" + account.encode(), 1, [f"account {account}: ", "(+1)"])

    def test_one_unit_is_found_in_the_treasury(self):
        self.damaged("ledger", b"a/treasury", 1, ["Expected balance: 1,005,000 BLOCK", "Actual balance: 1,005,001 BLOCK",
                                                 "Discrepancy: 1 BLOCK (0.0%)", "account treasury: "])
        self.damaged("treasury", b"bal", 1, ["treasury: its own balance is 1,005,001 BLOCK"])

    def test_one_unit_is_found_in_the_supply(self):
        self.damaged("ledger", b"supply", 1, ["supply: "])

    def test_one_unit_is_found_in_a_disbursement(self):
        for each, state in ((self.ids[0], "finalized"), (self.ids[1], "executed"), (self.ids[3], "timelocked")):
            row = Row(self.node, "treasury", b"disb/" + struct.pack(">Q", each))
            proposer, destination = struct.unpack_from("<I", row.value, 1)[0], len(PAYEE)
            self.damaged("treasury", b"disb/" + struct.pack(">Q", each), 1 + 4 + proposer + 4 + destination,
                         [f"Disbursement {each} ({state}): the state says an amount of", "(+1)"])
        self.damaged("treasury", b"esc/" + struct.pack(">Q", self.ids[1]), 1, [f"Disbursement {self.ids[1]} (executed): treasury/pending keeps"])

    def test_a_running_node_is_audited_over_rpc(self):
        self.node.start()
        try:
            done = self.node.cli("settlement", "audit")
            self.assertIn("Final balance: 1,005,000 BLOCK", done.stdout)
            found = self.node.rpc("settlement.audit")
            self.assertEqual((found["ok"], found["findings"]), (True, []))
        finally:
            self.node.stop()

    def test_what_a_running_node_finds_is_counted(self):
        row = Row(self.node, "ledger", b"a/" + PAYEE.encode())
        row.add_one(1)
        self.node.start()
        try:
            self.assertEqual(self.node.metric("settle_audit_mismatch_total"), 0)
            found = self.node.rpc("settlement.audit")
            self.assertFalse(found["ok"])
            self.assertEqual(self.node.metric("settle_audit_mismatch_total"), len(found["findings"]))
        finally:
            self.node.stop()
            row.restore()


if __name__ == "__main__":
    unittest.main(verbosity=2)
