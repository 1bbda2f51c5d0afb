"""The configuration changes while connections are held: each kind of change, whole or refused, and nobody is cut off who is not meant."""
import http.client
import json
import pathlib
import shutil
import signal
import socket
import ssl
import tempfile
import unittest

from live_plugin import LivePlugins
from node import Node, RpcError, wait_for
from test_streams import make_certificates
from websocket import WebSocket


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Held:
    """A WebSocket with a subscription and a kept HTTP connection; `check` uses both again, on the same sockets."""

    def __init__(self, port, token=None):
        self.token = token
        self.stream = WebSocket(port, token=token)
        assert self.stream.status == 101, self.stream.status
        self.stream.send({"jsonrpc": "2.0", "id": 1, "method": "events.subscribe", "params": {"topics": ["ledger.*"], "from": "head"}})
        assert "subscription" in self.stream.receive()["result"]
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.http.connect()
        self.socket = self.http.sock
        self.ask = 1
        self.check()

    def check(self):
        self.ask += 1
        self.stream.send({"jsonrpc": "2.0", "id": self.ask, "method": "whoami"})
        while (answer := self.stream.receive()).get("id") != self.ask:
            pass
        assert "result" in answer, answer
        headers = {"Content-Type": "application/json", "Host": "127.0.0.1"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        self.http.request("POST", "/", body=b'{"jsonrpc":"2.0","id":1,"method":"whoami"}', headers=headers)
        body = self.http.getresponse().read()
        assert b'"result"' in body, body
        assert self.http.sock is self.socket, "the connection was opened anew"

    def close(self):
        self.stream.close()
        self.http.close()


class LiveConfigTest(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="tb-live-config-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.rpc_port = free_port()

    def text(self, load=("ledger",), listeners="", rpc="", extra="", log_level="info"):
        entries = "".join(f"    - {p}\n" for p in load)
        return (f"chain:\n  profile: dev\nplugins:\n  load:\n{entries}{self.plugins_keys}"
                f"listeners:\n  rpc: 127.0.0.1:{self.rpc_port}\n  metrics: 127.0.0.1:0\n{listeners or '  status: 127.0.0.1:0'}\n"
                f"log:\n  file: {self.node_dir}/node.log\n  lines_per_second: 0\n  level: {log_level}\n"
                f"rpc:\n  exempt_loopback: true\n{rpc}{extra}")

    plugins_keys = ""

    def start(self, **words):
        self.node = Node(plugins=["ledger"], env=words.pop("env", None))
        self.node_dir = self.node.dir
        self.addCleanup(self.node.close)
        self.put(**words)
        self.node.start()
        return self.node

    def put(self, **words):
        path = self.node_dir / "node.yaml"
        path.with_suffix(".new").write_text(self.text(**words))
        path.with_suffix(".new").rename(path)

    def reload(self, **words):
        """Writes the file and reloads by RPC; the watcher may have been first."""
        before = self.newest()
        self.put(**words)
        self.node.rpc("config.reload", {}, timeout=60)
        wait_for("a new generation", lambda: self.newest() > before)

    def newest(self):
        return self.node.rpc("config.history")["generations"][-1]["generation"]

    def refused(self, *words, **text):
        before = self.newest()
        self.put(**text)
        with self.assertRaises(RpcError) as problem:
            self.node.rpc("config.reload", {}, timeout=60)
        for word in words:
            self.assertIn(word, str(problem.exception.error))
        self.assertEqual(self.newest(), before)
        return problem.exception

    def held(self, token=None):
        held = Held(self.rpc_port, token)
        self.addCleanup(held.close)
        return held

    def answers(self, port, path="/healthz"):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("GET", path)
            status = connection.getresponse().status
            connection.close()
            return status
        except OSError:
            return None

    # ---- listeners and certificates

    def test_listeners_are_added_moved_and_removed(self):
        self.start()
        held = self.held()
        first, second = free_port(), free_port()
        self.reload(listeners=f"  status: 127.0.0.1:{first}")
        self.assertEqual(self.answers(first), 200)
        held.check()
        self.reload(listeners=f"  status: [127.0.0.1:{first}, 127.0.0.1:{second}]")
        self.assertEqual((self.answers(first), self.answers(second)), (200, 200))
        self.reload(listeners=f"  status: 127.0.0.1:{second}")
        self.assertEqual((self.answers(first), self.answers(second)), (None, 200))
        held.check()
        self.reload(listeners="  status: off")
        self.assertIsNone(self.answers(second))
        held.check()
        # The port of the held connections themselves moves: they stay, new ones find the new address.
        self.rpc_port = free_port()
        self.reload(listeners="  status: off")
        held.check()
        self.held().check()
        # Two listeners change places in one step.
        a, b = free_port(), free_port()
        self.reload(listeners=f"  status: 127.0.0.1:{a}", extra=f"telemetry:\n  extra_listen: [127.0.0.1:{b}]\n")
        self.reload(listeners=f"  status: 127.0.0.1:{b}", extra=f"telemetry:\n  extra_listen: [127.0.0.1:{a}]\n")
        self.assertEqual((self.answers(b), self.answers(a, "/metrics")), (200, 200))
        held.check()

    def test_a_port_in_use_refuses_the_whole_configuration(self):
        self.start()
        held = self.held()
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            error = self.refused("in use", str(port), listeners=f"  status: 127.0.0.1:{port}", rpc="  max_batch: 3\n")
        self.assertEqual(error.code, -34007)
        held.check()
        # Nothing of it is in force.
        batch = json.dumps([{"jsonrpc": "2.0", "id": i, "method": "whoami"} for i in range(4)])
        self.assertEqual(len(self.node.request(batch)), 4)
        self.assertGreaterEqual(self.node.metric('config_reload_total{result="err"}'), 1)

    def tls_subject(self, port, directory):
        context = ssl.create_default_context(cafile=str(directory / "ca.pem"))
        with socket.create_connection(("127.0.0.1", port), timeout=30) as raw:
            with context.wrap_socket(raw, server_hostname="127.0.0.1") as tls:
                return tls.getpeercert()["serialNumber"]

    def test_certificates_are_renewed_in_place(self):
        certificates = self.dir / "tls"
        certificates.mkdir()
        make_certificates(certificates)
        port = free_port()
        tls = f"tls:\n  status:\n    cert: {certificates}/server.pem\n    key: {certificates}/server.key\n"
        self.start(listeners=f"  status: 127.0.0.1:{port}", extra=tls)
        held = self.held()
        first = self.tls_subject(port, certificates)
        context = ssl.create_default_context(cafile=str(certificates / "ca.pem"))
        raw = socket.create_connection(("127.0.0.1", port), timeout=30)
        kept = context.wrap_socket(raw, server_hostname="127.0.0.1")
        self.addCleanup(kept.close)
        # Another certificate under the same names: no key of the configuration changes, SIGHUP reads the files again.
        again = self.dir / "again"
        again.mkdir()
        make_certificates(again)
        for name in ("ca.pem", "server.pem", "server.key"):
            shutil.copy(again / name, certificates / name)
        self.node.process.send_signal(signal.SIGHUP)
        wait_for("the new certificate", lambda: self.serial_or_none(port, certificates) not in (None, first))
        kept.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        self.assertIn(b"200 OK", kept.recv(4096))
        held.check()
        # A file that is no certificate refuses the reload; the one in force stays.
        (certificates / "server.pem").write_text("nothing of the kind\n")
        with self.assertRaises(RpcError) as problem:
            self.node.rpc("config.reload", {})
        self.assertIn("server.pem", str(problem.exception.error))
        self.assertIsNotNone(self.serial_or_none(port, certificates))
        held.check()

    def serial_or_none(self, port, directory):
        try:
            return self.tls_subject(port, directory)
        except (ssl.SSLError, OSError):
            return None

    # ---- who may come in, and how often

    def test_tokens_change_and_only_their_own_connections_end(self):
        self.start(rpc="  auth_token: the-first-token-of-all\n")
        held = self.held("the-first-token-of-all")
        self.reload(rpc="  auth_token: the-first-token-of-all\n  max_batch: 9\n")
        held.check()
        self.reload(rpc="  auth_token: the-second-token-now\n  max_batch: 9\n")
        with self.assertRaises((ConnectionError, OSError, AssertionError)):
            held.check()
        self.held("the-second-token-now").check()
        self.assertNotEqual(WebSocket(self.rpc_port, token="the-first-token-of-all").status, 101)
        self.refused("16", rpc="  auth_token: short\n")
        self.held("the-second-token-now").check()

    def test_rate_limits_change_for_connections_that_are_open(self):
        self.start()
        held = self.held()
        self.reload(rpc="  tokens_per_sec: 3\n", extra="")  # exempt_loopback stays: nothing changes for this address
        held.check()
        text = self.text(rpc="  tokens_per_sec: 3\n").replace("exempt_loopback: true", "exempt_loopback: false")
        (self.node_dir / "node.new").write_text(text)
        (self.node_dir / "node.new").rename(self.node_dir / "node.yaml")
        body = b'{"jsonrpc":"2.0","id":1,"method":"whoami"}'

        def limited():
            held.http.request("POST", "/", body=body, headers={"Content-Type": "application/json"})
            response = held.http.getresponse()
            response.read()
            return response.status == 429

        wait_for("the limit", limited)
        self.assertIs(held.http.sock, held.socket)
        self.reload()
        wait_for("the end of the limit", lambda: not limited())
        held.check()

    def test_log_levels_change_at_once(self):
        self.start()
        held = self.held()
        self.assertNotIn('"level":"debug"', self.node.output())
        self.reload(log_level="debug")
        self.node.rpc("plugin.reload", {"name": "ledger"}, timeout=60)
        wait_for("a debug line of the host", lambda: "probe: ledger" in self.node.output())
        held.check()

    def test_the_check_of_waiting_sockets_changes_and_stays_quiet_on_a_sound_system(self):
        """That it reads and writes what no event tells of: kernel/net/tests/wakeups_test.cpp."""
        self.start(env={"TB_IO_READ_BACKOFF_MS": "3"})
        held = self.held()
        shown = lambda key: self.node.rpc("config.show", {"key": f"runtime.{key}"})[f"runtime.{key}"]["value"]
        self.assertEqual([shown(k) for k in ("reactor_idle_poll_ms", "io_read_backoff_ms", "io_write_backoff_ms")], [100, 3, 10])
        self.reload(extra="runtime:\n  reactor_idle_poll_ms: 1\n  io_write_backoff_ms: 2\n")
        self.assertEqual([shown(k) for k in ("reactor_idle_poll_ms", "io_read_backoff_ms", "io_write_backoff_ms")], [1, 3, 2])
        for _ in range(50):
            held.check()
        self.assertIsNotNone(self.node.metric("runtime_read_without_ready_total"))
        self.assertIsNotNone(self.node.metric("runtime_write_without_ready_total"))

    # ---- plugins

    def test_a_plugins_keys_reach_its_face(self):
        library = LivePlugins(self.dir).watcher("watcher", VERSION="1.0.0")
        entry = f"{{id: watcher, file: {library}}}"
        self.start(load=("ledger", entry), extra="watcher:\n  limit: 3\n")
        held = self.held()
        self.assertEqual(self.node.rpc("watcher.limit")["limit"], 3)
        self.reload(load=("ledger", entry), extra="watcher:\n  limit: 5\n")
        self.assertEqual(self.node.rpc("watcher.limit")["limit"], 5)
        self.refused("watcher.limit", load=("ledger", entry), extra="watcher:\n  limit: 5000\n")
        self.assertEqual(self.node.rpc("watcher.limit")["limit"], 5)
        held.check()

    def test_plugins_are_enabled_and_disabled_by_the_file(self):
        plugins = LivePlugins(self.dir)
        watcher = plugins.watcher("watcher", VERSION="1.0.0")
        live = plugins.live("live", VERSION="1.0.0")
        self.start()
        held = self.held()
        states = lambda: {p["id"]: p["state"] for p in self.node.rpc("plugin.list")}
        # A local plugin comes with its keys in the same file, leaves, and comes again.
        self.reload(load=("ledger", f"{{id: watcher, file: {watcher}}}"), extra="watcher:\n  limit: 11\n")
        self.assertEqual(states()["watcher"], "running")
        self.assertEqual(self.node.rpc("watcher.limit")["limit"], 11)
        self.reload(load=("ledger", f"{{id: watcher, file: {watcher}, enabled: false}}"))
        with self.assertRaises(RpcError) as gone:
            self.node.rpc("watcher.limit")
        self.assertEqual((gone.exception.code, gone.exception.name), (-32603, "plugin_disabled"))
        wait_for("the image to be closed", lambda: states()["watcher"] == "stopped")
        self.reload(load=("ledger", f"{{id: watcher, file: {watcher}}}"))
        self.assertEqual(self.node.rpc("watcher.limit")["limit"], 7)
        held.check()
        # A plugin with a machine is installed, suspended and resumed through the log.
        load = lambda enabled: ("ledger", f"{{id: watcher, file: {watcher}}}", f"{{id: live, file: {live}, enabled: {enabled}}}")
        self.reload(load=load("true"))
        wait_for("the installation", lambda: states().get("live") == "running")
        self.assertEqual(self.node.rpc("live.add", {"name": "ada"})["count"], 1)
        self.reload(load=load("false"))
        wait_for("the suspension", lambda: states()["live"] == "suspended")
        self.reload(load=load("true"))
        wait_for("the resumption", lambda: states()["live"] == "running")
        self.assertEqual(self.node.rpc("live.add", {"name": "ada"})["count"], 2)
        held.check()
        # A library that cannot be loaded refuses all of it.
        self.refused("nobody.so", load=load("true") + (f"{{id: nobody, file: {self.dir}/nobody.so}}",), rpc="  max_batch: 2\n")
        self.assertNotIn("nobody", states())
        self.assertTrue(self.node.rpc("maintenance.verify", {}, timeout=300)["ok"])
        held.check()

    def test_trust_roots_of_plugin_files_change(self):
        library = LivePlugins(self.dir).watcher("watcher", VERSION="1.0.0")
        signers = self.dir / "signers.txt"
        signers.write_text("# nobody yet\n")
        self.plugins_keys = f"  signatures: enforce\n  signers_file: {signers}\n"
        text = self.plugins_keys
        self.plugins_keys = ""
        self.start()
        held = self.held()
        self.plugins_keys = text
        self.reload()
        with self.assertRaises(RpcError) as refused:
            self.node.rpc("plugin.load", {"file": str(library)}, timeout=60)
        self.assertIn("signature missing", str(refused.exception))
        signed = json.loads(self.node.cli("--format", "json", "plugin", "sign", library, "--key", self.node.data / "keys" / "operator.key").stdout)
        with self.assertRaises(RpcError) as refused:
            self.node.rpc("plugin.load", {"file": str(library)}, timeout=60)
        self.assertIn("signature untrusted", str(refused.exception))
        signers.write_text(signed["signer"] + "  # the operator\n")  # only the named file changes
        self.node.rpc("config.reload", {})
        self.node.rpc("plugin.load", {"file": str(library)}, timeout=60)
        self.assertEqual({p["id"]: p["signature"] for p in self.node.rpc("plugin.list")}["watcher"], "valid")
        signers.write_text("this is no key\n")
        with self.assertRaises(RpcError):
            self.node.rpc("config.reload", {})
        held.check()

    # ---- ways to reload, and ways back

    def test_every_way_to_reload_makes_one_generation(self):
        self.start()
        held = self.held()
        generation = self.newest()
        for way in ("file", "signal", "rpc", "cli"):
            # For all but the first the watcher is likely to be quicker: whoever comes second finds nothing to do.
            self.put(rpc=f"  max_batch: {generation + 10}\n")
            if way == "signal":
                self.node.process.send_signal(signal.SIGHUP)
            elif way == "rpc":
                self.node.rpc("config.reload", {})
            elif way == "cli":
                self.node.cli("config", "reload")
            generation += 1
            wait_for(f"the generation by {way}", lambda: self.newest() == generation)
            held.check()
        self.put(rpc=f"  max_batch: {generation + 9}\n")  # the same again: nothing is counted
        self.node.rpc("config.reload", {})
        self.assertEqual(self.newest(), generation)
        self.assertEqual(self.node.metric('config_reload_total{result="ok"}'), 4)
        self.assertGreater(self.node.metric("config_reload_last_ts"), 1_600_000_000)

    def test_polling_notices_a_change_where_inotify_is_not_used(self):
        self.start(extra="config:\n  watch: poll\n")
        self.assertIn("config_watch_fallback", self.node.output())
        held = self.held()
        before = self.newest()
        self.put(extra="config:\n  watch: poll\n", rpc="  max_batch: 5\n")
        wait_for("the generation", lambda: self.newest() == before + 1)
        held.check()

    def test_history_diff_and_rollback_with_and_without_secrets(self):
        self.start(rpc="  max_batch: 5\n")
        held = self.held()
        first = self.newest()
        self.reload(rpc="  max_batch: 6\n")
        difference = self.node.rpc("config.diff")["differences"]
        self.assertEqual([(d["key"], d["before"], d["after"]) for d in difference], [("rpc.max_batch", 5, 6)])
        self.node.rpc("config.rollback", {"generation": first})
        self.assertIn("max_batch: 5", (self.node_dir / "node.yaml").read_text())
        self.assertEqual(self.newest(), first + 2)
        held.check()
        # A secret that is still the one in force is put back with the rest; another one cannot be.
        secret = "  admin_token: a-secret-of-this-node\n"
        if "rpc.admin_token" in self.node.rpc("config.show", {"key": "rpc.admin"}):
            key = "admin_token"
        else:
            key, secret = "auth_token", "  auth_token: a-secret-of-this-node\n"
        held.close()
        self.reload(rpc=secret + "  max_batch: 7\n")
        with_secret = self.newest()
        self.reload(rpc=secret + "  max_batch: 8\n")
        self.assertNotIn("a-secret-of-this-node", (self.node.data / "config" / "generations" / f"{with_secret}.json").read_text())
        self.node.rpc("config.rollback", {"generation": with_secret})
        self.assertIn("max_batch: 7", (self.node_dir / "node.yaml").read_text())
        self.assertIn("a-secret-of-this-node", (self.node_dir / "node.yaml").read_text())
        self.reload(rpc=secret.replace("a-secret", "another-secret") + "  max_batch: 9\n")
        with self.assertRaises(RpcError) as refused:
            self.node.rpc("config.rollback", {"generation": with_secret})
        self.assertIn("only the hash of a secret", str(refused.exception))
        self.assertIn("max_batch: 9", (self.node_dir / "node.yaml").read_text())
        self.assertTrue(key)

    def test_a_rollback_that_is_refused_leaves_the_files_as_they_were(self):
        port = free_port()
        self.start(listeners=f"  status: 127.0.0.1:{port}")
        first = self.newest()
        self.reload(listeners="  status: off")
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", port))
            taken.listen()
            with self.assertRaises(RpcError):
                self.node.rpc("config.rollback", {"generation": first})
        self.assertIn("status: off", (self.node_dir / "node.yaml").read_text())


if __name__ == "__main__":
    unittest.main()
