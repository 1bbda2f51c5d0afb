"""Live change of a plugin: reload of a build, upgrade through the log, bad libraries, replay across an upgrade."""
import itertools
import pathlib
import shutil
import tempfile
import threading
import unittest

from node import BUILD, Node, RpcError, wait_for
from sdk_builds import InstalledSdk

VERSION = 'version("1.0.0")'


class PluginChangeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="tb-plugins-")
        sdk = InstalledSdk(cls.dir)
        source = sdk.examples() / "greeter"
        cls.first = sdk.build(source, "greeter")
        cls.same_rules = sdk.build(source, "greeter", [(VERSION, 'version("1.0.1")')])
        # Another outcome at the same state machine version: what the rehearsal must find.
        cls.liar = sdk.build(source, "greeter", [(VERSION, 'version("1.0.2")'), ("row.count += 1;", "row.count += 2;")])
        cls.second = sdk.build(source, "greeter", [(VERSION, 'version("2.0.0")'), (".sm(1)", ".sm(2)"), ("row.count += 1;", "row.count += 10;")])

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.dir, ignore_errors=True)

    def plugin(self, node):
        return {p["id"]: p for p in node.rpc("plugin.list")}["greeter"]

    def node(self):
        node = Node(plugins=["ledger"]).start()
        self.addCleanup(node.close)
        node.rpc("plugin.upgrade", {"path": str(self.first)}, timeout=60)
        return node

    def test_reload_of_a_build_with_calls_in_flight(self):
        node = self.node()
        failures, stop, greeted = [], threading.Event(), itertools.count()

        def load():
            while not stop.is_set():
                try:
                    if next(greeted) < 900:  # it keeps 1000 greetings
                        node.rpc("greeter.greet", {"name": "Ada"})
                    node.rpc("greeter.greetings", {})
                except Exception as problem:  # any failed request fails the test
                    failures.append(problem)

        threads = [threading.Thread(target=load) for _ in range(3)]
        for t in threads:
            t.start()
        for library in (self.same_rules, self.first) * 3:
            node.rpc("plugin.reload", {"name": "greeter", "path": str(library)}, timeout=60)
        stop.set()
        for t in threads:
            t.join()
        self.assertEqual(failures, [])
        self.assertEqual(self.plugin(node)["version"], "1.0.0")
        self.assertTrue(node.rpc("maintenance.verify", {}, timeout=120)["ok"])

    def test_reload_of_other_rules_is_refused_and_names_the_upgrade(self):
        node = self.node()
        with self.assertRaises(RpcError) as refused:
            node.rpc("plugin.reload", {"name": "greeter", "path": str(self.second)}, timeout=60)
        self.assertEqual(refused.exception.code, -34008)
        self.assertIn("plugin upgrade", str(refused.exception.error))
        self.assertEqual(self.plugin(node)["version"], "1.0.0")

    def test_rehearsal_finds_another_outcome_at_the_same_version(self):
        node = self.node()
        node.rpc("greeter.greet", {"name": "Ada"})
        with self.assertRaises(RpcError) as refused:
            node.rpc("plugin.reload", {"name": "greeter", "path": str(self.liar)}, timeout=60)
        self.assertEqual(refused.exception.code, -34008)
        self.assertEqual(node.rpc("greeter.greet", {"name": "Ada"})["count"], 2)

    def test_upgrade_through_the_log_and_replay_across_it(self):
        node = self.node()
        self.assertEqual(node.rpc("greeter.greet", {"name": "Ada"})["count"], 1)
        node.rpc("plugin.upgrade", {"path": str(self.second)}, timeout=60)
        self.assertEqual(self.plugin(node)["sm"], 2)
        self.assertEqual(node.rpc("greeter.greet", {"name": "Ada"})["count"], 11)
        report = node.rpc("maintenance.verify", {}, timeout=120)
        self.assertTrue(report["ok"], report)
        # After a restart the node finds both versions again: what executed a block stays in its store.
        node.stop()
        node.start()
        self.assertEqual(self.plugin(node)["sm"], 2)
        self.assertEqual(node.rpc("greeter.greet", {"name": "Ada"})["count"], 21)
        self.assertTrue(node.rpc("maintenance.verify", {}, timeout=120)["ok"])

    def test_bad_libraries_leave_the_old_one_running(self):
        node = self.node()
        good = self.first.read_bytes()
        bad = {
            "missing.so": None,
            "text.so": b"this is no library",
            "truncated.so": good[: len(good) // 2],
            "header.so": good[:64],
        }
        for name, content in bad.items():
            path = pathlib.Path(self.dir) / name
            if content is not None:
                path.write_bytes(content)
            with self.assertRaises(RpcError) as refused:
                node.rpc("plugin.reload", {"name": "greeter", "path": str(path)}, timeout=60)
            self.assertEqual(refused.exception.code, -34008, name)
            self.assertIn(name, str(refused.exception))
        self.assertEqual(node.rpc("greeter.greet", {"name": "Ada"})["count"], 1)

    def test_local_plugin_is_loaded_and_unloaded_here(self):
        with Node(plugins=["ledger", "receipts", "energy"]) as node:
            library = BUILD / "plugins" / "mock-oracle.so"
            node.rpc("plugin.load", {"path": str(library)}, timeout=60)
            self.assertEqual({p["id"]: p["state"] for p in node.rpc("plugin.list")}["mock-oracle"], "running")
            node.rpc("plugin.unload", {"name": "mock-oracle"}, timeout=60)
            wait_for("the unloading", lambda: "mock-oracle" not in {p["id"] for p in node.rpc("plugin.list")})


if __name__ == "__main__":
    unittest.main()
