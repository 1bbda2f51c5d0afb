"""What stays open: WebSocket event streams with cursors, TLS with client certificates, configuration changed under them."""
import json
import pathlib
import shutil
import ssl
import subprocess
import tempfile
import unittest

from node import Node, wait_for
from websocket import WebSocket


def make_certificates(directory):
    """A CA, a server certificate for 127.0.0.1 and a client certificate, PEM files below `directory`."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=directory, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test ca", "-days", "2")
    (directory / "san").write_text("subjectAltName=IP:127.0.0.1\n")
    for name in ("server", "client"):
        openssl("req", "-new", "-newkey", "ed25519", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", f"{name}.pem", "-days", "2",
                "-extfile", "san")


class StreamTest(unittest.TestCase):
    def test_events_arrive_in_order_and_resume_behind_a_cursor(self):
        with Node(env={"TB_RPC_TOKENS_PER_SEC": "100000"}) as node:
            stream = WebSocket(node.ports()["rpc"])
            self.assertEqual(stream.status, 101)
            stream.send({"jsonrpc": "2.0", "id": 1, "method": "events.subscribe", "params": {"topics": ["energy.*"], "from": "head"}})
            self.assertIn("subscription", stream.receive()["result"])
            operator = node.rpc("node.status")["operator"]

            def register(n):
                node.rpc("energy.register_provider", {"capacity_kwh": 10, "price_per_kwh": 1, "stake": 1000, "meter_address": f"m{n}", "jurisdiction": "GB",
                                                      "owner": operator})

            for n in range(3):
                register(n)
            seen = [stream.receive()["params"] for _ in range(3)]
            self.assertEqual([e["data"]["provider_id"] for e in seen], [f"energy-0x0000000{n}" for n in range(3)])
            stream.close()
            register(3)
            again = WebSocket(node.ports()["rpc"])
            again.send({"jsonrpc": "2.0", "id": 1, "method": "events.subscribe", "params": {"topics": ["energy.provider_registered"], "from": seen[0]["cursor"]}})
            again.receive()
            resumed = [again.receive()["params"]["data"]["provider_id"] for _ in range(3)]
            self.assertEqual(resumed, [f"energy-0x0000000{n}" for n in (1, 2, 3)])
            again.close()

    def test_configuration_changes_while_a_stream_stays_open(self):
        with Node() as node:
            stream = WebSocket(node.ports()["rpc"])
            stream.send({"jsonrpc": "2.0", "id": 1, "method": "whoami"})
            self.assertEqual(stream.receive()["result"]["role"], "operator")
            before = len(node.rpc("config.history")["generations"]) if isinstance(node.rpc("config.history"), dict) else len(node.rpc("config.history"))
            node.write_config("rpc:\n  max_batch: 7\n")
            wait_for("the new generation", lambda: len(node.rpc("config.history")["generations"] if isinstance(node.rpc("config.history"), dict) else node.rpc("config.history")) > before)
            batch = json.dumps([{"jsonrpc": "2.0", "id": i, "method": "node.status"} for i in range(8)])
            self.assertEqual(node.request(batch)["error"]["code"], -32600)
            # A broken file is refused whole; what was in force stays.
            node.write_config("rpc:\n  max_batch: nonsense\n")
            wait_for("the refusal", lambda: "config_reload_failed" in node.output())
            self.assertEqual(node.request(batch)["error"]["code"], -32600)
            stream.send({"jsonrpc": "2.0", "id": 2, "method": "whoami"})
            self.assertEqual(stream.receive()["id"], 2)
            stream.close()

    def test_mutual_tls(self):
        directory = pathlib.Path(tempfile.mkdtemp(prefix="tb-tls-"))
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        make_certificates(directory)
        env = {"TB_RPC_TLS_CERT": str(directory / "server.pem"), "TB_RPC_TLS_KEY": str(directory / "server.key"), "TB_RPC_TLS_CLIENT_CA": str(directory / "ca.pem")}
        with Node(env=env) as node:
            body = b'{"jsonrpc":"2.0","id":1,"method":"whoami"}'
            request = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body

            def ask(with_certificate):
                context = ssl.create_default_context(cafile=str(directory / "ca.pem"))
                context.minimum_version = ssl.TLSVersion.TLSv1_3
                if with_certificate:
                    context.load_cert_chain(directory / "client.pem", directory / "client.key")
                import socket
                with socket.create_connection(("127.0.0.1", node.ports()["rpc"]), timeout=30) as raw:
                    with context.wrap_socket(raw, server_hostname="127.0.0.1") as tls:
                        tls.sendall(request)
                        answer = b""
                        while True:
                            part = tls.recv(65536)
                            if not part:
                                return answer
                            answer += part

            self.assertIn(b'"role"', ask(True))
            with self.assertRaises((ssl.SSLError, ConnectionError)):
                if not ask(False):
                    raise ConnectionError("closed without an answer")


if __name__ == "__main__":
    unittest.main()
