"""Who may do what over which door: roles, tokens that are rotated while the node runs, certificates of clients, and of the node itself."""
import contextlib
import http.client
import json
import pathlib
import ssl
import subprocess
import unittest

from node import Node, wait_for

AUTH = "the-call-token-of-this-test"
PAYEE = "tb1qm97tgjht8p63qy6568aq5fgytc6ue8cynzap2tr5thczc8j8w9s8np6z0"
TRANSFER = {"jsonrpc": "2.0", "id": 1, "method": "ledger.transfer", "params": {"to": PAYEE, "amount": 1}}
STATUS = {"jsonrpc": "2.0", "id": 1, "method": "node.status"}
SHUTDOWN = {"jsonrpc": "2.0", "id": 1, "method": "token.list"}   # any method of the role admin


def outcome(status, body):
    """What became of a call: "ok", or the name of the error."""
    answer = json.loads(body)
    return "ok" if "result" in answer else answer["error"]["data"]["name"]


def call(node, message, token=None):
    status, body, _ = node.post("rpc", json.dumps(message), {"Authorization": f"Bearer {token}"} if token else {})
    return outcome(status, body)


class TokenTest(unittest.TestCase):
    def setUp(self):
        node = self.node = Node(plugins=["ledger"], config="")
        self.addCleanup(node.close)
        self.admin_file = node.dir / "admin.token"
        self.write_admin("the-first-admin-token")
        node.write_config(f"rpc:\n  exempt_loopback: true\n  loopback_role: open\n  tokens_file: {node.dir}/secrets/tokens.yaml\n"
                          f"  admin_token_file: {self.admin_file}\n")
        node.start()

    def write_admin(self, token):
        self.admin_file.write_text(token + "\n")
        self.admin_file.chmod(0o600)

    def test_each_role_may_do_what_it_contains_and_no_more(self):
        made = {role: self.node.rpc("token.create", {"role": role})["token"] for role in ("read", "operator", "admin")}
        expected = {None: ("ok", "forbidden", "forbidden"), "read": ("ok", "forbidden", "forbidden"),
                    "operator": ("ok", "ok", "forbidden"), "admin": ("ok", "ok", "ok")}
        for role, answers in expected.items():
            found = [call(self.node, message, made.get(role)) for message in (STATUS, TRANSFER, SHUTDOWN)]
            found = ["forbidden" if each == "method_not_found" else each for each in found]   # what one may not do is not shown either
            self.assertEqual(tuple(found), answers, role)

    def test_listed_tokens_are_kept_as_hashes_only(self):
        made = self.node.rpc("token.create", {"role": "operator", "ttl": 3600})
        path = self.node.dir / "secrets" / "tokens.yaml"
        text = path.read_text()
        self.assertNotIn(made["token"], text)
        self.assertNotIn(made["token"].split("_", 2)[2], text)
        digest = subprocess.run(["b3sum", "--no-names"], input=made["token"].encode(), stdout=subprocess.PIPE, check=True).stdout.decode().strip()
        self.assertEqual([entry["hash"] for entry in json.loads(text)], [digest])
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.assertNotIn("token", self.node.rpc("token.list")["tokens"][0])

    def test_a_revoked_token_ends_at_once_and_the_others_go_on(self):
        first, second = (self.node.rpc("token.create", {"role": "operator"}) for _ in range(2))
        self.assertEqual([call(self.node, TRANSFER, t["token"]) for t in (first, second)], ["ok", "ok"])
        self.node.rpc("token.revoke", {"id": first["id"]})
        self.assertEqual([call(self.node, TRANSFER, t["token"]) for t in (first, second)], ["unauthorized", "ok"])

    def test_the_admin_token_is_rotated_without_a_restart(self):
        self.assertEqual(call(self.node, SHUTDOWN, "the-first-admin-token"), "ok")
        pid = self.node.process.pid
        connection = http.client.HTTPConnection("127.0.0.1", self.node.ports()["rpc"], timeout=30)
        self.write_admin("the-second-admin-token")
        self.node.rpc("config.reload")
        for token, expected in (("the-first-admin-token", "unauthorized"), ("the-second-admin-token", "ok")):
            connection.request("POST", "/", json.dumps(SHUTDOWN), {"Content-Type": "application/json", "Authorization": f"Bearer {token}"})
            response = connection.getresponse()
            self.assertEqual(outcome(response.status, response.read()), expected)
        connection.close()
        self.assertEqual(self.node.rpc("node.status")["pid"] if "pid" in self.node.rpc("node.status") else pid, pid)

    def test_a_call_token_that_is_set_while_it_runs_is_demanded_from_the_next_call_on(self):
        self.assertEqual(call(self.node, STATUS), "ok")
        self.node.write_config(self.node.extra_config + f"  auth_token: {AUTH}\n")
        self.node.rpc("config.reload")
        status, body, _ = self.node.post("rpc", json.dumps(STATUS))
        self.assertEqual((status, outcome(status, body)), (401, "unauthorized"))
        self.assertEqual(call(self.node, TRANSFER, AUTH), "ok")
        self.assertEqual(call(self.node, SHUTDOWN, AUTH), "method_not_found", "it is an operator's token, not an admin's")
        self.assertEqual(self.node.rpc("node.status")["chain_id"], "dev", "the local socket needs none")

    def test_a_token_file_that_others_may_read_is_warned_of(self):
        self.admin_file.chmod(0o644)
        self.write_admin_open("the-third-admin-token")
        self.node.rpc("config.reload")
        wait_for("the warning", lambda: "insecure token file permissions" in self.node.output())

    def write_admin_open(self, token):
        self.admin_file.write_text(token + "\n")
        self.admin_file.chmod(0o644)


class Authority:
    """Certificates for a test, made by openssl."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.run("req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "2", "-subj", "/CN=test-ca", "-keyout", "ca.key", "-out", "ca.pem")

    def run(self, *words):
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def issue(self, name, common_name):
        self.run("req", "-newkey", "ed25519", "-nodes", "-subj", f"/CN={common_name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (self.folder / "ext").write_text("subjectAltName=IP:127.0.0.1\n")
        self.run("x509", "-req", "-days", "2", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "ext",
                 "-out", f"{name}.pem")


class TlsTest(unittest.TestCase):
    def setUp(self):
        node = self.node = Node(plugins=["ledger"])
        self.addCleanup(node.close)
        self.authority = Authority(node.dir)
        for name, subject in (("server", "127.0.0.1"), ("alice", "alice"), ("bob", "bob")):
            self.authority.issue(name, subject)
        at = node.dir
        self.tls = f"tls:\n  rpc:\n    cert: {at}/server.pem\n    key: {at}/server.key\n    client_ca: {at}/ca.pem\n"
        roles = "rpc:\n  loopback_role: open\n  client_roles:\n    - {subject: alice, role: operator}\n    - {subject: bob, role: read}\n"
        node.write_config(roles + self.tls)
        node.start()

    def connect(self, identity):
        context = ssl.create_default_context(cafile=str(self.node.dir / "ca.pem"))
        context.check_hostname = False
        if identity:
            context.load_cert_chain(self.node.dir / f"{identity}.pem", self.node.dir / f"{identity}.key")
        connection = http.client.HTTPSConnection("127.0.0.1", self.port(), timeout=30, context=context)
        connection.connect()
        return connection

    def port(self):
        return self.node.ports()["rpc"]  # waits for the greeting, which comes behind the first answers

    def ask(self, connection, message):
        connection.request("POST", "/", json.dumps(message), {"Content-Type": "application/json"})
        response = connection.getresponse()
        return outcome(response.status, response.read())

    def test_node_start_sees_a_node_that_asks_for_certificates(self):
        node = self.node
        node.stop()
        words = ("--config", node.dir / "node.yaml", "--data-dir", node.data)
        self.addCleanup(node.cli, "node", "stop", "--data-dir", node.data, check=False)
        self.assertIn("started pid=", node.cli("node", "start", *words).stdout)

    def test_a_certificate_gives_its_owner_a_role(self):
        alice, bob = self.connect("alice"), self.connect("bob")
        self.assertEqual(self.ask(alice, TRANSFER), "ok")
        self.assertEqual(self.ask(bob, STATUS), "ok")
        self.assertEqual(self.ask(bob, TRANSFER), "forbidden")
        with self.assertRaises((ssl.SSLError, OSError, http.client.HTTPException)):
            self.ask(self.connect(None), STATUS)   # under TLS 1.3 the refusal comes with the first answer

    def test_a_new_certificate_serves_new_connections_and_the_old_ones_go_on(self):
        old = self.connect("alice")
        before = old.sock.getpeercert(binary_form=True)
        self.assertEqual(self.ask(old, TRANSFER), "ok")
        self.authority.issue("server", "127.0.0.1")
        self.node.rpc("config.reload")
        fresh = wait_for("the new certificate", self.with_other_certificate(before))
        self.assertEqual(self.ask(fresh, TRANSFER), "ok")
        self.assertEqual(self.ask(old, TRANSFER), "ok", "the connection from before is still open")

    def with_other_certificate(self, before):
        def other():
            connection = self.connect("alice")
            if connection.sock.getpeercert(binary_form=True) != before:
                return connection
            connection.close()
            return None
        return other

    def test_a_broken_certificate_is_refused_whole_and_the_old_one_serves_on(self):
        (self.node.dir / "server.pem").write_text("this is no certificate\n")
        with contextlib.suppress(Exception):
            self.node.rpc("config.reload")
        self.assertEqual(self.ask(self.connect("alice"), TRANSFER), "ok")
        self.assertIn("server.pem", self.node.output())


if __name__ == "__main__":
    unittest.main()
