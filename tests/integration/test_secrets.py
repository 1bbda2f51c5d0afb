"""Secrets stay where they are: a different one is planted at every place that takes one, the node is led through all kinds of errors,
and then nothing that it wrote or answered holds any of them."""
import contextlib
import http.client
import json
import pathlib
import unittest

from node import Node, RpcError

SEED = "5ec2e7a1" * 8                       # node.key_hex
CALL = "planted-call-token-0001"            # rpc.auth_token
ADMIN = "planted-admin-token-0002"          # a file
ORACLE = "planted-oracle-token-0003"        # an environment variable of a plugin
PROVIDER = "planted-provider-token-0004"    # a file of a plugin
NEXT = "planted-next-token-0005"            # rpc.auth_token after a reload
WRONG = "planted-wrong-token-0006"          # what somebody tries
KEEP = {"keys", "LOCK"}                     # folders of the data directory that are the secret's own place


class SecretsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        node = cls.node = Node(env={"TB_ENERGY_ORACLE_TOKEN": ORACLE})
        cls.answers = []
        for name, text in (("admin.token", ADMIN), ("provider.token", PROVIDER)):
            (node.dir / name).write_text(text + "\n")
            (node.dir / name).chmod(0o600)
        cls.config = (f"node:\n  key_hex: {SEED}\nrpc:\n  exempt_loopback: true\n  admin_token_file: {node.dir}/admin.token\n"
                      f"  energy_provider_token_file: {node.dir}/provider.token\n  tokens_file: {node.dir}/tokens.yaml\n  auth_token: ")
        node.write_config(cls.config + CALL + "\n")
        try:
            node.start()
            cls.drive()
        except BaseException:
            node.close()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.node.close()

    @classmethod
    def drive(cls):
        """Everything that might let one slip: right and wrong uses, refused configurations, errors with the words of the caller."""
        made = cls.node.rpc("token.create", {"role": "operator"})["token"]
        signed = cls.node.cli("token", "sign", "--role", "read", "--key", cls.node.data / "keys" / "operator.key", check=False).stdout.strip()
        seeds = [path.read_text().strip() for path in (cls.node.data / "keys").glob("*.key")]
        cls.planted = {CALL, ADMIN, ORACLE, PROVIDER, NEXT, WRONG, SEED, made, made.split("_", 2)[2], *seeds} | ({signed} if len(signed) > 20 else set())
        tokens = (CALL, ADMIN, ORACLE, PROVIDER, made, WRONG, None)
        for token in tokens:
            for method, params in (("node.status", None), ("config.show", {}), ("config.env", {}), ("no.such.method", {}), ("token.list", {}),
                                   ("energy.submit_reading", {"provider_id": 1}), ("ledger.transfer", {"to": "nobody", "amount": "x"}),
                                   ("rpc.discover", {}), ("metrics", {}), ("whoami", {})):
                cls.ask(token, {"jsonrpc": "2.0", "id": 1, "method": method} | ({"params": params} if params is not None else {}))
        for raw in ("{", '{"jsonrpc":"2.0"', "[" * 200):
            cls.ask(CALL, raw)
        cls.reload(f"rpc:\n  auth_token: short\n  admin_token_file: {cls.node.dir}/admin.token\n")     # too short
        cls.reload(cls.config + f"[{NEXT}]\n")                                                        # another type
        cls.reload(cls.config + f'"{NEXT}\n')                                                         # a quote that nobody closes
        cls.reload(cls.config + f"{NEXT}\n  auth_token: {NEXT}\n")                                    # twice
        cls.reload(cls.config.replace(SEED, SEED[:-1]) + NEXT + "\n")                                 # a seed that is too short
        cls.reload(cls.config + NEXT + "\n")                                                          # in force now
        cls.ask(CALL, {"jsonrpc": "2.0", "id": 1, "method": "node.status"})
        for verb in (["config", "show"], ["config", "env"], ["config", "history"], ["config", "diff"], ["config", "check", cls.node.dir / "node.yaml"],
                     ["token", "list"], ["node", "status"], ["metrics"], ["plugin", "list"]):
            done = cls.node.cli(*verb, check=False)
            cls.answers.append((" ".join(map(str, verb)), done.stdout + done.stderr))
        with contextlib.suppress(RpcError):
            cls.answers.append(("rollback", json.dumps(cls.node.rpc("config.rollback", {"generation": 1}))))
        cls.answers.append(("/metrics", cls.node.metrics()))

    @classmethod
    def ask(cls, token, message):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        with contextlib.suppress(OSError, http.client.HTTPException):
            status, body, _ = cls.node.post("rpc", message if isinstance(message, str) else json.dumps(message), headers)
            cls.answers.append((f"{str(message)[:80]} with {token}", body))

    @classmethod
    def reload(cls, text):
        cls.node.write_config(text)
        try:
            cls.answers.append(("reload", json.dumps(cls.node.rpc("config.reload"))))
        except RpcError as refused:
            cls.answers.append(("reload", json.dumps(refused.error)))

    def holds_none(self, where, text):
        for secret in self.planted:
            self.assertNotIn(secret, text, f"{where} shows a secret")

    def test_they_were_planted(self):
        """The test would pass for nothing if the node had none of them."""
        self.assertGreaterEqual(len(self.planted), 11)
        self.assertGreater(len(self.answers), 70)
        accepted = [body for what, body in self.answers if what.endswith(f"with {ADMIN}") and '"result"' in body]
        self.assertTrue(accepted, "the admin's token was taken")
        shown = dict(self.answers)["config show"]
        self.assertIn("***", shown)

    def test_no_answer_shows_one(self):
        for where, text in self.answers:
            self.holds_none(where, text)

    def test_no_log_line_shows_one(self):
        text = self.node.output()
        self.assertIn("config_reload_failed", text, "the refused configurations were logged")
        self.holds_none("the log", text)

    def test_no_file_that_is_kept_holds_one(self):
        """Generations of the configuration, indexes, stores and all else below the data directory but the keys themselves."""
        looked_at = 0
        for path in pathlib.Path(self.node.data).rglob("*"):
            if not path.is_file() or path.relative_to(self.node.data).parts[0] in KEEP:
                continue
            looked_at += 1
            self.holds_none(path, path.read_bytes().decode("latin-1"))
        self.assertGreater(looked_at, 10)

    def test_the_keys_are_for_their_owner_only(self):
        keys = list((self.node.data / "keys").glob("*.key"))
        self.assertGreaterEqual(len(keys), 3)
        for path in [*keys, self.node.dir / "tokens.yaml"]:
            self.assertEqual(path.stat().st_mode & 0o077, 0, path)

    def test_the_command_line_of_the_process_has_none(self):
        self.holds_none("the command line", pathlib.Path(f"/proc/{self.node.process.pid}/cmdline").read_text())


if __name__ == "__main__":
    unittest.main()
