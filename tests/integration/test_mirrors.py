"""Mirrors of a plugin's namespace on real nodes: written at the stop, at each snapshot and on demand; taken by a node whose namespace is empty."""
import json
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from node import STANDING, Node, RpcError, wait_for

PROVIDER = "energy-0x00000000"
MARKET = ("ledger", "receipts", "energy")


class Mirrors(unittest.TestCase):
    def setUp(self):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="tb-mirrors-"))
        self.addCleanup(shutil.rmtree, self.work, ignore_errors=True)

    def node(self, plugins=MARKET, **options):
        node = Node(plugins=plugins, profile="worldos-energy", settings={"chain": STANDING}, **options)
        self.addCleanup(node.close)
        return node

    def register(self, node, meter="m0"):
        return node.rpc("energy.register_provider", {"capacity_kwh": 1000000, "price_per_kwh": 10, "stake": 1000, "meter_address": meter,
                                                     "jurisdiction": "US_CA", "owner": "acct"})

    def providers(self, node):
        return node.rpc("energy.market_state", {})["providers"]

    def manifest(self, folder):
        return json.loads((folder / "manifest.json").read_text())

    def stopped_market(self):
        """A node that had a market and was stopped; its mirror is copied to self.work / "mirror"."""
        node = self.node().start()
        self.register(node)
        self.register(node, "m1")
        known = self.providers(node)
        self.assertEqual(node.stop(), 0)
        shutil.copytree(node.data / "energy_market", self.work / "mirror")
        return node, known

    def start_refused(self, node, *words):
        node.start(wait=False)
        self.assertEqual(node.process.wait(timeout=120), 1)
        node.out.close()
        for word in words:
            self.assertIn(word, node.output())

    def verify(self, node):
        report = node.rpc("maintenance.verify", {}, timeout=120)
        self.assertTrue(report["ok"], report)

    # ---- written

    def test_written_at_the_stop_at_a_snapshot_and_on_demand(self):
        node = self.node().start()
        folder = node.data / "energy_market"
        self.assertFalse(folder.exists(), "an empty namespace has no mirror")
        self.register(node)
        made = node.cli_json("snapshots", "mirror", "energy")
        self.assertEqual(self.manifest(folder)["blake3"], made["blake3"])
        self.assertEqual(subprocess.run(["b3sum", "--no-names", made["path"]], capture_output=True, text=True, check=True).stdout.strip(), made["blake3"])
        self.register(node, "m1")
        node.cli("snapshots", "create")
        wait_for("the mirror of the snapshot", lambda: self.manifest(folder)["height"] > made["height"])
        alone = self.manifest(folder)["height"]
        self.register(node, "m2")
        node.cli("snapshots", "create", "--namespace", "energy")
        wait_for("the mirror beside a snapshot of the namespace", lambda: self.manifest(folder)["height"] > alone)
        self.register(node, "m3")
        self.assertEqual(node.stop(), 0)
        last = self.manifest(folder)
        self.assertEqual(json.loads((folder / f"state-{last['height']}.json").read_text())["namespace"], "energy")
        self.assertEqual(len(list(folder.glob("state-*.json"))), 3)
        node.start()
        self.assertEqual(node.height(), last["height"])
        self.assertNotIn("mirror height differs", node.output())

    def test_who_has_no_mirror_is_told_so_and_a_folder_that_cannot_be_written_is_counted(self):
        node = self.node().start()
        with self.assertRaises(RpcError) as refused:
            node.rpc("snapshots.mirror", {"namespace": "ledger"})
        self.assertIn("no active plugin 'ledger' has a mirror", str(refused.exception))
        self.register(node)
        (node.data / "energy_market").write_text("a file in the way")
        with self.assertRaises(RpcError) as refused:
            node.rpc("energy.create_snapshot", {})
        self.assertIn("energy_market", str(refused.exception))
        self.assertEqual(node.metric("energy_snapshot_fail_total"), 1)
        node.cli("snapshots", "create")
        wait_for("the failure of the automatic one to be counted", lambda: node.metric('mirror_fail_total{plugin="energy"}') == 1)

    def test_another_height_is_a_warning_and_the_state_counts(self):
        node, known = self.stopped_market()
        node.start()
        self.register(node, "m2")
        self.assertEqual(node.stop(), 0)
        shutil.rmtree(node.data / "energy_market")
        shutil.copytree(self.work / "mirror", node.data / "energy_market")
        node.start()
        self.assertIn("mirror height differs", node.output())
        self.assertEqual(len(self.providers(node)), len(known) + 1)

    # ---- taken

    def test_a_new_chain_begins_with_the_mirror_in_its_genesis(self):
        _, known = self.stopped_market()
        node = self.node(env={"TB_ENERGY_MARKET_DIR": str(self.work / "mirror")}).start()
        self.assertEqual(self.providers(node), known)
        genesis = json.loads((node.data / "genesis.json").read_text())
        self.assertEqual([i["namespace"] for i in genesis["imports"]], ["energy"])
        kept = list((node.data / "imports").iterdir())
        self.assertEqual([k.stem for k in kept], [genesis["imports"][0]["blake3"]])
        self.register(node, "m2")
        self.verify(node)  # a replay from genesis takes the rows again
        self.assertEqual(node.stop(), 0)
        node.start()
        self.assertEqual(len(self.providers(node)), len(known) + 1)
        self.assertTrue(kept[0].exists(), "the log begins at genesis: the file is needed")
        self.verify(node)
        # Without the file a replay says what it lacks.
        kept[0].rename(self.work / "away")
        self.assertEqual(node.stop(), 0)
        node.start()
        report = node.rpc("maintenance.verify", {}, timeout=120)
        self.assertFalse(report["ok"])
        self.assertIn(kept[0].name, json.dumps(report))

    def test_a_plugin_that_comes_into_a_running_chain_begins_with_it_and_a_kill_loses_nothing(self):
        first = Node(plugins=("ledger", "receipts", "greeter"))
        self.addCleanup(first.close)
        first.start()
        first.rpc("greeter.greet", {"name": "Ada"})
        known = self.greeted(first)
        self.assertEqual(first.stop(), 0)
        node = Node(plugins=("ledger", "receipts"))
        self.addCleanup(node.close)
        node.start()
        node.rpc("ledger.transfer", {"to": "treasury", "amount": 3})
        shutil.copytree(first.data / "greeter", node.data / "greeter")
        node.plugins.append("greeter")
        node.write_config()
        node.rpc("config.reload")  # the plugin comes into the roster of the running chain
        wait_for("the greeter", lambda: self.is_running(node, "greeter"))
        self.assertEqual(self.greeted(node), known)
        node.kill()
        node.start()
        self.assertEqual(self.greeted(node), known)
        node.rpc("greeter.greet", {"name": "Grace"})
        self.verify(node)
        with self.assertRaises(RpcError) as refused:
            node.rpc("chain.import_namespace", {"namespace": "greeter", "height": 1, "blake3": "00" * 32})
        self.assertEqual((refused.exception.name, refused.exception.code), ("namespace_not_empty", -34008))

    def test_a_plugin_that_refuses_the_rows_does_not_go_on_without_them(self):
        self.stopped_market()  # without a ledger behind its stakes
        node = Node(plugins=("ledger", "receipts"), env={"TB_ENERGY_MARKET_DIR": str(self.work / "mirror")})
        self.addCleanup(node.close)
        node.start()
        node.plugins = list(MARKET)
        node.write_config()
        node.rpc("config.reload")
        wait_for("the refusal", lambda: "stakes not funded" in node.output())
        node.rpc("ledger.transfer", {"to": "treasury", "amount": 3})
        wait_for("the suspension", lambda: self.state_of(node, "energy") == "suspended")
        node.rpc("ledger.transfer", {"to": "treasury", "amount": 3})
        self.verify(node)
        # It has left no row behind, not even of its hooks in the block of the refusal: what is right later may still come.
        self.assertNotIn("energy", json.loads(node.cli("snapshots", "create").stdout)["stores"])
        with self.assertRaises(RpcError) as refused:
            node.rpc("plugin.upgrade", {"resume": "energy"}, timeout=120)
        self.assertEqual(refused.exception.name, "import_refused")
        self.assertIn("stakes not funded", str(refused.exception))
        self.assertEqual(self.state_of(node, "energy"), "suspended")
        node.kill()
        node.start()
        wait_for("the refusal of the start", lambda: node.output().count("stakes not funded") > 1)
        self.assertEqual(self.state_of(node, "energy"), "suspended")
        self.verify(node)
        # Resumed from outside, it is the mirror that comes, or nothing: a broken one keeps it out.
        state = self.work / "mirror" / f"state-{self.manifest(self.work / 'mirror')['height']}.json"
        whole = state.read_bytes()
        state.write_bytes(whole[:-2])
        with self.assertRaises(RpcError) as refused:
            node.rpc("plugin.upgrade", {"resume": "energy"}, timeout=120)
        self.assertIn(str(state), str(refused.exception))
        self.assertEqual(self.state_of(node, "energy"), "suspended")
        state.write_bytes(whole)
        self.assertEqual(node.stop(), 0)
        node.plugins = ["ledger", "receipts", "{id: energy, ignore_mirror: true}"]
        node.write_config()
        node.start()
        wait_for("the market", lambda: self.is_running(node, "energy"))
        self.assertEqual(self.providers(node), [])
        self.assertEqual(len(list((node.data / "imports").glob("*.json"))), 1, "the blocks of the refusals need it in a replay")
        self.verify(node)

    def test_a_plugin_does_not_come_in_front_of_a_broken_mirror(self):
        self.stopped_market()
        mirror = self.work / "mirror"
        (mirror / f"state-{self.manifest(mirror)['height']}.json").unlink()
        node = Node(plugins=("ledger", "receipts"), env={"TB_ENERGY_MARKET_DIR": str(mirror)})
        self.addCleanup(node.close)
        node.start()
        node.plugins = list(MARKET)
        node.write_config()
        node.rpc("config.reload")
        wait_for("the refusal", lambda: "which manifest.json beside it names" in node.output())
        self.assertFalse(self.is_running(node, "energy"))
        node.plugins = ["ledger", "receipts", "{id: energy, ignore_mirror: true}"]
        node.write_config()
        node.stop()
        node.start()
        wait_for("the market", lambda: self.is_running(node, "energy"))
        self.assertEqual(self.providers(node), [])

    def state_of(self, node, plugin):
        return {p["id"]: p["state"] for p in node.rpc("plugin.list")}[plugin]

    def is_running(self, node, plugin):
        return plugin in {p["id"] for p in node.rpc("plugin.list") if p["state"] == "running"}

    def greeted(self, node):
        return node.rpc("greeter.greetings", {})["greetings"]

    def test_an_empty_namespace_takes_it_at_the_start(self):
        def greeter():
            node = Node(plugins=("ledger", "receipts", "greeter"))
            self.addCleanup(node.close)
            return node.start()

        first = greeter()
        first.rpc("greeter.greet", {"name": "Ada"})
        known = self.greeted(first)
        self.assertEqual(first.stop(), 0)
        node = greeter()
        node.rpc("ledger.transfer", {"to": "treasury", "amount": 3})
        self.assertEqual(self.greeted(node), [])
        self.assertEqual(node.stop(), 0)
        shutil.copytree(first.data / "greeter", node.data / "greeter")
        node.start()
        self.assertEqual(self.greeted(node), known)
        self.assertIn("namespace imported", node.output())
        node.kill()
        node.start()  # once
        self.assertEqual(self.greeted(node), known)
        self.assertEqual(node.output().count("namespace imported"), 1)
        self.verify(node)

    def test_a_market_that_is_in_force_takes_none(self):
        _, known = self.stopped_market()
        node = self.node().start()
        self.assertEqual(node.stop(), 0)
        shutil.copytree(self.work / "mirror", node.data / "energy_market")
        for _ in range(2):
            self.start_refused(node, "the plugin is in force already", "ignore_mirror")
        for name in ("chain", "state", "mmr", "index", "genesis.json", "stores"):
            shutil.rmtree(node.data / name) if (node.data / name).is_dir() else (node.data / name).unlink()
        node.start()  # as it says: the chain begins anew
        self.assertEqual(self.providers(node), known)

    # ---- by hand

    def test_one_namespace_beside_a_stopped_state(self):
        node, known = self.stopped_market()
        data, mirror = str(node.data), str(self.work / "mirror")
        same = node.cli_json("snapshots", "restore", "--namespace", "energy", "--from", mirror, "--data-dir", data)
        self.assertTrue(same["ok"])
        node.start()
        self.register(node, "m2")
        made = node.cli_json("snapshots", "create")
        self.assertEqual(node.stop(), 0)
        refused = node.cli("snapshots", "restore", "--namespace", "energy", "--from", mirror, "--data-dir", data, check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("nothing was changed", refused.stdout + refused.stderr)
        staging = self.work / "staging"
        words = ("snapshots", "restore", made["path"], "--namespace", "energy", "--from", mirror, "--data-dir", str(staging), "--trust", data + "/genesis.json")
        refused = node.cli(*words, check=False)
        self.assertIn("--staging", refused.stdout + refused.stderr)
        self.assertFalse((staging / "state").exists())
        self.assertEqual(node.cli_json(*words, "--staging")["new_chain"], "worldos-energy-staging")
        other = Node(plugins=MARKET, profile="worldos-energy")
        self.addCleanup(other.close)
        shutil.rmtree(other.data, ignore_errors=True)
        shutil.copytree(staging, other.data)
        other.start()
        self.register(other, "m3")  # the first block takes the rows
        self.assertEqual(self.providers(other)[:len(known)], known)
        self.assertEqual(len(self.providers(other)), len(known) + 1)

    def test_governance_and_the_treasury_share_a_folder_and_no_chain_begins_with_it(self):
        folder = self.work / "gov"
        plugins = ("ledger", "receipts", "treasury", "governance")
        node = Node(plugins=plugins, env={"TB_GOVERNANCE_DB_PATH": str(folder)})
        self.addCleanup(node.close)
        node.start()
        node.rpc("ledger.transfer", {"to": "treasury", "amount": 3})
        made = node.cli_json("snapshots", "mirror", "treasury")
        self.assertEqual(pathlib.Path(made["path"]).parent, folder / "treasury")
        self.assertEqual(node.stop(), 0)
        height = self.manifest(folder)["height"]
        self.assertEqual(self.manifest(folder / "treasury")["height"], height)
        for name, space in (("", "governance"), ("treasury", "treasury")):
            same = node.cli_json("snapshots", "restore", "--namespace", space, "--from", str(folder / name), "--data-dir", str(node.data))
            self.assertEqual((same["ok"], same["height"]), (True, height))
        # The history files are part of what is copied, also those from before the folder was.
        history = node.data / "governance" / "history"
        history.mkdir(parents=True, exist_ok=True)
        (history / "7.json").write_text('{"treasury_percent":5}\n')
        node.start()
        node.rpc("ledger.transfer", {"to": "treasury", "amount": 3})
        wait_for("the copy of the history", (folder / "history" / "7.json").exists)
        self.assertEqual((folder / "history" / "7.json").read_text(), (history / "7.json").read_text())
        self.assertEqual(node.stop(), 0)
        other = Node(plugins=plugins, env={"TB_GOV_DB_PATH": str(folder)})
        self.addCleanup(other.close)
        other.start()
        self.assertNotIn("imports", json.loads((other.data / "genesis.json").read_text()))

    def test_checkpoints(self):
        node = Node(plugins=("ledger", "receipts"), settings={"chain": {"epoch_length": 10}})
        self.addCleanup(node.close)
        node.start()
        length = node.rpc("block.genesis")["consensus"]["epoch_length"]
        self.assertEqual(node.cli_json("checkpoint", "list"), [])
        with self.assertRaises(RpcError) as refused:
            node.rpc("chain.checkpoint", {})
        self.assertIn("no epoch has ended", str(refused.exception))
        while node.height() < 2 * length:
            node.rpc("ledger.transfer", {"to": "treasury", "amount": 1})
        listed = node.cli_json("checkpoint", "list")
        self.assertEqual([c["height"] for c in listed][-2:], [2 * length - 1, length - 1])
        wait_for("the index", lambda: node.cli("checkpoint", "show", str(length - 1), check=False).returncode == 0)
        shown = node.cli_json("checkpoint", "show", str(length - 1))
        self.assertEqual(shown["hash"], node.rpc("block.get", {"height": length - 1})["hash"])
        # The header behind the epoch holds the root over all blocks up to there.
        self.assertEqual(shown["mmr_root"], node.rpc("block.get", {"height": length})["mmr_root"])
        out = self.work / "checkpoint.json"
        node.cli("checkpoint", "export", str(length - 1), "--out", str(out))
        self.assertEqual(json.loads(out.read_text()), shown)
        again = node.cli("checkpoint", "export", str(length - 1), "--out", str(out), check=False)
        self.assertIn("--force", again.stdout + again.stderr)
        wrong = node.cli("checkpoint", "show", str(length), check=False)
        self.assertIn("the last block of an epoch", wrong.stdout + wrong.stderr)
        # Each epoch leaves one in the data directory, and whoever has no command line reads them by HTTP.
        kept = node.data / "checkpoints" / f"{length - 1}.json"
        self.assertEqual(json.loads(kept.read_text()), shown)
        status, listed = node.get("status", "/v1/checkpoints")
        self.assertEqual((status, [c["height"] for c in json.loads(listed)][-2:]), (200, [2 * length - 1, length - 1]))
        wait_for("the newest", lambda: node.get("status", "/v1/checkpoints/latest")[0] == 200)
        newest = json.loads(node.get("status", "/v1/checkpoints/latest")[1])
        self.assertEqual(newest, node.cli_json("checkpoint", "show", str(newest["height"])))
        self.assertEqual(node.get("status", "/v1/checkpoints/7")[0], 404)

    def test_a_checkpoint_that_cannot_be_written_is_counted(self):
        node = Node(plugins=("ledger",), settings={"chain": {"epoch_length": 10}})
        self.addCleanup(node.close)
        node.data.mkdir(parents=True, exist_ok=True)
        (node.data / "checkpoints").write_text("a file in the folder's place")
        node.start()

        self.assertEqual(node.metric("checkpoint_fail_total"), 0)
        wait_for("the count", lambda: node.rpc("ledger.transfer", {"to": "treasury", "amount": 1}) and node.metric("checkpoint_fail_total") >= 2)
        search = ("logs", "search", "--level", "error")
        said = wait_for("the line in the index", lambda: (lambda out: out if "checkpoint not written" in out else None)(node.cli(*search).stdout))
        self.assertIn(str(node.data / "checkpoints"), said)
        # What is not in a file can still be made.
        self.assertEqual(node.cli_json("checkpoint", "show", "9")["height"], 9)

    def test_a_checkpoint_that_could_not_be_written_is_tried_again_on_later_blocks(self):
        node = Node(plugins=("ledger",), settings={"chain": {"epoch_length": 200}})
        self.addCleanup(node.close)
        node.data.mkdir(parents=True, exist_ok=True)
        folder = node.data / "checkpoints"
        folder.write_text("a file in the folder's place")
        node.start()

        def grow(height):
            while node.height() < height:
                node.rpc("start_mining")
            node.rpc("stop_mining")

        grow(200)
        wait_for("the count", lambda: node.rpc("ledger.transfer", {"to": "treasury", "amount": 1}) and node.metric("checkpoint_fail_total") >= 2)
        folder.unlink()
        wait_for("the file", lambda: node.rpc("ledger.transfer", {"to": "treasury", "amount": 1}) and (folder / "199.json").exists())
        self.assertLess(node.height(), 399, "long before the next epoch ends")
        self.assertEqual(json.loads((folder / "199.json").read_text()), node.cli_json("checkpoint", "show", "199"))
        failed = node.metric("checkpoint_fail_total")
        for _ in range(5):
            node.rpc("ledger.transfer", {"to": "treasury", "amount": 1})
        self.assertEqual(node.metric("checkpoint_fail_total"), failed, "nothing is left to try")

    def test_checkpoints_of_many_epochs_are_bounded_and_come_back_after_a_kill(self):
        node = Node(plugins=("ledger",), settings={"chain": {"epoch_length": 10}})
        self.addCleanup(node.close)
        node.start()

        def grow(height):
            while node.height() < height:
                node.rpc("start_mining")
            node.rpc("stop_mining")

        def heights():
            return sorted(int(p.stem) for p in (node.data / "checkpoints").glob("*.json"))

        grow(690)
        wait_for("the file of a late epoch", lambda: node.rpc("ledger.transfer", {"to": "treasury", "amount": 1}) and heights()[-1] > 680)
        kept = heights()
        self.assertEqual(len(kept), 64)
        self.assertEqual(kept, list(range(kept[0], kept[-1] + 1, 10)), "no epoch is left out")
        node.kill()
        (node.data / "checkpoints" / f"{kept[-1]}.json").unlink()
        node.start()
        wait_for("a newer one", lambda: node.rpc("ledger.transfer", {"to": "treasury", "amount": 1}) and heights()[-1] > kept[-1])
        self.assertLessEqual(len(heights()), 64)
        self.assertIn(kept[-1], heights(), "what a kill has kept from being written comes later")

    # ---- refused

    def test_a_broken_mirror_stops_the_start_and_is_named(self):
        self.stopped_market()
        mirror = self.work / "mirror"
        state = mirror / f"state-{self.manifest(mirror)['height']}.json"
        raw = bytearray(state.read_bytes())
        raw[len(raw) // 2] ^= 1
        state.write_bytes(raw)
        config = f"energy:\n  market_dir: {mirror}\n"
        node = self.node(config=config)
        self.start_refused(node, "plugin energy", f"{state} is damaged", "ignore_mirror")
        self.assertFalse((node.data / "chain").exists() and any((node.data / "chain").iterdir()), "no chain was begun over it")
        state.unlink()
        self.start_refused(node, f"{state} is missing")
        (mirror / "manifest.json").write_text("{}")
        self.start_refused(node, "manifest.json is not the manifest of a mirror")
        # The operator may say that the market is to begin empty.
        node.plugins = ["ledger", "receipts", "{id: energy, ignore_mirror: true}"]
        node.write_config()
        node.start()
        self.assertEqual(self.providers(node), [])

    def test_a_network_refuses_it(self):
        self.stopped_market()
        node = self.node().start()
        self.assertEqual(node.stop(), 0)
        genesis = json.loads((node.data / "genesis.json").read_text())
        genesis["validators"].append({"name": "second", "power": 1, "public_key": "ed25519:" + "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c"})
        for name in ("chain", "state", "mmr", "index", "mempool", "stores"):
            shutil.rmtree(node.data / name, ignore_errors=True)
        (node.data / "genesis.json").write_text(json.dumps(genesis))
        shutil.copytree(self.work / "mirror", node.data / "energy_market")
        self.start_refused(node, "import needs the same data on every node", "ignore_mirror")
        node.plugins = ["ledger", "receipts", "{id: energy, ignore_mirror: true}"]
        node.write_config()
        node.start()
        self.assertEqual(self.providers(node), [])
        with self.assertRaises(RpcError) as refused:
            node.rpc("chain.import_namespace", {"namespace": "energy", "height": 1, "blake3": "00" * 32})
        self.assertEqual(refused.exception.name, "import_needs_one_validator")


if __name__ == "__main__":
    unittest.main()
