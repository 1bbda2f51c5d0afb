"""Verbs that the operators' guides name, against a real node: validator, fees, keys, state, wrappers, TLS settings and files."""
import json
import pathlib
import shutil
import ssl
import subprocess
import tempfile
import unittest
import urllib.request

from node import BIN, ROOT, Node, wait_for
from test_streams import make_certificates


class GuideTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Node(plugins=["ledger", "receipts"]).start()
        (cls.node.dir / "pw").write_text("correct horse\n")
        cls.node.cli("node", "generate-key", "alice", "--password-file", "pw", "--kdf-mem-mib", 8, "--kdf-ops", 1)
        cls.alice = cls.node.cli("node", "show-address", "alice").stdout.strip()
        cls.node.rpc("ledger.transfer", {"to": cls.alice, "amount": 5000})

    @classmethod
    def tearDownClass(cls):
        cls.node.close()

    def test_the_validator_tells_what_it_does(self):
        lines = self.node.cli("moloch", "validator", "status").stdout.splitlines()
        self.assertEqual([line.split(":")[0] for line in lines], ["Validator", "Public Key", "Power", "Blocks Proposed (24h)", "Next Slot"])
        self.assertEqual(lines[0], "Validator: active")
        said = self.node.rpc("validator.status")
        self.assertEqual(said["public_key"], "ed25519:" + self.node.rpc("consensus.status")["validators"][0]["pk"])
        # Every block of this young chain is of this day, of this validator and signed by it; the first has height 0.
        self.assertLessEqual(abs(said["blocks_proposed_24h"] - self.node.height()), 2)
        self.assertLessEqual(said["missed_last_100"], 1)

    def test_a_key_of_the_wallet_signs_without_a_node(self):
        fees = {row["lane"]: row for row in self.node.cli_json("fees", "--json")}
        self.assertEqual(set(fees), {"consumer", "industrial", "service"})
        nonce = self.node.rpc("account.nonce", {"account": self.alice})["next"]
        draft = {"chain": "dev", "nonce": nonce, "method": "ledger.transfer", "params": {"to": self.alice, "amount": 1}, "fee": 2000}
        envelope = self.node.cli("node", "sign-tx", "alice", json.dumps(draft), "--password-file", "pw").stdout
        (self.node.dir / "envelope.json").write_text(envelope)
        sent = self.node.cli_json("tx", "submit", "envelope.json")
        status = wait_for("the command's block", lambda: (lambda s: s if s["state"] == "final" else None)(
            self.node.rpc("tx.status", {"id": sent["command_id"]})))
        self.assertEqual(status["outcome"], "applied")

    def test_the_whole_state_can_be_dumped(self):
        rows = self.node.cli_json("state", "dump", "--namespace", "ledger", "--prefix", b"a/".hex())
        accounts = {bytes.fromhex(row["key"])[2:].decode() for row in rows}
        self.assertIn(self.alice, accounts)
        one = next(row for row in rows if bytes.fromhex(row["key"])[2:].decode() == self.alice)
        self.assertEqual(self.node.rpc("state.get", {"namespace": "ledger", "key": one["key"]})["value"], one["value"])
        self.assertGreater(len(self.node.cli_json("state", "dump")), len(rows))

    def test_wrappers_have_the_schema_that_the_rendered_files_name(self):
        out = self.node.dir / "rendered"
        self.node.cli("monitor", "render", "--from", "rpc", "--out", out)
        wanted = json.loads((out / "wrappers.json").read_text())["schema_hash"]
        said = self.node.rpc("telemetry.wrappers")
        self.assertEqual(said["meta"]["schema_hash"], wanted)
        self.assertEqual(said["meta"]["undeclared"], [])
        self.assertIn(f"wrappers schema {wanted}\n", self.node.cli("telemetry", "wrappers", "--format", "text", "--hash-only").stdout)
        self.assertGreater(said["meta"]["namespaces"]["ledger"]["series"], 0)

    def test_a_restart_of_the_unit_reloads_the_plugin(self):
        unit = (ROOT / "config" / "systemd" / "receipt-emitter.service").read_text()
        words = next(line for line in unit.splitlines() if line.startswith("ExecStart=")).split()[1:]
        words = [word.replace("/var/lib/the-block", str(self.node.data)) for word in words]
        before = self.node.output().count("plugin=receipts")
        self.node.cli(*words)
        self.assertGreater(self.node.output().count("plugin=receipts"), before)
        self.assertEqual(self.node.rpc("plugin.info", {"id": "receipts"})["state"], "running")

    def test_what_the_node_has_its_parts_from(self):
        rows = {(row["dependency"], row["name"]): row["backend"] for row in self.node.cli_json("system", "dependencies", "--json")}
        self.assertEqual(rows[("runtime", "node")], "inhouse")
        self.assertEqual(rows[("storage-engine", "default")], "leveldb")
        self.assertIn("leveldb", self.node.cli("system", "dependencies").stdout)

    def test_a_refused_certificate_is_counted_and_explained(self):
        series = 'tls_env_warning_total{prefix="TB_RPC_TLS",code="missing_identity_component"}'
        before = self.node.metric(series)
        self.node.write_config("tls:\n  rpc:\n    cert: /nowhere/rpc.pem\n")
        wait_for("the refusal", lambda: self.node.metric(series) > before)
        self.assertIn("TB_RPC_TLS missing_identity_component", self.node.cli("telemetry", "tls-warnings").stdout)
        status = self.node.cli_json("tls", "status")
        self.assertEqual(status["active_snapshots"], 1)
        self.assertGreater(status["most_recent_last_seen"], 0)
        self.assertEqual(self.node.cli("tls", "status", "--latest").stdout, self.node.cli("telemetry", "tls-warnings").stdout)
        warning = self.node.cli_json("diagnostics", "tls", "--json")["warnings"][0]
        self.assertEqual(warning["variables"], ["TB_RPC_TLS_CERT", "TB_RPC_TLS_KEY"])
        self.node.write_config("")


class TlsFilesTest(unittest.TestCase):
    def test_staged_files_serve_a_listener(self):
        directory = pathlib.Path(tempfile.mkdtemp(prefix="tb-stage-"))
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        make_certificates(directory)
        cli = [BIN / "contract-cli", "tls"]
        subprocess.run([*cli, "convert", "--cert", directory / "server.pem", "--key", directory / "server.key", "--anchor", directory / "ca.pem",
                        "--out-dir", directory / "out"], check=True, capture_output=True)
        subprocess.run([*cli, "stage", "--input", directory / "out", "--service", f"status={directory}/status", "--env-file", directory / "tls.env"],
                       check=True, capture_output=True)
        env = dict(line.split("=", 1) for line in (directory / "tls.env").read_text().splitlines())
        self.assertEqual(set(env), {"TB_STATUS_TLS_CERT", "TB_STATUS_TLS_KEY"})
        with Node(plugins=["ledger"], env=env) as node:
            context = ssl.create_default_context(cafile=str(directory / "ca.pem"))
            with urllib.request.urlopen(f"https://127.0.0.1:{node.ports()['status']}/healthz", context=context, timeout=30) as answer:
                self.assertEqual(answer.status, 200)


if __name__ == "__main__":
    unittest.main(verbosity=2)
