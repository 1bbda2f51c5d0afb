"""Who may hand in receipts on a real node: the validators of the genesis, or the voted key set; retention and roots over the CLI."""
import json
import unittest

from node import Node, wait_for

# Public keys of the seeds 32 x 07 and 32 x 01, and their signatures over the announcement of the provider grid-1.
KEYS = ["ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c",
        "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"]
ANNOUNCED = ["6d0e86f7223b1a86bad0af31ee7863ecd920a32071fa0a59b83d3202478da64d777eff0f1af06f22f4f466a621464bd64397d4c11a6e47ff2a8df8583f528309",
             "7ed811d5d4fe80c7b8ad31d915f6b0f85012e8fcc251f518b146e4e19cdfbe1ebd73b636cc1342f2436248ca8b5b421ac6ac4b3cded4d62b4671f38e7285ae06"]


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
        params = {"receipt_blob_da_window_secs": 1, "receipt_retention_blocks": 3}
        self.node = node = Node(plugins=["ledger", "receipts"], settings={"chain": {"genesis_params": params}}).start()
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

    def shown(self, key):
        listed = self.node.cli_json("receipts", "provider", "list")["providers"]
        return listed and listed[0]["active_key"] == key and listed[0]

    def test_providers_of_the_configuration_are_registered_and_their_keys_rotated(self):
        def config(key):
            return f"receipts:\n  receipt_providers:\n    - {{provider_id: grid-1, verifying_key_hex: {key}, region: eu-central, asn: 64500}}\n"

        self.node = node = Node(plugins=["ledger", "receipts"], config=config(KEYS[0])).start()
        first = wait_for("the registration", lambda: self.shown(KEYS[0]))
        self.assertEqual(first["registration_source"], {"kind": "config", "config_path": "receipt_providers"})
        self.assertEqual((first["region"], first["asn"]), ("eu-central", 64500))
        self.submit(5)  # a key rotates after the block that registered it
        node.write_config(config(KEYS[1]))
        node.rpc("config.reload")
        rotated = wait_for("the rotation", lambda: self.shown(KEYS[1]))
        self.assertEqual([k["verifying_key_hex"] for k in rotated["key_versions"]], KEYS)
        # A list from before the rotation brings the old key not back; the new provider behind it shows that it was read.
        node.write_config(config(KEYS[0]) + f"    - {{provider_id: grid-2, verifying_key_hex: {KEYS[1]}}}\n")
        node.rpc("config.reload")
        wait_for("grid-2", lambda: len(node.cli_json("receipts", "provider", "list")["providers"]) == 2)
        self.assertEqual(node.cli_json("receipts", "provider", "show", "grid-1")["active_key"], KEYS[1])

    def test_a_provider_is_registered_by_the_admin_or_by_a_proof_of_its_key(self):
        self.node = node = Node(plugins=["ledger", "receipts"]).start()
        owner = node.dir / "owner.key"
        owner.write_text("07" * 32 + "\n")
        owner.chmod(0o600)
        by_admin = ("receipts", "provider", "register", "grid-1", "--verifying-key", KEYS[0], "--region", "eu",
                    "--source", json.dumps({"kind": "config", "config_path": "by hand"}))
        refused = node.cli(*by_admin, "--key", owner, check=False)
        self.assertEqual(refused.returncode, 1, refused.stdout)
        self.assertIn("not_authorized", refused.stderr)
        self.assertIn("receipt_emitters", refused.stderr)
        announced = ("receipts", "provider", "register", "grid-1", "--verifying-key", KEYS[0], "--source", json.dumps({"kind": "signed_announcement"}))
        wrong = node.cli(*announced, "--proof-hex", ANNOUNCED[1], "--key", owner, check=False)
        self.assertIn("not_authorized", wrong.stderr)
        node.cli(*announced, "--proof-hex", ANNOUNCED[0], "--key", owner)
        self.assertTrue(self.shown(KEYS[0]))
        again = node.cli(*by_admin, check=False)
        self.assertIn("provider_exists", again.stderr)
        node.cli("receipts", "provider", "rotate", "grid-1", "--new-key", KEYS[1], "--proof-hex", ANNOUNCED[1], "--key", owner)
        self.assertTrue(self.shown(KEYS[1]))
        gone = node.cli("receipts", "provider", "retire", "grid-1", "--reason", "closed", "--key", owner, check=False)
        self.assertIn("not_authorized", gone.stderr)
        node.cli("receipts", "provider", "retire", "grid-1", "--reason", "closed")
        self.assertIsNone(node.cli_json("receipts", "provider", "show", "grid-1")["active_key"])
        node.cli("receipts", "provider", "register", "grid-2", *by_admin[4:])
        self.assertEqual(node.cli_json("receipts", "provider", "show", "grid-2")["region"], "eu")

    def test_only_markets_that_run_here_are_counted(self):
        self.node = node = Node(plugins=["ledger", "receipts", "energy"]).start()

        def emitted():
            lines = [line for line in node.metrics().splitlines() if line.startswith("receipt_emitted_total")]
            return lines or None

        self.assertEqual(wait_for("the market's counter", emitted), ['receipt_emitted_total{market="energy"} 0'])
        node.cli("receipts", "validate", "--from-block", "0")
        self.assertIn("metrics_derivation_duration_ms_count 1", node.metrics())

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
