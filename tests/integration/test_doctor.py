"""contract-cli doctor: each trouble is brought about, found, named, and answered with what to do; a sound node has none."""
import http.server
import json
import os
import pathlib
import resource
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from node import BIN, BUILD, Node

NOBODY = 65534
KEY = "11" * 32


class FakeNode(http.server.BaseHTTPRequestHandler):
    """A node of another version, with a plugin that failed and a chain from the future."""
    answers = {}

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": self.answers.get(request["method"], {})}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class DoctorTest(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="tb-doctor-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.data = self.dir / "data"
        self.configure()

    def configure(self, text="", load="[ledger]", rpc="127.0.0.1:0", plugins=""):
        (self.dir / "node.yaml").write_text(
            f"data_dir: {self.data}\nplugins:\n  load: {load}\n{plugins}listeners:\n  rpc: {rpc}\n  metrics: 127.0.0.1:0\n{text}")

    def doctor(self, url="http://127.0.0.1:1", env=None, **how):
        """Exit code, and findings by what was looked at."""
        words = [BIN / "contract-cli", "doctor", "--config", self.dir / "node.yaml", "--format", "json", "--url", url, *how.pop("flags", [])]
        environment = {"HOME": str(self.dir), "PATH": os.environ["PATH"], **(env or {})}
        done = subprocess.run(how.pop("before", []) + words, env=environment, cwd=self.dir, text=True, capture_output=True, timeout=120, **how)
        answer = json.loads(done.stdout)
        self.assertEqual(done.returncode, 1 if answer["errors"] else 0, done.stdout)
        for row in answer["findings"]:
            # A trouble without a way out is only half an answer.
            self.assertTrue(row["state"] == "ok" or row["next"], row)
        self.rows = answer["findings"]
        return {row["what"]: row for row in self.rows}

    def assert_found(self, row, state, *words):
        self.assertEqual(row["state"], state, row)
        for word in words:
            self.assertIn(word, row["found"] + " " + row["next"])

    def make_data(self):
        self.data.mkdir(mode=0o700, exist_ok=True)

    def test_a_machine_before_its_first_start_has_no_error(self):
        found = self.doctor()
        self.assertEqual([row for row in found.values() if row["state"] == "error"], [])
        self.assert_found(found["node"], "warning", "does not answer", "node start")
        self.assert_found(found["data directory"], "ok", "does not exist yet")
        self.assert_found(found["plugin ledger"], "ok", "version 1", "ledger.so")
        self.assertIn("clock", found)

    def test_a_running_node_is_sound_and_holds_its_own_ports(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        with Node(plugins=["ledger"]) as node:
            node.stop()
            self.data = node.data
            self.configure(rpc=f"127.0.0.1:{port}")
            shutil.copy(self.dir / "node.yaml", node.dir / "node.yaml")
            (node.dir / "stdout.txt").unlink()
            node.start()
            found = self.doctor(url=f"unix:{node.data}/rpc.sock")
            self.assert_found(found["listeners.rpc"], "ok", "is held by this node")
            self.assert_found(found["node"], "ok", "answers")
            self.assert_found(found["chain time"], "ok")
            self.assert_found(found["data version"], "ok")
            self.assertEqual([row for row in found.values() if row["state"] == "error"], [])
            # A service gets its data directory by a flag; doctor takes the same one.
            self.data = self.dir / "elsewhere"
            self.configure(rpc=f"127.0.0.1:{port}")
            self.assert_found(self.doctor()["listeners.rpc"], "error", "(blockd)")
            self.assert_found(self.doctor(flags=["--data-dir", node.data])["listeners.rpc"], "ok", "is held by this node")

    def test_a_port_of_another_program(self):
        for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            with self.subTest(host), socket.socket(family) as taken:
                taken.bind((host, 0))
                taken.listen()
                shown = f"[{host}]" if ":" in host else host
                self.configure(rpc=f"'{shown}:{taken.getsockname()[1]}'")
                self.assert_found(self.doctor()["listeners.rpc"], "error", "in use", f"process {os.getpid()}", "another address")

    def test_an_address_that_this_machine_does_not_have(self):
        self.configure(rpc="192.0.2.1:8545")
        self.assert_found(self.doctor()["listeners.rpc"], "error", "assign requested address")

    def test_the_data_directory(self):
        self.data.write_text("")
        self.assert_found(self.doctor()["data directory"], "error", "is not a folder")
        self.data.unlink()
        self.data.mkdir()
        self.data.chmod(0o755)
        self.assert_found(self.doctor()["data directory"], "warning", "entered by others", "chmod 700")
        self.data.chmod(0o700)
        self.assert_found(self.doctor()["data directory"], "ok")

    def test_a_user_who_may_not_write(self):
        self.make_data()
        self.dir.chmod(0o755)
        self.data.chmod(0o500)
        before = []
        if os.geteuid() == 0:  # root may write everywhere
            os.chown(self.data, NOBODY, NOBODY)
            before = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--"]
        self.assert_found(self.doctor(before=before)["data directory"], "error", "cannot be written", "chown")

    def test_a_disk_that_is_nearly_full(self):
        self.make_data()
        mount = 'mount -t tmpfs -o size=64m,mode=700 tmpfs "$0" && exec "$@"'
        found = self.doctor(before=["unshare", "--map-root-user", "--mount", "sh", "-c", mount, self.data])
        self.assert_found(found["disk"], "warning", "64 MiB free", "prune")

    def test_data_of_a_newer_program(self):
        self.make_data()
        (self.data / "schema").write_text("4000000\n")
        self.assert_found(self.doctor()["data version"], "error", "4000000")

    def test_keys_and_secrets_that_others_can_read(self):
        self.make_data()
        key = self.data / "keys" / "operator.key"
        key.parent.mkdir()
        key.write_text(KEY)
        key.chmod(0o644)
        token = self.dir / "admin.token"
        token.write_text("secret\n")
        token.chmod(0o644)
        self.configure(f"rpc:\n  admin_token_file: {token}\n  tokens_file: {self.dir}/none.yaml\n")
        found = self.doctor()
        self.assert_found(found["key"], "error", str(key), "chmod 600")
        self.assert_found(found["rpc.admin_token_file"], "error", str(token), "chmod 600")
        self.assert_found(found["rpc.tokens_file"], "error", "none.yaml")
        for file in (key, token):
            file.chmod(0o600)
        found = self.doctor()
        self.assert_found(found["key"], "ok")
        self.assert_found(found["rpc.admin_token_file"], "ok")

    def test_few_open_files(self):
        found = self.doctor(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256)))
        self.assert_found(found["open files"], "warning", "at most 256", "LimitNOFILE")
        self.assert_found(self.doctor(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096)))["open files"], "ok")

    def test_plugins(self):
        broken = self.dir / "broken.so"
        broken.write_bytes((BUILD / "plugins/ledger.so").read_bytes()[:5000])
        self.configure(load=f"[ledger, nowhere, {{id: broken, file: {broken}}}]")
        found = self.doctor()
        self.assert_found(found["plugin nowhere"], "error", "nowhere.so is missing", "plugins.load")
        self.assert_found(found["plugin broken"], "error", "plugin check")
        self.assert_found(found["plugin ledger"], "ok", "version 1")

    def test_signatures(self):
        library = self.dir / "ledger.so"
        shutil.copy(BUILD / "plugins/ledger.so", library)
        signers = self.dir / "signers.txt"
        enforce = f"  signatures: enforce\n  signers_file: {signers}\n"
        self.configure(load=f"[{{id: ledger, file: {library}}}]", plugins=enforce)
        self.assert_found(self.doctor()["plugins.signatures"], "error", "signers.txt", "release_signers")
        key = self.dir / "signer.key"
        key.write_text(KEY + "\n")
        key.chmod(0o600)
        environment = {"HOME": str(self.dir), "PATH": os.environ["PATH"]}
        signed = subprocess.run([BIN / "contract-cli", "plugin", "sign", library, "--key", key, "--format", "json"], env=environment, text=True,
                                capture_output=True)
        self.assertEqual(signed.returncode, 0, signed.stderr)
        signers.write_text(json.loads(signed.stdout)["signer"] + "\n")
        found = self.doctor()
        self.assert_found(found["plugins.signatures"], "ok", "1 signers")
        self.assert_found(found["plugin ledger"], "ok", "signature valid")
        pathlib.Path(f"{library}.sig").unlink()
        self.assert_found(self.doctor()["plugin ledger"], "error", "plugin check")

    def test_peers(self):
        with socket.socket() as there, socket.socket() as gone:
            there.bind(("127.0.0.1", 0))
            there.listen()
            gone.bind(("127.0.0.1", 0))
            up, down = (f"127.0.0.1:{s.getsockname()[1]}" for s in (there, gone))
            self.configure(f"net:\n  bootstrap_peers: ['{up}', '{down}', 'nowhere']\n")
            found = self.doctor()
        self.assert_found(found[f"peer {up}"], "ok", "can be reached")
        self.assert_found(found[f"peer {down}"], "warning", "refused", "firewall")
        self.assert_found(found["peer nowhere"], "error", "HOST:PORT")

    def test_a_configuration_with_faults(self):
        self.configure("rpc:\n  max_body_bites: 5\n")
        self.doctor()
        errors = [row["found"] for row in self.rows if row["what"] == "configuration" and row["state"] == "error"]
        self.assertEqual(len(errors), 1)
        self.assertIn("node.yaml:8: rpc.max_body_bites", errors[0])

    def test_another_version_a_failed_plugin_and_a_slow_clock(self):
        FakeNode.answers = {"node.status": {"version": "99.0.0"}, "block.latest": {"time_ms": int(time.time() * 1000) + 3_600_000},
                            "plugin.list": [{"id": "ledger", "error": "migration failed"}, {"id": "energy", "error": ""}]}
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), FakeNode)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        found = self.doctor(url=f"http://127.0.0.1:{server.server_port}")
        self.assert_found(found["node"], "warning", "99.0.0", "restart the node")
        self.assert_found(found["running plugin ledger"], "error", "migration failed", "plugin info ledger")
        self.assertNotIn("running plugin energy", found)
        self.assert_found(found["chain time"], "error", "ahead of this machine's clock", "timesyncd")


if __name__ == "__main__":
    unittest.main()
