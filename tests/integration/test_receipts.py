"""Who may hand in receipts on a real node: the validators of the genesis, or the voted key set; retention and roots over the CLI."""
import json
import unittest

from node import Node, wait_for


class ReceiptsTest(unittest.TestCase):
    def tearDown(self):
        self.node.close()

    def submit(self, amount, *flags):
        file = self.node.dir / f"{amount}.json"
        file.write_text(json.dumps({"type": "storage_slash", "provider": "p1", "amount": amount, "reason": "late"}))
        return self.node.cli("receipts", "submit", "--file", file, *flags, check=False)

    def check_emitters(self):
        node = self.node
        stranger = node.dir / "stranger.key"
        stranger.write_text("07" * 32 + "\n")
        stranger.chmod(0o600)
        refused = self.submit(1, "--key", stranger)
        self.assertEqual(refused.returncode, 1, refused.stdout)
        self.assertIn("not_authorized", refused.stderr)
        self.assertIn("receipt_emitters", refused.stderr)
        validator = self.submit(2, "--key", node.data / "keys" / "node.key")
        self.assertEqual(validator.returncode, 0, validator.stderr)
        admin = self.submit(3)
        self.assertEqual(admin.returncode, 0, admin.stderr)
        listed = node.cli_json("receipts", "list")["receipts"]
        self.assertEqual([r["receipt"]["amount"] for r in listed], [2, 3])

    def test_validators_hand_in_where_nobody_votes(self):
        self.node = Node(plugins=["ledger", "receipts"]).start()
        self.check_emitters()

    def test_the_voted_keys_hand_in_where_governance_runs(self):
        self.node = Node(plugins=["ledger", "governance", "receipts"]).start()
        self.check_emitters()

    def test_receipts_go_after_their_time_and_say_so(self):
        params = "chain:\n  genesis_params: {receipt_blob_da_window_secs: 1, receipt_retention_blocks: 3}\n"
        self.node = node = Node(plugins=["ledger", "receipts"])
        text = node.write_config().read_text().replace("chain:\n", params, 1)
        (node.dir / "node.yaml").write_text(text)
        node.start()
        self.assertEqual(self.submit(5).returncode, 0)
        place = node.cli_json("receipts", "list")["receipts"][0]
        number = iter(range(100, 100_000))

        def gone():
            self.assertEqual(self.submit(next(number)).returncode, 0)
            return node.cli_json("receipts", "list").get("from_height", 0) > place["height"]

        wait_for("the first receipt to go", gone)
        shown = node.cli("receipts", "show", "--id", place["id"], check=False)
        self.assertEqual(shown.returncode, 1)
        self.assertIn("not_kept", shown.stderr)
        self.assertEqual(node.cli_json("receipts", "header", "--height", str(place["height"]))["receipts"], 1)
        self.assertEqual(node.cli("maintenance", "verify", check=False).returncode, 0)

    def test_announced_roots_are_bundled(self):
        self.node = node = Node(plugins=["ledger", "receipts"]).start()
        self.assertEqual(node.cli_json("receipts", "roots"), [])
        for digit in "ab":
            node.cli("receipts", "announce-root", "--root-hash", digit * 64, "--shard-id", "3", "--size-class", "L2", "--payload-bytes", "10")
        made = wait_for("both roots in bundles", lambda: (lambda list_: list_ if sum(b["entry_count"] for b in list_) == 2 else None)(
            node.cli_json("receipts", "roots", "--limit", "5")))
        self.assertEqual({b["size_class"] for b in made}, {"L2"})
        refused = node.cli("receipts", "announce-root", "--root-hash", "a" * 64, "--shard-id", "3", "--size-class", "L9", "--payload-bytes", "10", check=False)
        self.assertEqual(refused.returncode, 2, refused.stdout)
        self.assertIn("expected one of L2, L3", refused.stderr)


if __name__ == "__main__":
    unittest.main()
