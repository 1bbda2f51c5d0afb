"""Plugins change while clients work: no request fails, no event is lost, every request sees one view."""
import json
import pathlib
import shutil
import subprocess
import tempfile
import threading
import unittest

from live_plugin import LivePlugins
from node import BIN, Node, RpcError, wait_for
from websocket import WebSocket

FAST = "rpc:\n  exempt_loopback: true\n"
STREAM_BOUND = 60  # seconds against hanging, no measure


class Load:
    """Commands, queries and event streams by soak_load; `end` returns its last line and fails on anything that went wrong."""

    def __init__(self, test, node, commands=4, queries=2, streams=3):
        self.test = test
        self.process = subprocess.Popen([BIN / "soak_load", "--socket", node.data / "rpc.sock", "--port", str(node.ports()["rpc"]), "--commands", str(commands),
                                         "--queries", str(queries), "--streams", str(streams)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        test.addCleanup(self.process.kill)
        self.lines = []
        self.reader = threading.Thread(target=lambda: self.lines.extend(json.loads(line) for line in self.process.stdout), daemon=True)
        self.reader.start()

    def wait(self, what, number):
        wait_for(f"{number} {what}", lambda: self.process.poll() is not None or (self.lines and self.lines[-1][what] >= number))

    def end(self):
        self.process.stdin.close()
        self.process.wait(timeout=300)
        self.reader.join()
        self.process.stdout.close()
        last = self.lines[-1]
        self.test.assertTrue(last["last"])
        for promise in ("failed", "unknown", "broken", "lost", "disorder", "behind"):
            self.test.assertEqual(last[promise], 0, f"{promise}: {last['reasons']}")
        self.test.assertGreater(last["commands"], 0)
        self.test.assertGreater(last["queries"], 0)
        self.test.assertGreater(last["events"], 0)
        return last


class LivePluginTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="tb-live-"))
        cls.plugins = LivePlugins(cls.dir)
        cls.first = cls.plugins.live("live-1", VERSION="1.0.0")
        cls.build = cls.plugins.live("live-1b", VERSION="1.0.1")
        cls.liar = cls.plugins.live("live-liar", VERSION="1.0.2", LIAR=1)
        cls.second = cls.plugins.live("live-2", VERSION="2.0.0", SM=2, SCHEMA=2)
        cls.watchers = [cls.plugins.watcher("watcher-1", VERSION="1.0.0"), cls.plugins.watcher("watcher-2", VERSION="1.0.1")]

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.dir, ignore_errors=True)

    def node(self, install=None, env=None, settings=None):
        node = Node(plugins=["ledger"], config=FAST, settings=settings, env={"TB_TEST_HOLD_DIR": str(self.dir), **(env or {})}).start()
        self.addCleanup(node.close)
        node.rpc("plugin.upgrade", {"path": str(install or self.first)}, timeout=60)
        return node

    def row(self, node, plugin="live"):
        return {p["id"]: p for p in node.rpc("plugin.list")}.get(plugin)

    def verify(self, node):
        report = node.rpc("maintenance.verify", {}, timeout=300)
        self.assertTrue(report["ok"], report)

    def mapped(self, node):
        """Images of the plugin store that the process has mapped."""
        maps = pathlib.Path(f"/proc/{node.process.pid}/maps").read_text()
        return {line.split()[-1] for line in maps.splitlines() if line.endswith(".so") and "/plugins/" in line and str(node.data) in line}

    def assert_refused(self, node, method, params, *words):
        with self.assertRaises(RpcError) as refused:
            node.rpc(method, params, timeout=120)
        for word in words:
            self.assertIn(word, str(refused.exception.error))
        return refused.exception

    # ---- reloads, loads and unloads

    def test_reloads_loads_and_unloads_under_load_fail_no_request_and_lose_no_event(self):
        node = self.node()
        node.rpc("plugin.load", {"path": str(self.watchers[0])}, timeout=60)
        load = Load(self, node)
        load.wait("commands", 50)
        for turn in range(6):
            node.rpc("plugin.reload", {"name": "live", "path": str((self.build, self.first)[turn % 2])}, timeout=120)
            node.rpc("plugin.reload", {"name": "watcher", "path": str(self.watchers[(turn + 1) % 2])}, timeout=120)
            load.wait("commands", load.lines[-1]["commands"] + 20)
        node.rpc("plugin.unload", {"id": "watcher"}, timeout=60)
        load.wait("commands", load.lines[-1]["commands"] + 20)
        node.rpc("plugin.load", {"path": str(self.watchers[1])}, timeout=60)
        last = load.end()
        # Both faces got every event, the local plugin also those of the time in which it was not loaded.
        for method in ("watcher.seen", "live.seen"):
            wait_for(f"{method} to catch up", lambda m=method: node.rpc(m)["last"] >= last["newest_seq"], STREAM_BOUND)
            self.assertEqual(node.rpc(method)["gaps"], 0)
        self.assertEqual(node.rpc("watcher.seen")["build"], "1.0.1")
        # What was replaced is closed and no longer mapped.
        wait_for("the old images to be closed", lambda: not self.row(node)["held_by"] and not self.row(node, "watcher")["held_by"])
        wait_for("three images to be mapped", lambda: len(self.mapped(node)) == 3)
        self.assertEqual(node.metric("plugin_images_leaked"), 0)
        self.verify(node)

    def test_an_image_in_use_stays_mapped_and_is_shown_with_who_holds_it(self):
        node = self.node()
        node.rpc("live.add", {"name": "ada"})
        answers = []
        caller = threading.Thread(target=lambda: answers.append(node.rpc("live.hold", {"name": "ada"}, timeout=120)))
        caller.start()
        wait_for("the call to be held", lambda: (self.dir / "ada.held").exists())
        self.assertEqual(self.row(node)["calls_in_flight"], 1)
        node.rpc("plugin.upgrade", {"path": str(self.second)}, timeout=60)
        node.rpc("live.add", {"name": "ada"})
        row = self.row(node)
        self.assertIn("older image 1.0.0, 1 calls in flight", row["held_by"])
        self.assertEqual((row["state"], row["sm"]), ("running", 2))
        self.assertEqual(node.metric('plugin_image_draining{plugin="live"}'), 1)
        self.assertEqual(len(self.mapped(node)), 3)  # ledger, and both of live
        (self.dir / "ada").write_text("go")
        caller.join()
        # The call kept code, state and height of its beginning.
        self.assertEqual((answers[0]["build"], answers[0]["count"], answers[0]["layout"], answers[0]["sm"]), ("1.0.0", 1, 1, 1))
        self.assertEqual(node.rpc("live.get", {"name": "ada"})["count"], 2)
        wait_for("the old image to be closed", lambda: not self.row(node)["held_by"])
        wait_for("one image of live to be mapped", lambda: len(self.mapped(node)) == 2)

    def test_a_liar_is_refused_by_the_rehearsal_and_a_file_that_is_no_library_by_the_probe(self):
        node = self.node()
        load = Load(self, node, commands=2, queries=1, streams=1)
        load.wait("commands", 30)
        refused = self.assert_refused(node, "plugin.reload", {"name": "live", "path": str(self.liar)}, "rehearsal", "height", "live:n/client-")
        self.assertEqual(refused.code, -34008)
        broken = self.dir / "broken.so"
        broken.write_bytes(self.first.read_bytes()[:3000])
        self.assert_refused(node, "plugin.reload", {"name": "live", "path": str(broken)}, "broken.so")
        self.assert_refused(node, "plugin.stage", {"path": str(broken)}, "broken.so")
        self.assertEqual((self.row(node)["version"], self.row(node)["state"]), ("1.0.0", "running"))
        load.end()

    # ---- upgrades and downgrades through the log

    def test_upgrade_and_downgrade_under_load_with_a_migration_in_steps(self):
        back = self.plugins.live("live-back", VERSION="1.9.0", SM=3, SCHEMA=2, SM_MIN=2)
        node = self.node()
        for start in range(0, 10_000, 2500):
            node.rpc("live.fill", {"from": start, "count": 2500})
        load = Load(self, node, commands=2, queries=2, streams=2)
        load.wait("commands", 20)
        plan = node.rpc("plugin.upgrade", {"path": str(self.second), "dry_run": True}, timeout=120)
        self.assertTrue(plan["report"]["migration"]["complete"], plan)
        self.assertGreaterEqual(plan["report"]["migration"]["rows"], 10_000)
        self.assertGreaterEqual(plan["report"]["migration"]["steps"], 6)
        self.assertIn("sm 1 -> 2", plan["diff"])
        self.assertIn("+ param live_step", plan["diff"])
        self.assertEqual(self.row(node)["sm"], 1)  # a dry run changes nothing
        node.rpc("plugin.upgrade", {"path": str(self.second)}, timeout=60)
        wait_for("the end of the migration", lambda: "migration" not in self.row(node))
        self.assertEqual(node.rpc("live.get", {"name": "fill-00009999"})["layout"], 2)
        node.rpc("plugin.upgrade", {"path": str(back)}, timeout=60)
        node.rpc("plugin.upgrade", {"path": str(self.second)}, timeout=60)  # and down again: same schema, lower sm
        self.assertEqual(self.row(node)["sm"], 2)
        last = load.end()
        wait_for("the face to catch up", lambda: node.rpc("live.seen")["last"] >= last["newest_seq"], STREAM_BOUND)
        self.assertEqual(node.rpc("live.seen")["gaps"], 0)
        self.verify(node)

    def test_a_migration_shows_its_progress_while_it_runs(self):
        # Blocks come with commands only: the migration stands still between two of them.
        node = self.node(settings={"chain": {"empty_block_interval_ms": 0}})
        for start in range(0, 30_000, 2500):
            node.rpc("live.fill", {"from": start, "count": 2500})
        node.rpc("plugin.upgrade", {"path": str(self.second)}, timeout=60)
        row = self.row(node)
        self.assertEqual(row["state"], "migrating")
        self.assertEqual(row["migration"]["from"], 1)
        self.assertEqual(row["migration"]["to"], 2)
        rows = row["migration"]["rows"]
        # The upgrade may have asked for some blocks more than it needed, now or soon.
        self.assertIn(rows, range(2000, 30_000, 2000))
        self.assertEqual(row["migration"]["steps"], rows // 2000)
        self.assertTrue(bytes.fromhex(row["migration"]["cursor"]).startswith(b"n/fill-"))
        wait_for("the metric", lambda: node.metric('plugin_migration_rows{plugin="live"}') == self.row(node)["migration"]["rows"])
        status, body = node.get("status", "/ready")
        self.assertEqual((status, "migrating" in body), (503, True))
        self.assertEqual(node.rpc("live.get", {"name": "fill-00000000"})["layout"], 2)
        self.assertEqual(node.rpc("live.get", {"name": "fill-00029999"})["layout"], 1)  # served by new code all the same
        node.rpc("chain.noop", {})
        moved = self.row(node)["migration"]["rows"]
        self.assertIn(moved, range(rows + 2000, 30_000, 2000))
        # Killed in the middle, it goes on where it was.
        node.kill()
        node.start()
        self.assertEqual(self.row(node)["migration"]["rows"], moved)
        while self.row(node)["state"] == "migrating":
            node.rpc("chain.noop", {})
        self.assertEqual(node.rpc("live.get", {"name": "fill-00029999"})["layout"], 2)
        self.assertEqual(node.metric('plugin_migration_rows{plugin="live"}', 0), 0)
        self.verify(node)

    def test_a_failed_first_step_leaves_the_old_version_serving(self):
        bad = self.plugins.live("live-first", VERSION="2.0.1", SM=2, SCHEMA=2, FAILS_AT="fill-00000000")
        node = self.node()
        node.rpc("live.fill", {"from": 0, "count": 10})
        plan = node.rpc("plugin.upgrade", {"path": str(bad), "dry_run": True}, timeout=60)
        self.assertIn("n/fill-00000000", plan["report"]["migration"]["error"])
        self.assertFalse(plan["report"]["migration"]["complete"])
        refused = self.assert_refused(node, "plugin.upgrade", {"path": str(bad)}, "first migration step", "n/fill-00000000")
        self.assertEqual(refused.code, -34008)
        row = self.row(node)
        self.assertEqual((row["state"], row["sm"], row["version"]), ("running", 1, "1.0.0"))
        self.assertIn("the switch was refused in block", row["error"])
        self.assertEqual(node.rpc("live.add", {"name": "ada"})["sm"], 1)
        self.verify(node)

    def test_an_error_in_a_later_step_suspends_the_plugin_and_another_version_ends_the_migration(self):
        bad = self.plugins.live("live-later", VERSION="2.0.2", SM=2, SCHEMA=2, FAILS_AT="fill-00003000")
        repaired = self.plugins.live("live-repaired", VERSION="2.1.0", SM=3, SCHEMA=2)
        node = self.node()
        for start in (0, 2500):
            node.rpc("live.fill", {"from": start, "count": 2500})
        plan = node.rpc("plugin.upgrade", {"path": str(bad), "dry_run": True}, timeout=60)
        self.assertEqual(plan["report"]["migration"]["steps"], 1)
        node.rpc("plugin.upgrade", {"path": str(bad)}, timeout=60)
        wait_for("the suspension", lambda: self.row(node)["state"] == "suspended")
        self.assertIn("n/fill-00003000", self.row(node)["error"])
        height = node.height()
        node.rpc("chain.noop", {})
        self.assertGreater(node.height(), height)  # the chain goes on
        with self.assertRaises(RpcError):
            node.rpc("live.add", {"name": "ada"})
        node.rpc("plugin.upgrade", {"path": str(repaired)}, timeout=60)
        wait_for("the end of the migration", lambda: self.row(node)["state"] == "running")
        self.assertEqual(node.rpc("live.get", {"name": "fill-00004999"})["layout"], 2)
        self.assertEqual(node.rpc("live.add", {"name": "ada"})["sm"], 3)
        self.verify(node)

    def test_a_way_back_without_steps_is_refused_and_the_ways_out_are_named(self):
        back = self.plugins.live("live-no-steps", VERSION="3.0.0", SM=3, SCHEMA=1, NO_STEPS=1)
        node = self.node(install=self.second)
        refused = self.assert_refused(node, "plugin.upgrade", {"path": str(back)}, "schema 2 -> 1", "no migration steps")
        self.assertIn("restore a snapshot", refused.data["hint"])
        self.assertEqual(self.row(node)["version"], "2.0.0")

    def test_replay_across_ten_upgrades_from_one_library_and_from_kept_ones(self):
        node = self.node()
        for sm in range(2, 12):
            # Schema rises every third version, so that migrations are among the switches.
            library = self.plugins.live(f"live-v{sm}", VERSION=f"{sm}.0.0", SM=sm, SCHEMA=1 + sm // 3)
            node.rpc("plugin.upgrade", {"path": str(library)}, timeout=60)
            self.assertEqual(node.rpc("live.add", {"name": "ada"})["sm"], sm)
            wait_for("the end of the migration", lambda: self.row(node)["state"] == "running")
        root = node.rpc("maintenance.verify", {}, timeout=300)  # (b) from the libraries that the store kept
        self.assertTrue(root["ok"], root)
        node.rpc("live.add", {"name": "ada"})
        # A restart executes nothing, and finds the newest library in the store.
        node.stop()
        node.start()
        self.assertEqual(node.rpc("live.add", {"name": "ada"})["count"], 12)
        self.verify(node)

    def test_replay_across_ten_upgrades_from_the_present_library_alone(self):
        node = self.node()
        for sm in range(2, 12):
            library = self.plugins.live(f"live-all{sm}", VERSION=f"{sm}.1.0", SM=sm, SM_MIN=1, NO_PARAM=1)
            node.rpc("plugin.upgrade", {"path": str(library)}, timeout=60)
            self.assertEqual(node.rpc("live.add", {"name": "ada"})["sm"], sm)
        wait_for("the old images to be closed", lambda: not self.row(node)["held_by"])
        shown = node.rpc("plugin.prune", {"keep": 0, "dry_run": True})["would_remove"]
        self.assertEqual(len(shown), 10)
        removed = node.rpc("plugin.prune", {"keep": 0})["removed"]
        self.assertEqual(sorted(removed), sorted(shown))
        self.verify(node)  # (a): it knows its older versions

    # ---- what is missing, and what arrives

    def test_a_missing_library_stops_the_chain_and_it_goes_on_when_the_file_arrives(self):
        arrivals = self.dir / "arrivals"
        arrivals.mkdir()
        node = self.node(env={"TB_PLUGINS_DIR": str(arrivals)})
        node.rpc("live.add", {"name": "ada"})
        plan = node.rpc("plugin.upgrade", {"path": str(self.second), "dry_run": True}, timeout=60)
        height = node.rpc("chain.set_plugin", {**plan["entry"], "status": "active"})["height"]
        wait_for("the chain to wait", lambda: self.row(node)["state"] == "missing")
        self.assertEqual(node.height(), height)  # it stands in front of the switch
        self.assertIn("sm 2", self.row(node)["error"])
        refused = self.assert_refused(node, "live.add", {"name": "ada"}, "plugin_missing", "live sm 2")
        self.assertEqual(refused.code, -34004)
        status, body = node.get("status", "/ready")
        self.assertEqual((status, "plugin:live" in body), (503, True))
        self.assertEqual(node.rpc("live.get", {"name": "ada"})["count"], 1)  # queries are answered
        (arrivals / "wrong.so").write_bytes(self.build.read_bytes())  # not the one
        shutil.copy(self.second, arrivals / "some-name.new")
        (arrivals / "some-name.new").rename(arrivals / "some-name.so")
        wait_for("the chain to go on", lambda: self.row(node)["state"] == "running")
        self.assertEqual(node.rpc("live.add", {"name": "ada"})["sm"], 2)
        self.assertEqual(node.get("status", "/ready")[0], 200)
        self.verify(node)

    def test_an_image_that_the_store_lost_is_missing_until_it_is_put_back(self):
        node = self.node(install=self.second)
        node.rpc("live.add", {"name": "ada"})
        digest = self.row(node)["blake3"]
        node.stop()
        kept = {path: path.read_bytes() for path in (node.data / "plugins").glob(f"{digest}-*.so")}
        self.assertTrue(kept)
        for path in kept:
            path.unlink()
        node.start()
        self.assertEqual(self.row(node)["state"], "missing")
        self.assert_refused(node, "chain.noop", {}, "plugin_missing")
        for path, content in kept.items():
            path.write_bytes(content)
        wait_for("the chain to go on", lambda: self.row(node)["state"] == "running")
        self.assertEqual(node.rpc("live.add", {"name": "ada"})["count"], 2)

    # ---- standing

    def test_suspend_resume_and_remove_under_load_disturb_nothing_else(self):
        node = self.node()
        other = self.plugins.live("live-more", VERSION="1.0.3")
        load = Load(self, node, commands=2, queries=1, streams=1)
        load.wait("commands", 20)
        with self.assertRaisesRegex(RpcError, "these very rules"):  # no switch would ever take it: that is a reload's
            node.rpc("plugin.stage", {"path": str(other)}, timeout=60)
        self.assertEqual(self.row(node)["state"], "running")
        node.rpc("plugin.stage", {"path": str(self.second)}, timeout=60)
        self.assertEqual(self.row(node)["state"], "staged")
        load.wait("commands", load.lines[-1]["commands"] + 20)
        load.end()
        node.rpc("plugin.unload", {"id": "live"}, timeout=60)  # a machine: suspended through the log
        self.assertEqual({p["id"]: p["state"] for p in node.rpc("plugin.list")}["ledger"], "running")
        with self.assertRaises(RpcError):
            node.rpc("live.add", {"name": "ada"})
        node.rpc("ledger.transfer", {"to": "treasury", "amount": 1})
        node.rpc("plugin.upgrade", {"resume": "live"}, timeout=60)
        node.rpc("live.add", {"name": "ada"})
        node.rpc("plugin.upgrade", {"remove": "live"}, timeout=60)
        with self.assertRaises(RpcError):
            node.rpc("live.add", {"name": "ada"})
        self.verify(node)

    def test_check_needs_no_node_and_the_verbs_print_what_they_did(self):
        node = self.node()
        found = node.cli_json("--format", "json", "plugin", "check", self.second)
        self.assertEqual((found["id"], found["sm"], found["schema"]), ("live", 2, 2))
        plan = node.cli_json("--format", "json", "plugin", "upgrade", self.second, "--dry-run")
        self.assertTrue(plan["dry_run"])
        self.assertIn("migration", plan["report"])
        self.assertEqual(node.cli_json("--format", "json", "plugin", "prune", "--dry-run")["would_remove"], [])
        self.assertEqual(node.cli_json("--format", "json", "plugin", "upgrade", self.second)["status"], "ok")


if __name__ == "__main__":
    unittest.main()
