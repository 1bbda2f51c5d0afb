"""The searchable log: what became of a command, over the CLI, HTTP and a WebSocket that follows; who may read it; what stays after a kill."""
import http.server
import json
import threading
import unittest

from node import Node, RpcError, wait_for
from websocket import WebSocket

ALICE = "tb1qm97tgjht8p63qy6568aq5fgytc6ue8cynzap2tr5thczc8j8w9s8np6z0"


class LogsTest(unittest.TestCase):
    def setUp(self):
        self.node = Node(plugins=["ledger"]).start()

    def tearDown(self):
        self.node.close()

    def search(self, **filters):
        return self.node.rpc("logs.search", filters)

    def test_a_command_is_found_from_its_admission_to_its_block(self):
        node = self.node
        (node.dir / "alice.key").write_text("01" * 32 + "\n")
        (node.dir / "alice.key").chmod(0o600)
        node.rpc("ledger.transfer", {"to": ALICE, "amount": 100_000})
        pay = ["wallet", "send", "--to", "treasury", "--amount", "5", "--key", "alice.key", "--json"]
        sent = json.loads(node.cli(*pay, "--fee", "2000").stdout)
        rows = wait_for("both lines", lambda: (lambda r: r if len(r) >= 2 else None)(self.search(tx=sent["command_id"])))
        self.assertEqual([r["msg"].split(" tx=")[0] for r in rows], ["command admitted", "command in a block"])
        self.assertEqual(rows[1]["block"], str(sent["result"]["height"]))
        correlation = rows[0]["correlation"]
        self.assertRegex(correlation, "^[0-9a-f]{16}$")
        self.assertEqual(self.search(correlation=correlation), rows)
        shown = json.loads(node.cli("logs", "search", "--correlation", correlation, "--json").stdout)
        self.assertEqual(shown, rows)
        ids = [int(x) for x in node.cli("logs", "search", "--tx", sent["command_id"], "--ids").stdout.split()]
        self.assertEqual(ids, [r["id"] for r in rows])
        self.assertEqual([r["id"] for r in self.search(tx=sent["command_id"], after_id=rows[0]["id"])], [rows[1]["id"]])
        self.assertEqual(len(self.search(limit=1)), 1)
        self.assertEqual(self.search(tx=sent["command_id"], until=1), [])
        self.assertGreaterEqual(node.metric("log_entries_indexed_total"), 2)
        self.assertGreater(node.metric("log_size_bytes"), 0)
        refused = node.cli(*pay, "--fee", "1", "--force", check=False)
        self.assertEqual(refused.returncode, 1)
        wait_for("the refusal", lambda: any("reason=fee_too_low" in r["msg"] for r in self.search(limit=1000)))

        # What was written is there after a kill, and ids go on.
        last = self.search(limit=1)[0]["id"]
        node.kill()
        node.start()
        self.assertEqual(self.search(correlation=correlation), rows)
        self.assertGreater(wait_for("new rows", lambda: self.search(limit=1))[0]["id"], last)

    def test_an_encrypted_log_opens_with_its_passphrase_only(self):
        node = self.node
        folder = node.data / "logs.db"
        secret = node.dir / "log.pass"
        secret.write_text("correct horse\n")
        short = node.cli("logs", "rotate-key", folder, "--new-passphrase", "short", check=False)
        self.assertIn("at least 8", short.stderr)
        change = json.loads(node.cli("logs", "rotate-key", folder, "--new-passphrase", f"@{secret}", "--json").stdout)
        self.assertEqual(change["key_id"], "log-1")
        number = iter(range(1, 10_000))

        def encrypted():
            node.rpc("ledger.transfer", {"to": ALICE, "amount": next(number)})
            return '"sealed":"' in "".join(p.read_text() for p in folder.glob("*.log"))

        wait_for("an encrypted row", encrypted)
        with self.assertRaises(RpcError) as closed:
            self.search(limit=5)
        self.assertEqual(closed.exception.name, "log_passphrase")
        with self.assertRaises(RpcError):
            self.search(limit=5, passphrase="wrong horse")
        self.assertTrue(self.search(limit=5, passphrase="correct horse"))
        self.assertEqual(node.get("rpc", "/logs/search?limit=5")[0], 403)
        status, body = node.get("rpc", "/logs/search?limit=5", headers={"x-log-passphrase": "correct horse"})
        self.assertEqual(status, 200, body)
        shown = json.loads(node.cli("logs", "search", "--limit", "5", "--passphrase", "correct horse", "--json").stdout)
        self.assertTrue(shown)
        node.cli("logs", "rotate-key", folder, "--old-passphrase", "correct horse", "--new-passphrase", "battery staple")
        with self.assertRaises(RpcError):
            self.search(limit=5, passphrase="correct horse")
        self.assertTrue(self.search(limit=5, passphrase="battery staple"))
        node.stop()
        node.start()
        self.assertTrue(self.search(limit=5, passphrase="battery staple"))

    def test_the_lines_about_a_metric_are_found_through_an_aggregator(self):
        node = self.node
        node.rpc("ledger.transfer", {"to": ALICE, "amount": 7})
        row = wait_for("a line with a correlation", lambda: next((r for r in self.search(limit=1000) if r.get("correlation")), None))
        seen = [{"metric": "m", "correlation_id": "0123456789abcdef", "value": 1}, {"metric": "m", "correlation_id": row["correlation"], "value": 2}]

        class Aggregator(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                found = self.path == "/correlations/m"
                self.send_response(200 if found else 404)
                self.end_headers()
                self.wfile.write(json.dumps(seen).encode() if found else b"")

            def log_message(self, *_):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Aggregator)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        url = f"http://127.0.0.1:{server.server_port}"
        ask = ["logs", "correlate-metric", "--aggregator", url, "--json"]
        found = json.loads(node.cli(*ask, "--metric", "m").stdout)
        self.assertEqual({r["correlation"] for r in found}, {row["correlation"]})
        self.assertEqual(json.loads(node.cli(*ask, "--metric", "m", "--max-correlations", "2", "--rows", "1").stdout)[-1]["correlation"], row["correlation"])
        self.assertEqual(node.metric("log_correlation_fail_total"), 1)
        self.assertEqual(node.cli(*ask, "--metric", "other", check=False).returncode, 3)
        self.assertEqual(node.cli("logs", "correlate-metric", "--metric", "m", check=False).returncode, 2)

    def test_http_and_websocket_take_the_same_filters_and_ask_for_a_role(self):
        node = self.node
        status, body = node.get("rpc", "/logs/search?limit=5")
        self.assertEqual(status, 200, body)
        self.assertLessEqual(len(json.loads(body)), 5)
        self.assertEqual(node.get("rpc", "/logs/search?limit=0")[0], 400)
        self.assertEqual(node.get("rpc", "/logs/search?level=loud")[0], 400)
        tail = WebSocket(node.ports()["rpc"], "/logs/tail?level=info")
        first = tail.receive()
        self.assertGreater(len(first), 0)
        node.rpc("ledger.transfer", {"to": ALICE, "amount": 7})
        newer = wait_for("the line of the transfer", lambda: [r for r in tail.receive() if r["msg"].startswith("command in a block")])
        self.assertGreater(newer[-1]["id"], first[-1]["id"])
        tail.close()
        with self.assertRaises(RpcError) as wrong:
            self.search(limit=5000)
        self.assertEqual(wrong.exception.code, -32602)

    def test_a_stranger_reads_no_log(self):
        self.node.stop()
        self.node.env["TB_RPC_AUTH_TOKEN"] = "0123456789abcdef0123"
        self.node.start()
        self.assertIn(self.node.get("rpc", "/logs/search")[0], (401, 403))
        self.assertEqual(self.node.get("rpc", "/logs/search", {"Authorization": "Bearer 0123456789abcdef0123"})[0], 200)
        self.assertIn(self.node.get("rpc", "/logs/search", {"Authorization": "Bearer wrong"})[0], (401, 403))

    def test_without_an_index_the_log_says_so(self):
        self.node.stop()
        self.node.write_config(self.node.extra_config)
        self.node.env["TB_LOG_DB_PATH"] = "off"
        self.node.start()
        with self.assertRaises(RpcError) as absent:
            self.search()
        self.assertIn("log database unavailable", str(absent.exception))
        self.assertEqual(self.node.get("rpc", "/logs/search")[0], 404)


if __name__ == "__main__":
    unittest.main(verbosity=2)
