"""The stores of a node: sizes, compaction, pruning with proofs behind it, verification, limits, full disks, damage of every kind of file, and
what a start refuses."""
import json
import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import unittest

from node import BIN, Node, RpcError, wait_for

KEEP = 1024  # chain.history_blocks, the least that stays
PRUNING = "storage:\n  pruning: true\n  prune_keep_blocks: 1000\n"
DAMAGES = 216
SEED = int(os.environ.get("TB_STORE_SEED", "20260"))


def grow(node, height):
    """Empty blocks, as fast as they are made."""
    while node.height() < height:
        node.rpc("start_mining")
    node.rpc("stop_mining")


class StoppedNode(Node):
    def offline(self, method, params=None, *flags):
        """One call on the data of the stopped node: exit code, answer, what it complained of."""
        result = subprocess.run([BIN / "blockd", "call", method, json.dumps(params or {}), "--data-dir", self.data, "--config",
                                 self.dir / "node.yaml", *flags], env=self.clean_environment(), text=True, capture_output=True, timeout=300)
        try:
            answer = json.loads(result.stdout)
        except ValueError:
            answer = None
        return result.returncode, answer, result.stderr

    def clean_environment(self):
        env = self.environment()
        env.pop("TB_RPC_SOCKET", None)
        return env

    def start_refused(self):
        """Starts the node, which must end by itself; exit code and what it said."""
        result = subprocess.run([BIN / "blockd", "run", "--config", self.dir / "node.yaml", "--data-dir", self.data],
                                env=self.clean_environment(), text=True, capture_output=True, timeout=120)
        return result.returncode, result.stdout + result.stderr


class Maintenance(unittest.TestCase):
    def test_stats_compact_and_verify_on_a_running_and_a_stopped_node(self):
        with StoppedNode(plugins=("ledger",)) as node:
            grow(node, 30)
            stats = node.cli_json("storage", "stats", "--json")
            self.assertGreaterEqual(stats["blocks"], 31)
            on_disk = sum(f.stat().st_size for d in ("chain", "state") for f in (node.data / d).rglob("*") if f.is_file())
            self.assertLess(abs(stats["chain_bytes"] - on_disk), on_disk * 0.01 + 100_000)
            for name in ("chain", "mmr", "index"):
                self.assertGreater(stats[name + "_bytes"], 0)
            compacted = node.cli_json("moloch", "maintenance", "compact", "--json")
            self.assertEqual([s["store"] for s in compacted["stores"]], ["chain", "mmr", "index"])
            report = node.cli_json("maintenance", "verify", "--json")
            self.assertTrue(report["ok"], report)
            self.assertEqual(report["findings"], [])
            self.assertTrue(report["views"])
            text = node.cli("maintenance", "verify", "--format", "text").stdout
            self.assertRegex(text, r"verified blocks=\d+ events=\d+ findings=0")
            # On the directory of a node that runs nothing is done, and its pid is named.
            refused = node.cli("maintenance", "verify", "--data-dir", node.data, check=False)
            self.assertEqual(refused.returncode, 1)
            self.assertIn(f"pid {node.process.pid}", refused.stderr)
            self.assertEqual(node.cli("maintenance", "repair", "--data-dir", node.data, check=False).returncode, 1)
            node.stop()
            moloch = subprocess.run([BIN / "moloch", "maintenance", "verify", "--data-dir", node.data, "--format", "text"],
                                    text=True, capture_output=True, timeout=120)
            self.assertEqual(moloch.returncode, 0, moloch.stderr + moloch.stdout)
            self.assertIn("findings=0", moloch.stdout)
            self.assertEqual(node.cli("maintenance", "compact", "--data-dir", node.data, "--store", "index").returncode, 0)
            self.assertIn("nothing to repair", node.cli("maintenance", "repair", "--data-dir", node.data).stdout)

    def test_one_job_at_a_time_and_a_job_can_be_ended(self):
        with Node(plugins=("ledger",)) as node:
            grow(node, 200)
            first = node.rpc("maintenance.verify", {"background": True})
            with self.assertRaises(RpcError) as busy:
                while node.rpc("maintenance.job")["state"] == "running":
                    node.rpc("maintenance.compact", {"background": True})
                node.rpc("maintenance.verify", {"background": True})  # it was too quick: two more
                node.rpc("maintenance.verify", {"background": True})
            self.assertEqual(busy.exception.code, -34005)
            job = node.rpc("maintenance.job")["job"]
            node.rpc("maintenance.cancel", {"job": job})
            ended = wait_for("the end of the job", lambda: (lambda j: j["state"] != "running" and j)(node.rpc("maintenance.job")))
            self.assertIn(ended["state"], ("cancelled", "done"))
            self.assertGreaterEqual(job, first["job"])

    def test_views_that_are_deleted_are_made_again(self):
        node = StoppedNode(plugins=("ledger",)).start()
        try:
            grow(node, 40)
            tx = Maintenance.transfer(node)
            status = node.rpc("tx.status", {"id": tx})
            before = node.rpc("chain.proof_inclusion", {"height": 7, "at": 30})
            node.stop()
            for name in ("mmr", "index"):
                shutil.rmtree(node.data / name)
            node.start()
            self.assertEqual(node.rpc("chain.proof_inclusion", {"height": 7, "at": 30}), before)
            self.assertEqual(node.rpc("tx.status", {"id": tx}), status)
            self.assertEqual(node.rpc("block.get", {"height": 30})["mmr_root"], before["mmr"]["root"])
            consistency = node.cli_json("moloch", "proof", "consistency", "--from", "9", "--to", "29", "--json")
            self.assertEqual(consistency["to_root"], node.rpc("block.get", {"height": 30})["mmr_root"])
            self.assertEqual(consistency["from_root"], node.rpc("block.get", {"height": 10})["mmr_root"])
            self.assertTrue(node.rpc("maintenance.verify", {}, timeout=120)["ok"])
            node.stop()
            # A damaged view is minor, and repaired.
            table = max((node.data / "mmr").glob("*.log"), key=lambda f: f.stat().st_size)
            data = bytearray(table.read_bytes())
            if data:
                data[len(data) // 2] ^= 4
                table.write_bytes(data)
            shutil.rmtree(node.data / "index")
            found = node.cli("maintenance", "verify", "--data-dir", node.data, check=False)
            self.assertEqual(found.returncode, 1, found.stdout)
            dry = node.cli("maintenance", "repair", "--dry-run", "--data-dir", node.data, check=False)
            self.assertIn("would make again", dry.stdout)
            fixed = node.cli("maintenance", "repair", "--data-dir", node.data, "--config", node.dir / "node.yaml")
            self.assertIn("findings=0", fixed.stdout)
        finally:
            node.close()

    @staticmethod
    def transfer(node):
        signed = node.rpc("command.sign", {"method": "chain.noop", "params": {}})
        answer = node.rpc("submit_tx", {"tx": signed["envelope"]})
        assert answer["status"] == "ok", answer
        wait_for("the command's block", lambda: node.rpc("tx.status", {"id": answer["id"]})["state"] == "final")
        return answer["id"]


class Pruning(unittest.TestCase):
    def test_bodies_go_and_every_proof_stays(self):
        node = StoppedNode(plugins=("ledger",), config=PRUNING.replace("true", "false")).start()
        try:
            old = Maintenance.transfer(node)
            place = node.rpc("tx.status", {"id": old})["height"]
            grow(node, KEEP + 220)
            head = node.height()
            with self.assertRaises(RpcError) as refused:
                node.rpc("maintenance.prune", {"before_height": 100})
            self.assertEqual(refused.exception.name, "pruning_disabled")
            node.write_config(PRUNING)
            node.rpc("config.reload")
            with self.assertRaises(RpcError) as refused:
                node.rpc("maintenance.prune", {"before_height": head})
            self.assertEqual(refused.exception.name, "too_recent")
            below = head - KEEP - 20
            self.assertGreater(below, place)
            proofs = {h: node.rpc("chain.proof_inclusion", {"height": h, "at": head}) for h in (1, place, below - 1, below)}
            stats = node.rpc("storage.stats")
            dry = node.cli_json("maintenance", "prune", "--before-height", below, "--dry-run", "--json")
            self.assertEqual(dry["blocks"], below)
            self.assertEqual(node.rpc("block.get", {"height": 5})["height"], 5)
            done = node.cli_json("moloch", "maintenance", "prune", "--before-height", below, "--json")
            self.assertEqual(done["blocks"], below)
            self.assertEqual(done["pruned_below"], below)
            self.assertGreater(done["bytes"], 0)
            self.assertLess(node.rpc("storage.stats")["wal_bytes"], stats["wal_bytes"])

            def check():
                with self.assertRaises(RpcError) as gone:
                    node.rpc("block.get", {"height": below - 1})
                self.assertEqual((gone.exception.code, gone.exception.name), (-34006, "pruned"))
                self.assertEqual(node.rpc("block.get", {"height": below})["height"], below)
                for height, proof in proofs.items():
                    self.assertEqual(node.rpc("chain.proof_inclusion", {"height": height, "at": head}), proof)
                self.assertEqual(node.rpc("tx.status", {"id": old}), {"state": "final", "height": place, "index": 0, "pruned": True})
                report = node.rpc("maintenance.verify", {}, timeout=120)
                self.assertTrue(report["ok"], report)
                self.assertEqual(report["pruned"], below)

            check()
            again = node.rpc("maintenance.prune", {"before_height": below})
            self.assertEqual(again["blocks"], 0)
            node.stop()
            node.start()
            check()
            node.kill()
            node.start()
            check()
            node.stop()
            self.assertEqual(node.cli("maintenance", "verify", "--data-dir", node.data).returncode, 0)
            # A replay from genesis is not possible any more, and says so; so does a lost state without a snapshot.
            shutil.rmtree(node.data / "state")
            code, said = node.start_refused()
            self.assertEqual(code, 1)
            self.assertIn(f"whole from height {below}", said)
            self.assertIn("snapshot", said)
        finally:
            node.close()

    def test_kill_9_while_pruning_leaves_a_whole_chain(self):
        node = StoppedNode(plugins=("ledger",), config=PRUNING).start()
        try:
            grow(node, KEEP + 200)
            head = node.height()
            chooser = random.Random(SEED)
            for below in (40, 80, 120, 160):
                node.rpc("maintenance.prune", {"before_height": below, "background": True})
                for _ in range(chooser.randrange(4)):
                    node.rpc("maintenance.job")
                node.kill()
                node.start()
                self.assertGreaterEqual(node.height(), head)
                head = node.height()
                report = node.rpc("maintenance.verify", {}, timeout=120)
                self.assertTrue(report["ok"], report)
            done = node.rpc("maintenance.prune", {"before_height": 160})
            self.assertEqual(done["pruned_below"], 160)
            self.assertFalse(list((node.data / "chain").glob("*.new")))
        finally:
            node.close()


class Space(unittest.TestCase):
    def fill(self, node):
        """Commands until one is refused for lack of space; how many were taken."""
        for taken in range(100_000):
            try:
                node.rpc("chain.noop", {})
            except RpcError as refused:
                if refused.code == -34001:
                    continue  # it waits in the pool for the block that had no room
                self.assertEqual(refused.code, -34002, refused)
                self.assertIn("disk full", str(refused))
                return taken
        raise AssertionError("the disk was never full")

    def taken(self, node):
        try:
            return node.rpc("chain.noop", {})
        except RpcError as refused:
            self.assertIn(refused.code, (-34001, -34002))
            return None

    def full_then_raised(self, node, make_room):
        self.fill(node)
        height = node.height()
        wait_for("the state `full`", lambda: node.rpc("node.status")["storage"]["state"] == "full")
        code, body = node.get("status", "/v1/health")
        self.assertEqual(code, 503, body)
        code, body = node.get("status", "/readyz")
        self.assertEqual((code, json.loads(body)["reasons"]), (503, ["storage_full"]))
        self.assertEqual(node.get("status", "/healthz")[0], 200)
        self.assertEqual(node.rpc("block.get", {"height": height})["height"], height)
        self.assertGreater(node.metric("storage_disk_full_total"), 0)
        wait_for("the line of the pause", lambda: "storage_full_pause" in node.output())
        make_room()
        wait_for("the node to go on", lambda: node.rpc("node.status")["storage"]["state"] == "ok")
        wait_for("a command to be taken", lambda: self.taken(node))
        self.assertGreater(node.height(), height)
        self.assertEqual(node.get("status", "/readyz")[0], 200)
        wait_for("the line of the end", lambda: "storage_full_resume" in node.output())
        report = node.rpc("maintenance.verify", {}, timeout=300)
        self.assertTrue(report["ok"], report)

    def test_a_limit_refuses_and_a_raised_one_goes_on(self):
        with Node(plugins=("ledger",), env={"TB_SIMPLE_DB_LIMIT_BYTES": str(300_000)}) as node:
            self.fill(node)
        with Node(plugins=("ledger",), config="storage:\n  limit_bytes: 300000\n") as node:
            def raise_limit():
                node.write_config("storage:\n  limit_bytes: 0\n")
                node.rpc("config.reload")
            self.full_then_raised(node, raise_limit)

    @unittest.skipUnless(os.geteuid() == 0, "a small file system needs root")
    def test_a_full_file_system_refuses_and_goes_on_when_there_is_room(self):
        directory = pathlib.Path(tempfile.mkdtemp(prefix="tb-full-"))
        data = directory / "data"
        data.mkdir()
        mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", data], capture_output=True, text=True)
        try:
            if mount.returncode != 0:
                self.skipTest("no tmpfs here: " + mount.stderr)
            # No space is kept free, and small write buffers: the system itself says no, to the log and to LevelDB.
            config = "storage:\n  reserve_bytes: 0\n  write_buffer_mb: 1\n"
            with Node(plugins=("ledger",), config=config, directory=directory) as node:
                for _ in range(10):
                    node.rpc("chain.noop", {})
                ballast = data / "ballast"
                with open(ballast, "wb", buffering=0) as out:
                    for size in (1 << 20, 4096):
                        try:
                            while True:
                                out.write(b"x" * size)
                        except OSError:
                            pass
                self.full_then_raised(node, ballast.unlink)
                self.assertEqual(node.stop(), 0)
        finally:
            if mount.returncode == 0:
                subprocess.run(["umount", data], check=True)
            shutil.rmtree(directory)


class Starts(unittest.TestCase):
    def setUp(self):
        self.node = StoppedNode(plugins=("ledger",)).start()
        self.addCleanup(self.node.close)

    def refused(self, *words):
        code, said = self.node.start_refused()
        self.assertEqual(code, 1, said)
        for word in words:
            self.assertIn(str(word), said)

    def test_a_second_process_on_one_directory(self):
        self.refused("in use by pid " + str(self.node.process.pid), self.node.data)
        self.assertGreaterEqual(self.node.height(), 0)

    def test_data_of_another_schema_and_migration(self):
        node = self.node
        grow(node, 20)
        node.stop()
        schema = node.data / "schema"
        self.assertEqual(schema.read_text(), "2\n")
        self.assertIn("schema is current (2)", node.cli("migrate", "--data-dir", node.data).stdout)
        schema.write_text("7\n")
        self.refused("schema 7", "schema 2")
        newer = node.cli("moloch", "migrate", "--data-dir", node.data, check=False)
        self.assertEqual(newer.returncode, 1)
        self.assertIn("schema 7", newer.stderr)
        self.assertIn("up to 2", newer.stderr)
        schema.write_text("two\n")
        self.refused(schema, "damaged")
        # The data of before: no mark, no views.
        schema.unlink()
        for name in ("mmr", "index"):
            shutil.rmtree(node.data / name)
        self.refused("schema 1", "schema 2", "contract-cli migrate")
        self.assertIn("would migrate schema 1 to 2", node.cli("migrate", "--dry-run", "--data-dir", node.data).stdout)
        self.assertFalse(schema.exists())
        moved = node.cli("migrate", "--data-dir", node.data)
        self.assertIn("schema is now 2", moved.stdout)
        self.assertIn("schema is current (2)", node.cli("migrate", "--data-dir", node.data).stdout)
        node.start()
        self.assertTrue(node.rpc("maintenance.verify", {}, timeout=120)["ok"])

    def test_lost_and_damaged_keys_and_genesis(self):
        node = self.node
        node.stop()
        for name in ("node", "operator", "admin", "oracle"):
            key = node.data / "keys" / f"{name}.key"
            text = key.read_text()
            key.unlink()
            self.refused(key, "is missing", "backup")
            other = ("0" if text[0] != "0" else "1") + text[1:]
            key.write_text(other)
            key.chmod(0o600)
            self.refused(key, "damaged")
            key.write_text(text)
            key.chmod(0o600)
        genesis = node.data / "genesis.json"
        text = genesis.read_text()
        genesis.unlink()
        self.refused(genesis, "is missing")
        self.assertFalse(genesis.exists())
        changed = json.loads(text)
        changed["chain_id"] = changed["chain_id"] + "x"
        genesis.write_text(json.dumps(changed))
        self.refused("another genesis")
        genesis.write_text(text)
        node.start()

    def test_a_missing_library_stops_a_new_chain_only(self):
        fresh = StoppedNode(plugins=("ledger", "no-such-plugin"))
        self.addCleanup(fresh.close)
        code, said = fresh.start_refused()
        self.assertEqual(code, 1, said)
        self.assertIn("no-such-plugin", said)
        self.assertIn("a new chain would begin without it", said)
        self.assertFalse((fresh.data / "genesis.json").exists())
        self.node.stop()
        self.node.plugins.append("no-such-plugin")
        self.node.write_config()
        self.node.start()

    def test_blocks_missing_from_the_log_are_noticed(self):
        node = self.node
        grow(node, 30)
        node.kill()  # no checkpoint behind the last block
        shutil.copytree(node.data / "chain", node.dir / "copy")
        node.start()
        grow(node, 60)
        node.stop()
        shutil.rmtree(node.data / "chain")
        shutil.copytree(node.dir / "copy", node.data / "chain")
        self.refused("committed blocks are missing from the log", "chain")

    def test_resync_of_the_only_validator_is_refused(self):
        node = self.node
        node.stop()
        refused = node.cli("resync", "--data-dir", node.data, check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertTrue((node.data / "chain").exists())
        node.cli("moloch", "resync", "--force", "--data-dir", node.data)
        self.assertFalse((node.data / "chain").exists())
        self.assertTrue((node.data / "keys" / "node.key").exists())


class LostEnd(unittest.TestCase):
    """The newest segment of the log is gone, and the state on disk is older than what is left of it: only the MMR knows of the blocks."""

    def setUp(self):
        self.node = node = StoppedNode(plugins=("ledger",)).start()
        self.addCleanup(node.close)
        while len(self.segments()) < 2:
            grow(node, node.height() + 50)
        self.first_lost = int(self.segments()[-1].name[4:-4])
        for _ in range(3):
            node.rpc("ledger.transfer", {"to": "treasury", "amount": 7})
        grow(node, self.first_lost + 20)
        self.before = (node.height(), self.treasury())
        wait_for("the MMR to have the newest blocks", lambda: self.proved(self.before[0]))
        node.kill()  # the state on disk stays what it was at its last checkpoint
        self.lost = self.segments()[-1]
        self.lost.rename(node.dir / self.lost.name)

    def segments(self):
        return sorted((self.node.data / "chain").glob("log-*.seg"))

    def treasury(self):
        return self.node.rpc("balance", {"address": "treasury"})["amount"]

    def proved(self, at):
        try:
            return self.node.rpc("chain.proof_inclusion", {"height": 1, "at": at})
        except RpcError as not_yet:
            self.assertIn("ask again", str(not_yet.error))
            return None

    def files(self):
        return {path.name: path.read_bytes() for path in (self.node.data / "chain").iterdir()}

    def test_the_start_is_refused_and_whole_with_the_segment_put_back(self):
        left = self.files()
        for _ in range(2):
            code, said = self.node.start_refused()
            self.assertEqual(code, 1, said)
            for word in (f"the log ends with block {self.first_lost - 1}", f"has blocks {self.first_lost} to ", "committed blocks are missing from the log",
                         self.lost.name, "contract-cli storage repair"):
                self.assertIn(word, said)
        code, _, said = self.node.offline("storage.stats")
        self.assertEqual(code, 1, said)
        self.assertIn(self.lost.name, said)
        self.assertEqual(self.files(), left, "a refused start changes nothing in the log")
        shutil.copy(self.node.dir / self.lost.name, self.lost)
        self.node.start()
        self.assertGreaterEqual(self.node.height(), self.before[0])
        self.assertEqual(self.treasury(), self.before[1])
        self.assertTrue(self.node.rpc("maintenance.verify", {}, timeout=120)["ok"])

    def goes_on_without_them(self):
        self.node.start()
        self.assertLess(self.node.height(), self.before[0])
        self.assertLess(int(self.treasury()), int(self.before[1]))
        grow(self.node, self.before[0] + 5)
        self.assertTrue(self.node.rpc("maintenance.verify", {}, timeout=120)["ok"])
        self.assertEqual(self.node.stop(), 0)
        self.node.start()

    def test_storage_repair_names_the_loss_and_takes_it(self):
        ended = self.node.cli("storage", "repair", "--data", self.node.data, "--dry-run", check=False)
        seen = json.loads(ended.stdout)
        self.assertEqual((ended.returncode, seen["ok"], seen["damage"], seen["state"], seen["done"]), (1, False, None, "", []))
        self.assertIn(f"blocks {self.first_lost} to ", seen["lost"])
        self.assertIn("put the newest segments of the log back", seen["advice"])
        self.assertTrue((self.node.data / "mmr").exists(), "a dry run changes nothing")
        done = json.loads(self.node.cli("storage", "repair", "--data", self.node.data).stdout)
        self.assertEqual((done["ok"], done["lost"], done["advice"], len(done["done"])), (True, "", "", 3))
        for name in ("mmr.before-1", "index.before-1"):
            self.assertTrue((self.node.data / name).exists())
        self.goes_on_without_them()

    def test_maintenance_repair_does_so_too(self):
        found = self.node.cli("maintenance", "verify", "--data-dir", self.node.data, check=False)
        self.assertEqual(found.returncode, 5, found.stdout)
        report = json.loads(found.stdout)
        self.assertEqual([(one["class"], one["height"]) for one in report["findings"]], [("major", self.first_lost)])
        dry = self.node.cli("maintenance", "repair", "--dry-run", "--data-dir", self.node.data, check=False)
        self.assertEqual(dry.returncode, 1)
        self.assertIn("would go on without blocks", dry.stdout)
        fixed = self.node.cli("maintenance", "repair", "--data-dir", self.node.data, "--config", self.node.dir / "node.yaml")
        self.assertIn("goes on without blocks", fixed.stdout)
        self.assertIn("findings=0", fixed.stdout)
        self.goes_on_without_them()


class Damage(unittest.TestCase):
    """Bits are flipped, bytes cut and files removed in every kind of file of a stopped node. What comes out is the same chain, or a refusal that
    names what is damaged; never another chain."""

    def test_no_damage_is_silent(self):
        node = StoppedNode(plugins=("ledger",), config="storage:\n  verify_state: true\n").start()
        self.addCleanup(node.close)
        for _ in range(25):
            node.rpc("chain.noop", {})
        node.stop()
        code, good, said = node.offline("maintenance.verify")
        self.assertEqual(code, 0, said)
        self.assertTrue(good["ok"], good)
        pristine = node.dir / "pristine"
        node.data.rename(pristine)
        files = sorted(str(f.relative_to(pristine)) for f in pristine.rglob("*")
                       if f.is_file() and not f.is_symlink() and f.name not in ("LOCK", "LOG", "LOG.old") and f.stat().st_size > 0)
        kinds = {}
        for name in files:
            kinds.setdefault(name.split("/")[0], []).append(name)
        self.assertLessEqual({"chain", "state", "mmr", "index", "keys", "genesis.json", "schema"}, set(kinds))
        chooser = random.Random(SEED)
        table, silent = {}, []
        for number in range(DAMAGES):
            kind = chooser.choice(["chain", "state", "state", "mmr", "index", *kinds])
            name = chooser.choice(kinds[kind])
            how, outcome = self.damage(node, pristine, name, chooser, good)
            table.setdefault((kind, how, outcome.split(":")[0]), []).append((number, name))
            if outcome not in ("recovered", "named"):
                silent.append(f"damage {number} (seed {SEED}): {how} of {name}: {outcome}")
        for (kind, how, outcome), hits in sorted(table.items()):
            print(f"{kind:14} {how:8} {outcome:10} {len(hits)}")
        self.assertEqual(silent, [])
        self.assertGreater(sum(len(h) for k, h in table.items() if k[2] == "recovered"), DAMAGES // 4)

    def used_bytes(self, path):
        """The log is preallocated: what follows the last record is zeros."""
        data = path.read_bytes()
        return max(1, len(data.rstrip(b"\0")))

    def damage(self, node, pristine, name, chooser, good):
        shutil.rmtree(node.data, ignore_errors=True)
        shutil.copytree(pristine, node.data)
        path = node.data / name
        how = chooser.choice(["flip", "flip", "flip", "cut", "remove"])
        at = chooser.randrange(self.used_bytes(path))
        if how == "flip":
            with open(path, "r+b") as f:
                f.seek(at)
                byte = f.read(1)[0]
                f.seek(at)
                f.write(bytes([byte ^ (1 << chooser.randrange(8))]))
        elif how == "cut":
            os.truncate(path, at)
        else:
            path.unlink()
        code, answer, said = node.offline("maintenance.verify")
        if code == 0 and answer and answer.get("ok"):
            same = answer["state_root"] == good["state_root"] and answer["to"] == good["to"] and answer["blocks"] == good["blocks"]
            return how, "recovered" if same else f"another chain without a word: {answer} {said}"
        text = said + json.dumps(answer)
        words = {"chain": ["chain/log-", "the log", "holds no chain"], "state": ["state"], "keys": ["keys/"], "genesis.json": ["genesis"], "schema": ["schema"],
                 "mempool": ["journal", "mempool"], "config": ["config"], "stores": ["stores/", "store"], "plugins": ["plugin"]}
        named = any(word in text for word in words.get(name.split("/")[0], [name]))
        return how, "named" if named else f"refused without a name: exit {code}: {text}"


if __name__ == "__main__":
    unittest.main()
