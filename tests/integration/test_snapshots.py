"""Snapshots on real nodes: made under load, damaged at any place, restored in another directory, built on one another, interrupted by
kill -9, refused by a full disk."""
import json
import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import threading
import unittest

from node import Node, RpcError, wait_for


class Load:
    """Transfers until it is told to stop; remembers how many were applied."""

    def __init__(self, node):
        self.node, self.done, self.applied, self.failed = node, threading.Event(), 0, []
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        number = 0
        while not self.done.is_set():
            try:
                self.node.rpc("ledger.transfer", {"to": "treasury", "amount": 1 + number % 7})
                self.applied += 1
            except (OSError, RpcError) as error:
                self.failed.append(str(error))
            number += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()


class Snapshots(unittest.TestCase):
    def setUp(self):
        self.places = []

    def tearDown(self):
        for place in self.places:
            place.close() if isinstance(place, Node) else shutil.rmtree(place, ignore_errors=True)

    def node(self, **options):
        node = Node(**options)
        self.places.append(node)
        return node

    def folder(self):
        path = pathlib.Path(tempfile.mkdtemp(prefix="tb-snapshots-"))
        self.places.append(path)
        return path

    def transfer(self, node, times=1):
        for _ in range(times):
            node.rpc("ledger.transfer", {"to": "treasury", "amount": 1})

    def create(self, node, *flags):
        return json.loads(node.cli("snapshots", "create", *flags).stdout)

    def twin(self, node, **options):
        """Another machine: another directory and other ports, the same genesis and keys."""
        other = self.node(**options)
        other.data.mkdir(parents=True)
        shutil.copy(node.data / "genesis.json", other.data / "genesis.json")
        shutil.copytree(node.data / "keys", other.data / "keys")
        return other

    def restore(self, node, *words, check=True):
        return node.cli("snapshots", "restore", *words, "--data-dir", node.data, check=check)

    def macro_of(self, node, state_height):
        """The macro block that commits the state after `state_height`."""
        def find():
            for height in range(state_height + 1, node.height() + 1):
                block = node.rpc("block.get", {"height": height})
                if block.get("state_height") == state_height:
                    return block
        return wait_for(f"the macro block of {state_height}", find)

    def test_made_under_load_and_restored_elsewhere_with_the_same_root(self):
        node = self.node().start()
        with Load(node) as load:
            wait_for("some load", lambda: load.applied > 50)
            made = self.create(node)
            before = load.applied
            wait_for("load behind it", lambda: load.applied > before + 20)
            self.assertEqual(load.failed, [])
        self.assertEqual(self.macro_of(node, made["height"])["state_root"], made["state_root"])
        self.assertEqual(made["stores"], ["chain", "energy", "ledger"])  # the namespaces that hold a row
        listed = node.cli_json("snapshots", "list")
        self.assertEqual([(row["height"], row["blake3"]) for row in listed], [(made["height"], made["blake3"])])
        manifest = json.loads((node.data / "snapshots" / "manifest.json").read_text())
        self.assertEqual((manifest["height"], manifest["blake3"], manifest["state_root"]),
                         (made["height"], made["blake3"], made["state_root"]))
        seen = node.cli_json("snapshots", "verify", made["path"])
        self.assertEqual((seen["ok"], seen["state_root"]), (True, made["state_root"]))
        self.assertEqual(node.metric("snapshot_created_total"), 1)
        self.assertEqual(node.metric("snapshot_duration_seconds_count"), 1)
        verified = node.rpc("maintenance.verify", {}, timeout=120)
        self.assertTrue(verified["ok"], verified)

        other = self.twin(node)
        node.stop()
        answer = json.loads(self.restore(other, made["path"]).stdout)
        self.assertEqual(answer["height"], made["height"])
        other.start()
        first = self.macro_of(other, made["height"])
        self.assertEqual(first["state_root"], made["state_root"])  # computed again, from the restored rows
        following = other.rpc("block.get", {"height": made["height"] + 1})
        self.assertEqual(following["previous"], made["block_hash"])
        with self.assertRaises(RpcError) as pruned:
            other.rpc("block.get", {"height": made["height"] - 1})
        self.assertEqual(pruned.exception.name, "pruned")
        self.transfer(other, 3)
        height = other.height()
        other.kill()  # what it made since is in its own log
        other.start()
        self.assertGreaterEqual(other.height(), height)
        again = self.create(other)
        self.assertGreater(again["height"], made["height"])
        self.assertTrue(other.cli_json("snapshots", "verify", again["path"])["ok"])

        # Data of before the views, whose log begins behind the snapshot: `migrate` knows what stands in front of it.
        other.stop()
        (other.data / "schema").unlink()
        for name in ("mmr", "index"):
            shutil.rmtree(other.data / name)
        self.assertIn("schema is now 2", other.cli("migrate", "--data-dir", other.data).stdout)
        self.assertTrue(json.loads(other.cli("maintenance", "verify", "--data-dir", other.data, "--json").stdout)["ok"])
        other.start()
        self.assertTrue(other.rpc("maintenance.verify", {}, timeout=120)["ok"])
        self.assertNotIn("is made again from the log", other.output())

        # The machine that lost its state alone keeps its log, and follows it.
        before = node.start().rpc("block.latest")
        node.stop()
        shutil.rmtree(node.data / "state")
        self.restore(node, made["path"], "--keep-log")
        node.start()
        self.assertEqual(node.rpc("block.get", {"height": before["height"]})["hash"], before["hash"])
        self.transfer(node)
        self.assertTrue(node.rpc("maintenance.verify", {}, timeout=120)["ok"])

    def test_a_flipped_bit_is_named_and_nothing_is_touched(self):
        node = self.node().start()
        self.transfer(node, 20)
        made = self.create(node)
        node.stop()
        whole = pathlib.Path(made["path"]).read_bytes()
        place = self.folder()
        damaged = place / pathlib.Path(made["path"]).name
        rng = random.Random(20261122)
        for at in [0, 9, 13, len(whole) - 1, len(whole) - 40] + [rng.randrange(len(whole)) for _ in range(40)]:
            data = bytearray(whole)
            data[at] ^= 1 << rng.randrange(8)
            damaged.write_bytes(data)
            refused = node.cli("snapshots", "verify", damaged, "--data-dir", node.data, check=False)
            self.assertEqual(refused.returncode, 1, (at, refused.stdout, refused.stderr))
            self.assertIn(damaged.name, refused.stderr)
        state = sorted(p.name for p in (node.data / "state").iterdir())
        refused = self.restore(node, damaged, "--force", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertEqual(sorted(p.name for p in (node.data / "state").iterdir()), state)
        self.assertEqual([p.name for p in node.data.iterdir() if "before" in p.name], [])
        refused = self.restore(node, made["path"], check=False)
        self.assertIn("--force", refused.stderr)
        stranger = self.node().start()
        stranger.stop()
        refused = node.cli("snapshots", "verify", made["path"], "--data-dir", stranger.data, check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("other validators than the genesis", refused.stderr)
        node.start()
        self.transfer(node)

    def test_increments_and_one_namespace(self):
        node = self.node().start()
        self.transfer(node, 30)
        target = self.folder()
        base = self.create(node, "--path", target)
        wait_for("the market's mirror beside it", (node.data / "energy_market" / "manifest.json").exists)
        self.transfer(node, 5)
        first = self.create(node, "--path", target, "--incremental-from", base["path"])
        self.transfer(node, 5)
        second = self.create(node, "--path", target, "--base", first["path"])
        self.assertEqual((first["base_height"], second["base_height"]), (base["height"], first["height"]))
        self.assertLess(second["entries"], base["entries"])
        self.assertTrue(node.cli_json("snapshots", "verify", second["path"])["ok"])
        only = self.create(node, "--path", self.folder(), "--namespace", "ledger")
        self.assertEqual(only["stores"], ["ledger"])
        self.assertTrue(node.cli_json("snapshots", "verify", only["path"])["ok"])
        with self.assertRaises(RpcError) as unknown:
            node.rpc("snapshots.create", {"namespace": "nothing"})
        self.assertEqual(unknown.exception.name, "not_found")

        other = self.twin(node)
        refused = self.restore(other, only["path"], check=False)
        self.assertIn("part of the state", refused.stderr)
        self.restore(other, base["path"], first["path"], second["path"])
        other.start()
        self.assertEqual(self.macro_of(other, second["height"])["state_root"], second["state_root"])
        pathlib.Path(first["path"]).unlink()
        refused = node.cli("snapshots", "verify", second["path"], check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn(pathlib.Path(first["path"]).name, refused.stderr)

    def test_a_start_from_a_file_and_the_older_verbs(self):
        node = self.node().start()
        self.transfer(node, 10)
        made = json.loads(node.cli("snapshot", "create", node.data).stdout)
        listed = node.cli_json("snapshot", "list", node.data)
        self.assertEqual([row["path"] for row in listed], [made["path"]])
        other = self.twin(node, env={"TB_SNAPSHOT_FILE": made["path"]}).start()
        self.assertEqual(self.macro_of(other, made["height"])["state_root"], made["state_root"])
        self.transfer(other, 2)
        height = other.height()
        other.stop()
        other.start()  # there is a chain now: the file is not looked at again
        self.assertGreaterEqual(other.height(), height)
        node.stop()
        refused = node.cli("snapshot", "apply", node.data, check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertEqual(json.loads(node.cli("snapshot", "apply", node.data, "--force").stdout)["height"], made["height"])
        node.start()
        self.assertEqual(self.macro_of(node, made["height"])["state_root"], made["state_root"])
        # A file of another chain: no start, and nothing is made.
        stranger = self.node(env={"TB_SNAPSHOT_FILE": made["path"]})
        with self.assertRaises(AssertionError) as refused:
            stranger.start()
        self.assertIn("--snapshot", str(refused.exception))
        self.assertFalse((stranger.data / "state").exists())

    def test_kill_9_leaves_no_half_file(self):
        node = self.node(config="snapshot_keep: 3\n").start()
        self.transfer(node, 50)
        rng = random.Random(7)
        kept = self.create(node)
        snapshots = node.data / "snapshots"
        for _ in range(20):
            node.rpc("snapshots.create", {"wait": False})
            pause = rng.random() * 0.05
            end = threading.Event()
            end.wait(pause)  # a random moment, not a condition
            node.kill()
            node.start()
            self.assertEqual([p.name for p in snapshots.iterdir() if p.name.endswith(".tmp")], [])
            for row in node.cli_json("snapshots", "list"):
                self.assertTrue(node.cli_json("snapshots", "verify", row["path"])["ok"])
        newest = self.create(node)
        self.assertGreater(newest["height"], kept["height"])
        self.assertTrue(node.rpc("maintenance.verify", {}, timeout=120)["ok"])

    def test_by_itself_at_macro_points_and_only_the_newest_stay(self):
        node = self.node(config="snapshot_interval: 10\nsnapshot_keep: 2\n").start()
        made = []
        while len(made) < 4:
            self.transfer(node, 12)
            node.rpc("chain.macro_point")
            created = len(made) + 1
            wait_for("a snapshot by itself", lambda: node.metric("snapshot_created_total") >= created)
            made.append(node.rpc("snapshots.list")[0]["height"])
        self.assertEqual([row["height"] for row in node.rpc("snapshots.list")], made[:-3:-1])
        self.assertEqual(made, sorted(set(made)))
        with self.assertRaises(RpcError) as small:
            node.rpc("set_snapshot_interval", {"interval": 9})
        self.assertEqual((small.exception.code, small.exception.name), (-32050, "interval_too_small"))
        node.rpc("set_snapshot_interval", {"interval": 100000})
        self.assertEqual(node.metric("snapshot_interval"), 100000)
        self.assertGreater(node.metric("snapshot_interval_changed"), 0)

    def test_one_at_a_time_and_cancel(self):
        # A block comes once a minute: the job waits for the block of its macro point.
        node = self.node()
        node.settings["chain"] = {"block_interval_ms": 60000, "empty_block_interval_ms": 0}
        node.write_config()
        node.start()
        job = node.rpc("snapshots.create", {"wait": False})["job"]
        self.assertEqual(node.rpc("snapshots.status")["state"], "waiting_for_point")
        with self.assertRaises(RpcError) as busy:
            node.rpc("snapshots.create", {"wait": False})
        self.assertEqual((busy.exception.code, busy.exception.name), (-34005, "busy"))
        node.cli("snapshots", "cancel")
        wait_for("the end of the job", lambda: node.rpc("snapshots.status", {"job": job})["state"] == "cancelled")
        self.assertEqual(node.stop(), 0)

    @unittest.skipUnless(os.geteuid() == 0, "mounts a small file system")
    def test_a_full_disk_fails_the_snapshot_and_nothing_else(self):
        node = self.node().start()
        small = self.folder()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", small], check=True)
        try:
            self.transfer(node, 100)
            with self.assertRaises(RpcError) as full:
                node.rpc("snapshots.create", {"path": str(small)})
            self.assertEqual((full.exception.code, full.exception.name), (-34002, "disk_full"))
            self.assertEqual(list(small.iterdir()), [])
        finally:
            subprocess.run(["umount", small], check=True)
        self.assertEqual(node.metric("snapshot_fail_total"), 1)
        self.transfer(node)
        self.assertTrue(self.create(node)["path"])


if __name__ == "__main__":
    unittest.main()
