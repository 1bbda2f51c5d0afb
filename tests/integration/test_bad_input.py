"""Bad input gets a clear error, changes nothing and is counted."""
import json
import socket
import unittest

from node import Node, RpcError, wait_for


def call(text):
    return '{"jsonrpc":"2.0","id":1,"method":"energy.settle","params":' + text + "}"


class BadInputTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Node(env={"TB_RPC_TOKENS_PER_SEC": "100000"}).start()

    @classmethod
    def tearDownClass(cls):
        cls.node.close()

    def error(self, body, code, name=None):
        answer = self.node.request(body)
        self.assertEqual(answer["error"]["code"], code, answer)
        if name:
            self.assertEqual(answer["error"]["data"]["name"], name, answer)
        return answer["error"]

    def test_malformed_truncated_and_deep_json(self):
        for body in ("{", '{"jsonrpc":"2.0"', "[[[" * 100, "nul", '{"a":1,"a":2}', '"\\ud800"', ""):
            self.error(body, -32700, "parse_error")
        self.error("[" * 70 + "]" * 70, -32700)
        self.error("[]", -32600)
        self.error('{"jsonrpc":"1.0","id":1,"method":"node.status"}', -32600)

    def test_what_is_no_call_is_counted_and_says_why(self):
        self.assertIn("nested deeper than 64 levels", self.error("[" * 70 + "]" * 70, -32700)["message"])
        self.assertIn("invalid UTF-8", self.error(b'{"jsonrpc":"2.0","id":1,"method":"node.\xff"}', -32700)["message"])
        before = self.node.metric('rpc_client_error_total{code="-32700"}')
        self.error("{", -32700)
        self.assertEqual(self.node.metric('rpc_client_error_total{code="-32700"}'), before + 1)
        batch = self.error("[" + ",".join(['{"jsonrpc":"2.0","id":1,"method":"node.status"}'] * 10_000) + "]", -32600)
        self.assertIn("rpc.max_batch", batch["data"]["hint"])
        error = self.error('{"jsonrpc":"2.0","id":1,"method":"block.get","parms":{"height":0}}', -32600, "invalid_request")
        self.assertEqual((error["data"]["field"], error["data"]["nearest"]), ("parms", "params"))

    def test_what_is_no_request_is_counted_by_its_status(self):
        port = self.node.ports()["rpc"]
        head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        for status, text, words, key in ((413, head + b"Content-Length: 99999999\r\n\r\n", "1048576 bytes", "rpc.max_body_bytes"),
                                         (431, head + b"X: " + b"a" * 99_999, "16384 bytes", "rpc.max_head_bytes"),
                                         (400, b"\x16\x03\x01 no HTTP at all\r\n\r\n", "no HTTP/1.1 request", None)):
            before = self.node.metric(f'http_errors_total{{status="{status}"}}', 0)
            with socket.create_connection(("127.0.0.1", port)) as s:
                s.sendall(text)
                answer = b""
                while part := s.recv(4096):
                    answer += part
            self.assertIn(b" %d " % status, answer.splitlines()[0])
            error = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
            self.assertIn(words, error["message"])
            self.assertEqual(error["data"].get("limit"), key)
            self.assertIn(f"raise {key}" if key else "?", error["data"]["hint"])
            self.assertEqual(self.node.metric(f'http_errors_total{{status="{status}"}}'), before + 1)

    def test_misspelt_plugins_and_sections_name_the_nearest(self):
        refused = self.node.cli("plugin", "load", "recepts", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("did you mean receipts?", refused.stderr)
        file = self.node.dir / "slip.yaml"
        file.write_text("mempol:\n  max: 5\n")
        refused = self.node.cli("config", "check", file, check=False)
        self.assertEqual(refused.returncode, 2)
        self.assertIn("slip.yaml:1: mempol: unknown section; did you mean mempool?", refused.stderr)

    def test_unknown_method_names_the_nearest(self):
        error = self.error('{"jsonrpc":"2.0","id":1,"method":"energy.setle"}', -32601, "method_not_found")
        self.assertEqual(error["data"]["nearest"], "energy.settle")

    def test_fields(self):
        error = self.error(call('{"provider_id":"energy-0x00","kwh_consumd":1,"meter_hash":"' + "00" * 32 + '","kwh_consumed":1}'), -32602, "InvalidParams")
        self.assertEqual((error["data"]["field"], error["data"]["nearest"]), ("kwh_consumd", "kwh_consumed"))
        for bad in ("-1", "1.5", "1e3", "9007199254740993", '"18446744073709551616"', '"-1"', "true", "null", "{}", '"abc"'):
            error = self.error(call('{"provider_id":"energy-0x00","kwh_consumed":' + bad + ',"meter_hash":"' + "00" * 32 + '"}'), -32602)
            self.assertEqual(error["data"]["field"], "kwh_consumed", bad)
        error = self.error(call('{"provider_id":7,"kwh_consumed":1,"meter_hash":"zz"}'), -32602)
        self.assertEqual(error["data"]["field"], "provider_id")

    def test_oversized_body_is_413(self):
        status, _, _ = self.node.post("rpc", "x" * (2 << 20))
        self.assertEqual(status, 413)

    def test_wrong_content_type_host_and_origin(self):
        status, _, _ = self.node.post("rpc", "{}", {"Content-Type": "text/plain"})
        self.assertEqual(status, 415)
        status, _, _ = self.node.post("rpc", "{}", {"Host": "evil.example"})
        self.assertEqual(status, 403)
        status, _, _ = self.node.post("rpc", "{}", {"Origin": "https://evil.example"})
        self.assertEqual(status, 403)

    def test_raw_garbage_does_not_end_the_node(self):
        for garbage in (b"\x00" * 100, b"GET / HTTP/9.9\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n", b"\xff\xfe" * 3000):
            with socket.create_connection(("127.0.0.1", self.node.ports()["rpc"])) as s:
                s.sendall(garbage)
                s.shutdown(socket.SHUT_WR)
                while s.recv(4096):
                    pass
        self.assertEqual(self.node.rpc("whoami")["role"], "admin")

    def test_wrong_chain_bad_signature_and_not_canonical(self):
        envelope = {"command": {"chain": "other", "from": "tb1qm97tgjht8p63qy6568aq5fgytc6ue8cynzap2tr5thczc8j8w9s8np6z0", "method": "ledger.transfer",
                                "nonce": 1, "params": {"amount": 1, "to": "tb1qm97tgjht8p63qy6568aq5fgytc6ue8cynzap2tr5thczc8j8w9s8np6z0"}},
                    "signatures": [{"key": "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c", "sig": "00" * 64}]}
        compact = json.dumps(envelope, separators=(",", ":"), sort_keys=True)
        body = '{"jsonrpc":"2.0","id":1,"method":"command.submit","params":%s}'
        self.error(body % compact, -34010, "wrong_chain")
        envelope["command"]["chain"] = "dev"
        compact = json.dumps(envelope, separators=(",", ":"), sort_keys=True)
        self.error(body % compact, -34010, "bad_signature")
        self.error(body % json.dumps(envelope, sort_keys=True), -32602, "not_canonical")

    def test_batch_and_notifications(self):
        answers = self.node.request('[{"jsonrpc":"2.0","id":1,"method":"node.status"},{"jsonrpc":"2.0","id":2,"method":"nope"},{"jsonrpc":"2.0","method":"node.status"}]')
        self.assertEqual(sorted(a["id"] for a in answers), [1, 2])
        status, body, _ = self.node.post("rpc", '{"jsonrpc":"2.0","method":"node.status"}')
        self.assertEqual((status, body), (204, ""))


class AccessTest(unittest.TestCase):
    def test_node_token(self):
        with Node(env={"TB_RPC_AUTH_TOKEN": "0123456789abcdef0123"}) as node:
            body = '{"jsonrpc":"2.0","id":1,"method":"node.status"}'
            self.assertEqual(node.post("rpc", body)[0], 401)
            self.assertEqual(node.post("rpc", body, {"Authorization": "Bearer 0123456789abcdef0123"})[0], 200)
            status, text, _ = node.post("rpc", '{"jsonrpc":"2.0","id":1,"method":"config.show"}', {"Authorization": "Bearer 0123456789abcdef0123"})
            self.assertEqual(json.loads(text)["error"]["code"], -32601)
            self.assertNotIn("0123456789abcdef0123", node.output())

    def test_energy_tokens_and_window(self):
        env = {"TB_ENERGY_RPC_TOKEN": "energy-token-0123456789", "TB_ENERGY_ORACLE_TOKEN": "oracle-token-0123456789", "TB_RPC_TOKENS_PER_SEC": "100000"}
        with Node(env=env) as node:
            body = '{"jsonrpc":"2.0","id":1,"method":"energy.providers","params":{}}'
            self.assertEqual(json.loads(node.post("rpc", body)[1])["error"]["code"], -33009)
            self.assertIn("result", json.loads(node.post("rpc", body, {"Authorization": "Bearer oracle-token-0123456789"})[1]))
            settle = '{"jsonrpc":"2.0","id":1,"method":"energy.settle","params":{}}'
            self.assertEqual(json.loads(node.post("rpc", settle, {"Authorization": "Bearer oracle-token-0123456789"})[1])["error"]["code"], -33009)
            wait_for("a fresh window", lambda: "result" in json.loads(node.post("rpc", body, {"Authorization": "Bearer energy-token-0123456789"})[1]))
            answers = node.post_at_once("rpc", body, 200, {"Authorization": "Bearer energy-token-0123456789"})
            self.assertIn(-33010, [json.loads(text).get("error", {}).get("code") for _, text in answers])

    def test_rate_limit_and_ban(self):
        with Node(env={"TB_RPC_TOKENS_PER_SEC": "20", "TB_RPC_BAN_SECS": "1"}) as node:
            body = '{"jsonrpc":"2.0","id":1,"method":"node.status"}'
            self.assertIn(429, [status for status, _ in node.post_at_once("rpc", body, 60)])
            wait_for("the end of the ban", lambda: node.post("rpc", body)[0] == 200)


if __name__ == "__main__":
    unittest.main()
