"""Images of plugins: which the store keeps, what happens to one that is still in use, and what `plugin list` says on every way."""
import pathlib
import shutil
import tempfile
import threading
import unittest

from live_plugin import LivePlugins
from node import Node, RpcError, wait_for


class PluginImages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="tb-images-"))
        cls.addClassCleanup(shutil.rmtree, cls.dir, ignore_errors=True)
        plugins = LivePlugins(cls.dir)
        cls.first = plugins.live("live-1", VERSION="1.0.0")
        cls.build = plugins.live("live-1b", VERSION="1.0.1")
        cls.second = plugins.live("live-2", VERSION="2.0.0", SM=2, SCHEMA=2)
        cls.leaking = plugins.live("live-leaks", VERSION="1.0.2", LEAKS=1)
        cls.watcher = plugins.watcher("watcher-1", VERSION="1.0.0")

    def node(self, plugins=("ledger",), config=""):
        node = Node(plugins=plugins, config=config, env={"TB_TEST_HOLD_DIR": str(self.dir)})
        self.addCleanup(node.close)
        return node.start()

    def row(self, node, plugin="live"):
        return {p["id"]: p for p in node.rpc("plugin.list")}.get(plugin)

    def change(self, node, **words):
        return node.rpc("plugin.upgrade", {k: str(v) for k, v in words.items()}, timeout=120)

    def reload(self, node, library):
        return node.rpc("plugin.reload", {"name": "live", "path": str(library)}, timeout=120)

    def images(self, node):
        return {path.name for path in (node.data / "plugins").glob("*.so")}

    def verify(self, node, ok=True):
        report = node.rpc("maintenance.verify", {}, timeout=300)
        self.assertEqual(report["ok"], ok, report)
        return report

    def blake3(self, node):
        return self.row(node)["blake3"]

    # ---- the store

    def test_prune_leaves_what_a_replay_needs_and_keep_only_the_newest(self):
        node = self.node()
        ledger = self.row(node, "ledger")["blake3"]
        self.change(node, path=self.first)
        node.rpc("live.add", {"name": "ada"})
        first = self.blake3(node)
        self.reload(node, self.build)
        build = self.blake3(node)
        node.rpc("live.add", {"name": "ada"})
        self.change(node, path=self.second)
        second = self.blake3(node)
        node.rpc("live.add", {"name": "ada"})
        wait_for("the older images to be closed", lambda: not self.row(node)["held_by"])
        kept = lambda: {name[:64] for name in self.images(node)}
        self.assertEqual(kept(), {ledger, first, build, second})

        # Of the versions of the log one build each is needed.
        named = node.cli_json("--format", "json", "plugin", "prune", "--dry-run")["would_remove"]
        self.assertEqual([name[:64] for name in named], [first])
        self.assertEqual(kept(), {ledger, first, build, second}, "a dry run removes nothing")
        removed = node.cli_json("--format", "json", "plugin", "prune")["removed"]
        self.assertEqual(removed, named)
        self.assertEqual(kept(), {ledger, build, second})
        self.verify(node)
        node.stop()
        node.start()
        self.assertEqual(self.row(node)["state"], "running")
        self.verify(node)

        # --keep 0: what runs stays; a replay then names what it lacks.
        self.assertEqual(len(node.cli_json("--format", "json", "plugin", "prune", "--keep", 1)["removed"]), 0)
        removed = node.cli_json("--format", "json", "plugin", "prune", "--keep", 0)["removed"]
        self.assertEqual({name[:64] for name in removed}, {build}, "every copy of it")
        self.assertEqual(kept(), {ledger, second})
        self.assertEqual(node.rpc("live.add", {"name": "ada"})["count"], 4)
        node.stop()
        node.start()  # the present block needs only what runs
        self.assertIn("live sm 1", str(self.verify(node, ok=False)))
        self.assertEqual(node.rpc("live.add", {"name": "ada"})["count"], 5)

    # ---- an image that is still in use

    def test_after_the_drain_it_stays_mapped_and_is_named_until_its_last_call_ends(self):
        node = self.node(config="rpc:\n  request_timeout_ms: 300000\n")  # longer than the drain
        self.change(node, path=self.first)
        node.rpc("live.add", {"name": "eve"})
        answers = []
        caller = threading.Thread(target=lambda: answers.append(node.rpc("live.hold", {"name": "eve"}, timeout=300)))
        caller.start()
        wait_for("the call to be held", lambda: (self.dir / "eve.held").exists())
        self.change(node, path=self.second)
        line = "an image is still in use after the drain"
        wait_for("the drain to end", lambda: line in node.output(), seconds=300)
        told = next(text for text in node.output().splitlines() if line in text)
        for word in ("live", "1.0.0", "1 calls in flight"):
            self.assertIn(word, told)
        row = self.row(node)
        self.assertEqual((row["state"], row["sm"]), ("running", 2))
        self.assertIn("older image 1.0.0, 1 calls in flight", row["held_by"])
        (self.dir / "eve").write_text("go")
        caller.join()
        self.assertEqual(answers[0]["build"], "1.0.0")
        wait_for("the old image to be closed", lambda: not self.row(node)["held_by"])
        self.assertEqual(node.metric("plugin_images_leaked"), 0)

    def test_it_is_closed_although_nobody_calls(self):
        node = self.node()
        self.change(node, path=self.first)
        node.rpc("live.add", {"name": "ada"})
        digest = self.blake3(node)
        self.reload(node, self.build)
        maps = pathlib.Path(f"/proc/{node.process.pid}/maps")
        wait_for("the old image to be unmapped", lambda: digest not in maps.read_text())
        self.assertEqual(node.metric("plugin_images_leaked"), 0)

    def test_one_that_does_not_let_itself_be_closed_is_reported(self):
        node = self.node()
        self.change(node, path=self.leaking)
        node.rpc("live.add", {"name": "ada"})
        self.assertEqual(node.metric("plugin_images_leaked"), 0)
        digest = self.blake3(node)
        self.reload(node, self.first)
        wait_for("the leak to be counted", lambda: node.height() and node.metric("plugin_images_leaked") == 1)
        wait_for("the leak to be told", lambda: "an image was closed and is still mapped" in node.output())
        told = next(text for text in node.output().splitlines() if "is still mapped" in text)
        self.assertIn(digest, told)
        self.assertIn(digest, pathlib.Path(f"/proc/{node.process.pid}/maps").read_text())
        self.assertEqual(node.rpc("live.add", {"name": "ada"})["count"], 2)

    # ---- what the list says

    def test_the_list_is_true_on_every_way_of_a_machine(self):
        node = self.node()
        self.assertIsNone(self.row(node))
        node.rpc("plugin.stage", {"path": str(self.first)}, timeout=120)
        self.assertEqual(self.row(node)["state"], "staged")
        self.change(node, path=self.first)
        self.assertEqual(self.row(node)["state"], "running")
        for word, state in (("suspend", "suspended"), ("resume", "running")):
            self.change(node, **{word: "live"})
            self.assertEqual(self.row(node)["state"], state, word)
            node.stop()
            node.start()
            self.assertEqual(self.row(node)["state"], state, f"{word}, after a restart")
        node.rpc("plugin.unload", {"id": "live"}, timeout=120)  # on the only validator: suspended through the log
        self.assertEqual(self.row(node)["state"], "suspended")
        self.change(node, path=self.second)  # another version ends the suspension
        self.assertEqual((self.row(node)["state"], self.row(node)["sm"]), ("running", 2))
        self.change(node, remove="live")
        gone = self.row(node)
        self.assertTrue(gone is None or gone["state"] == "stopped", gone)
        with self.assertRaises(RpcError):
            node.rpc("live.add", {"name": "ada"})
        node.stop()
        node.start()
        self.assertIsNone(self.row(node), "nothing names it any more")
        self.verify(node)

    def test_the_list_is_true_on_every_way_of_a_local_plugin(self):
        node = self.node()
        node.rpc("plugin.load", {"path": str(self.watcher)}, timeout=120)
        self.assertEqual(self.row(node, "watcher")["state"], "running")
        node.rpc("plugin.unload", {"id": "watcher"}, timeout=120)
        wait_for("nothing of it to be left", lambda: self.row(node, "watcher") is None)
        with self.assertRaises(RpcError):
            node.rpc("watcher.seen")

    def test_the_list_is_true_on_every_way_of_a_plugin_in_a_process_of_its_own(self):
        library = self.dir / "live.so"
        shutil.copy(self.first, library)
        entry = f"{{id: live, file: {library}, isolation: process}}"
        node = self.node(plugins=["ledger", entry])
        wait_for("it to run", lambda: (self.row(node) or {}).get("state") == "running")
        self.assertEqual(self.row(node)["isolation"], "process")
        node.rpc("live.add", {"name": "ada"})
        for word, state in (("suspend", "suspended"), ("resume", "running")):
            self.change(node, **{word: "live"})
            self.assertEqual((self.row(node)["state"], self.row(node)["isolation"]), (state, "process"), word)
        self.assertEqual(node.rpc("live.add", {"name": "ada"})["count"], 2)
        # The file is gone, and the node starts from its store; without that it is missing until it arrives.
        node.stop()
        away = self.dir / "away.so"
        library.rename(away)
        for path in (node.data / "plugins").glob("*.so"):
            if path.name.startswith(self.last_hash(node)):
                path.unlink()
        node.start()
        self.assertEqual(self.row(node)["state"], "missing")
        self.assertIn("plugin:live", node.get("status", "/ready")[1])
        away.rename(library)
        wait_for("it to go on by itself", lambda: self.row(node)["state"] == "running")
        self.assertEqual(node.rpc("live.add", {"name": "ada"})["count"], 3)
        self.assertEqual(self.row(node)["isolation"], "process")
        self.verify(node)

    def last_hash(self, node):
        import json
        index = json.loads((node.data / "plugins" / "index.json").read_text())
        return next(image["hash"] for image in index if image["id"] == "live")


if __name__ == "__main__":
    unittest.main()
