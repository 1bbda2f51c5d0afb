"""The wallet against a real node: remote signers of every temper, discovery, sessions, fees below the floor."""
import json
import re
import socket
import subprocess
import unittest

from node import BIN, Node, wait_for

SEEDS = ["11" * 32, "12" * 32, "13" * 32]
STRANGER = "tb1rppd3pnuevhgy82wkdk9ptvyg2c7zy3df39h0t6df4gnnnj7z62qvjg739"


class Signer:
    """A running test_signer."""

    def __init__(self, seed, *flags):
        self.process = subprocess.Popen([BIN / "test_signer", "--seed", seed, *flags], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()

    def rotate(self, seed):
        self.process.stdin.write(f"seed {seed}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline().strip() == "changed"

    def stop(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(timeout=30)
        self.process.stdout.close()


class WalletTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Node(plugins=["ledger"], env={"REMOTE_SIGNER_TIMEOUT_MS": "20000"}).start()
        cls.node.rpc("ledger.transfer", {"to": STRANGER, "amount": 1})

    @classmethod
    def tearDownClass(cls):
        cls.node.close()

    def signer(self, seed, *flags):
        made = Signer(seed, *flags)
        self.addCleanup(made.stop)
        return made

    def wallet(self, *args, code=0):
        result = self.node.cli("wallet", *args, check=False)
        self.assertEqual(result.returncode, code, f"{args}\n{result.stdout}\n{result.stderr}")
        return result

    def fund(self, address, amount=1_000_000):
        self.node.rpc("ledger.transfer", {"to": address, "amount": amount})

    def balance(self, address):
        return int(self.node.rpc("balance", {"address": address})["amount"])

    def test_a_message_is_signed_by_one_signer_or_by_enough_of_several(self):
        one, two = self.signer(SEEDS[0]), self.signer(SEEDS[1])
        liar, broken = self.signer(SEEDS[2], "--fault", "bad_signature"), self.signer(SEEDS[2], "--fault", "http_500")
        here = json.loads(self.wallet("sign", "hello", "--seed", SEEDS[0], "--json").stdout)
        there = json.loads(self.wallet("sign", "hello", "--remote-signer", one.url, "--json").stdout)
        for member in ("signed", "public_key", "address", "signature"):
            self.assertEqual(there[member], here[member])
        socket_url = one.url.replace("http://", "ws://")
        self.assertEqual(json.loads(self.wallet("sign", "hello", "--remote-signer", socket_url, "--json").stdout)["signature"], here["signature"])

        # Two of four, of which one lies and one is out of order: the first two good ones in the order given.
        urls = [flag for s in (liar, broken, two, one) for flag in ("--remote-signer", s.url)]
        parts = json.loads(self.wallet("sign", "hello", *urls, "--threshold", "2", "--json").stdout)["signatures"]
        self.assertEqual([p["signer"] for p in parts], [two.url, one.url])
        self.assertEqual(parts[1]["signature"], here["signature"])
        few = self.wallet("sign", "hello", *urls, "--threshold", "3", code=3)
        self.assertIn("2 of 3 signatures could be had", few.stderr)
        self.assertIn("bad signature", few.stderr)
        self.assertIn("http 500", few.stderr)

    def test_what_a_signer_does_wrong_is_said_and_counted_by_the_node(self):
        liar, broken, absent = self.signer(SEEDS[2], "--fault", "bad_signature"), self.signer(SEEDS[2], "--fault", "http_500"), "http://127.0.0.1:1"
        before = {n: self.node.metric(n, 0) for n in ("remote_signer_request_total", "remote_signer_success_total")}
        self.assertIn("bad signature", self.wallet("sign", "x", "--remote-signer", liar.url, code=1).stderr)
        self.assertIn("http 500", self.wallet("sign", "x", "--remote-signer", broken.url, code=3).stderr)
        self.assertIn("cannot reach", self.wallet("sign", "x", "--remote-signer", absent, code=3).stderr)
        self.assertGreaterEqual(self.node.metric('remote_signer_error_total{reason="bad_signature"}'), 1)
        self.assertGreaterEqual(self.node.metric('remote_signer_error_total{reason="http_500"}'), 1)
        self.assertGreaterEqual(self.node.metric('remote_signer_error_total{reason="unreachable"}'), 1)
        # The liar was asked for its key, for a signature, and once more for its key; it answered each time.
        self.assertEqual(self.node.metric("remote_signer_request_total") - before["remote_signer_request_total"], 5)
        self.assertEqual(self.node.metric("remote_signer_success_total") - before["remote_signer_success_total"], 3)
        self.assertGreaterEqual(self.node.metric("remote_signer_latency_seconds_count"), 5)
        for wrong in (["--seed", SEEDS[0], "--remote-signer", liar.url], ["--remote-signer", liar.url, "--threshold", "2"],
                      ["--remote-signer", liar.url, "--remote-signer", liar.url], ["--remote-signer", liar.url, "--signer-cert", "c.pem"]):
            self.wallet("sign", "x", *wrong, code=2)
        self.assertIn("invalid signer configuration", self.wallet("sign", "x", "--remote-signer", liar.url, "--threshold", "2", code=2).stderr)

    def test_a_transfer_signed_by_one_remote_signer(self):
        signer = self.signer(SEEDS[0])
        account = json.loads(self.wallet("sign", "who", "--remote-signer", signer.url, "--json").stdout)["address"]
        self.fund(account)
        report = json.loads(self.wallet("send", "--to", STRANGER, "--amount", "250", "--remote-signer", signer.url, "--auto-bump", "--pct", "40", "--json").stdout)
        self.assertEqual(report["status"], "ok")
        self.assertEqual(report["payload"]["command"]["from"], account)
        self.assertEqual(report["payload"]["command"]["pct"], 40)
        self.assertEqual(len(report["signer_metadata"]), 1)
        self.assertEqual(self.balance(account), 1_000_000 - 250 - report["effective_fee"])
        self.assertGreaterEqual(self.node.metric('fee_floor_warning_total{lane="consumer"}'), 1)

    def test_a_group_of_three_of_whom_two_sign_while_one_is_away(self):
        signers = [self.signer(seed) for seed in SEEDS]
        flags = [flag for s in signers for flag in ("--remote-signer", s.url)] + ["--threshold", "2"]
        # Nothing is there to be sent yet, but the group's keys are known from now on.
        refused = self.node.cli("wallet", "send", "--to", STRANGER, "--amount", "1", "--fee", "2000", *flags, "--json", check=False)
        self.assertEqual(refused.returncode, 1, refused.stderr)
        self.assertRegex(refused.stdout + refused.stderr, "unknown_sender")
        dry = json.loads(self.wallet("send", "--to", STRANGER, "--amount", "1", "--fee", "2000", "--dry-run", *flags, "--json").stdout)
        account = dry["payload"]["command"]["from"]
        self.assertEqual((len(dry["payload"]["command"]["signers"]), dry["payload"]["command"]["threshold"]), (3, 2))
        self.fund(account)
        signers[0].stop()
        report = json.loads(self.wallet("send", "--to", STRANGER, "--amount", "70", "--fee", "2000", *flags, "--json").stdout)
        self.assertEqual(report["status"], "ok")
        self.assertEqual(len(report["signer_metadata"]), 2)
        self.assertEqual(self.balance(account), 1_000_000 - 70 - 2000)
        signers[1].stop()
        self.assertIn("1 of 2 signatures could be had", self.wallet("send", "--to", STRANGER, "--amount", "70", "--fee", "2000", *flags, code=3).stderr)
        self.assertEqual(self.balance(account), 1_000_000 - 70 - 2000)

    def test_any_command_may_be_signed_remotely(self):
        signer = self.signer(SEEDS[1])
        account = json.loads(self.wallet("sign", "who", "--remote-signer", signer.url, "--json").stdout)["address"]
        self.fund(account)
        # Signed by the account, which is no operator of this chain: that is what the chain says of it.
        refused = self.node.cli("chain", "set-params", "fee_floor_window", "300", "--remote-signer", signer.url, check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("forbidden", refused.stderr)

    def test_signers_on_the_network_are_found_and_counted(self):
        probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        self.node.env["TB_SIGNER_DISCOVERY_ADDR"] = f"127.0.0.1:{port}"
        self.addCleanup(self.node.env.pop, "TB_SIGNER_DISCOVERY_ADDR")
        tries, hits = self.node.metric("remote_signer_discovery_total"), self.node.metric("remote_signer_discovery_success_total")
        nobody = json.loads(self.wallet("discover-signers", "--timeout", "100", "--json").stdout)
        self.assertEqual(nobody, {"timeout_ms": 100, "signers": []})
        self.assertEqual(self.wallet("discover-signers", "--timeout", "100").stdout, "no signers found\n")
        self.signer(SEEDS[0], "--discovery", str(port))
        found = wait_for("the signer's answer", lambda: json.loads(
            self.wallet("remote-discover", "--timeout", "500", "--json").stdout)["signers"])
        self.assertEqual(found, [f"http://127.0.0.1:{port}"])
        self.assertGreaterEqual(self.node.metric("remote_signer_discovery_total") - tries, 3)
        self.assertEqual(self.node.metric("remote_signer_discovery_success_total") - hits, 1)

    def test_a_session_key_pays_within_its_limit(self):
        signer = self.signer(SEEDS[2])
        account = json.loads(self.wallet("sign", "who", "--remote-signer", signer.url, "--json").stdout)["address"]
        self.fund(account)
        opened = json.loads(self.wallet("session", "--ttl", "600", "--limit", "8000", "--remote-signer", signer.url, "--json").stdout)
        self.assertEqual(opened["owner"], account)
        self.assertTrue(re.fullmatch("[0-9a-f]{64}", opened["session_sk"]))
        pay = ["metasend", "--from", account, "--to", STRANGER, "--session-sk", opened["session_sk"], "--fee", "4000", "--json"]
        before = self.balance(account)
        self.assertEqual(json.loads(self.wallet(*pay, "--amount", "2000").stdout)["status"], "ok")
        self.assertEqual(self.balance(account), before - 6000)
        over = self.wallet(*pay, "--amount", "2000", code=1)
        self.assertIn("session_limit", over.stdout + over.stderr)
        self.assertEqual(self.balance(account), before - 6000)
        self.assertEqual(self.node.metric("session_key_issued_total"), 1)

    def test_the_four_ways_with_a_fee_below_the_floor(self):
        signer = self.signer("21" * 32)
        account = json.loads(self.wallet("sign", "who", "--remote-signer", signer.url, "--json").stdout)["address"]
        self.fund(account)
        send = ["send", "--to", STRANGER, "--amount", "5", "--remote-signer", signer.url, "--json"]
        asked = self.wallet(*send, code=1)
        self.assertEqual(json.loads(asked.stdout)["status"], "needs_confirmation")
        self.wallet(*send, "--force", "--auto-bump", code=2)
        forced = self.wallet(*send, "--force", code=1)
        self.assertIn("fee_too_low", forced.stdout + forced.stderr)
        bumped = json.loads(self.wallet(*send, "--auto-bump").stdout)
        self.assertTrue(bumped["auto_bumped"])
        self.assertGreaterEqual(self.node.metric('fee_floor_override_total{lane="consumer"}'), 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
