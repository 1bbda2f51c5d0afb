"""Plugins in processes of their own on a real node: the same blocks, the same answers, and trouble that costs only who makes it."""
import json
import os
import pathlib
import signal
import unittest

from node import BUILD, SANITIZED, STANDING, Meter, Node, RpcError, wait_for
from test_energy_oracle import PROVIDER, PUBLIC, SEED
from test_signed_plugins import PRODUCTION

MARKET = ["ledger", "receipts", "energy"]
WILD = BUILD / "kernel" / "host" / "tests" / "plugins" / "wild.so"


def isolated(plugins):
    return [f"{{id: {p}, isolation: process}}" for p in plugins]


def process_of(node, plugin):
    row = {p["id"]: p for p in node.rpc("plugin.list")}[plugin]
    return row.get("process", {})


def started_again(node, plugin, old):
    return wait_for("a new process", lambda: process_of(node, plugin)["pid"] not in (0, old) and process_of(node, plugin)["pid"])


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def restart(node, plugins):
    node.stop()
    (node.dir / "stdout.txt").write_text("")
    node.plugins = plugins
    node.write_config()
    node.start()


class MarketTest(unittest.TestCase):
    def trade(self, node, times):
        for _ in range(times):
            credit = node.rpc("energy.submit_reading", self.meter.sign(100))["meter_hash"]
            node.rpc("energy.settle", {"provider_id": PROVIDER, "kwh_consumed": 40, "meter_hash": credit, "buyer": self.payer})
        with self.assertRaises(RpcError) as refused:
            node.rpc("energy.settle", {"provider_id": PROVIDER, "kwh_consumed": 1000, "meter_hash": "ab" * 32, "buyer": self.payer})
        return refused.exception.name

    def verify(self, node):
        report = node.rpc("maintenance.verify", {}, timeout=300)
        self.assertTrue(report["ok"], report)
        self.assertGreater(report["commands"], 5)

    def test_every_block_is_the_same_in_both_modes(self):
        with Node(plugins=MARKET, settings={"chain": STANDING}) as node:
            self.payer = node.rpc("node.status")["operator"]
            node.rpc("energy.register_provider", {"capacity_kwh": 1000000, "price_per_kwh": 10, "stake": 1000, "meter_address": "m0",
                                                  "jurisdiction": "US_CA", "owner": self.payer})
            node.rpc("energy.set_provider_keys", {"keys": [{"provider_id": PROVIDER, "public_key_hex": PUBLIC}]})
            self.meter = Meter(node, PROVIDER, "m0", SEED)
            inside = self.trade(node, 5)
            self.assertEqual(process_of(node, "energy"), {})
            def state():
                return node.rpc("energy.market_state", {"provider_id": PROVIDER})

            wait_for("the slash in the face's list, which follows the block", lambda: state()["slashes"])
            before = state()
            restart(node, isolated(MARKET))
            self.assertEqual(node.rpc("energy.market_state", {"provider_id": PROVIDER}), before)
            self.verify(node)
            self.assertEqual(self.trade(node, 5), inside)
            pids = {p: process_of(node, p)["pid"] for p in MARKET}
            self.assertEqual(len(set(pids.values()) | {node.process.pid}), 4)
            restart(node, MARKET)
            self.verify(node)
            for pid in pids.values():
                self.assertFalse(alive(pid))


class ProcessTest(unittest.TestCase):
    def test_the_process_has_nothing_it_does_not_need(self):
        with Node(plugins=isolated(["ledger"])) as node:
            pid = process_of(node, "ledger")["pid"]
            status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
            self.assertEqual(status["Seccomp"].strip(), "2")
            self.assertEqual(status["NoNewPrivs"].strip(), "1")
            self.assertEqual(int(status["PPid"]), node.process.pid)
            files = {os.readlink(f) for f in pathlib.Path(f"/proc/{pid}/fd").iterdir()}
            self.assertEqual(files, {"/dev/null"})
            self.assertNotIn("TB_", pathlib.Path(f"/proc/{pid}/environ").read_text())
            limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
            # Where a sanitizer watches, the process counts what it allocates instead; "eat" below holds every build to its limit.
            self.assertEqual("Max data size             unlimited" in limits, SANITIZED)

    def test_it_ends_with_the_node(self):
        node = Node(plugins=isolated(["ledger"])).start()
        self.addCleanup(node.close)
        pid = process_of(node, "ledger")["pid"]
        node.kill()
        wait_for("the end of the plugin's process", lambda: not alive(pid))

    def test_a_process_killed_from_outside_is_started_again(self):
        with Node(plugins=isolated(["ledger"])) as node:
            old = process_of(node, "ledger")["pid"]
            os.kill(old, signal.SIGKILL)
            started_again(node, "ledger", old)
            self.assertEqual(node.metric('plugin_child_crashes_total{plugin="ledger",reason="killed"}'), 1)
            self.assertEqual(node.metric('plugin_child_restarts_total{plugin="ledger"}'), 1)

    def test_the_mode_follows_the_configuration_without_a_restart(self):
        with Node(plugins=["ledger"]) as node:
            self.assertEqual(process_of(node, "ledger"), {})
            for plugins, has in ((isolated(["ledger"]), True), (["ledger"], False)):
                node.plugins = plugins
                node.write_config()
                node.rpc("config.reload")
                wait_for("the other mode", lambda: bool(process_of(node, "ledger")) == has)

    def test_limits_are_of_one_plugin_and_change_without_a_restart(self):
        with Node(plugins=["{id: ledger, isolation: process, memory_mb: 48, step_ms: 4000, cpu_percent: 200}", "{id: receipts, isolation: process}"]) as node:
            def limits(plugin):
                return tuple(process_of(node, plugin)[key] for key in ("memory_mb", "step_ms", "cpu_percent"))

            self.assertEqual(limits("ledger"), (48, 4000, 200))
            self.assertEqual(limits("receipts"), (512, 5000, 0))
            old = process_of(node, "receipts")["pid"]
            node.plugins[0] = "{id: ledger, isolation: process, memory_mb: 96}"
            node.write_config()
            node.rpc("config.reload")
            wait_for("the new limits", lambda: limits("ledger") == (96, 5000, 0))
            self.assertEqual(process_of(node, "receipts")["pid"], old)
            node.plugins[0] = "{id: ledger, isolation: process, memory_mb: 4}"
            path = node.write_config()
            line = 2 + next(i for i, text in enumerate(path.read_text().splitlines()) if text.strip() == "load:")
            with self.assertRaises(RpcError) as refused:
                node.rpc("config.reload")
            self.assertIn(f"node.yaml:{line}: plugins.load: entry 1: memory_mb: expected a whole number from 16 to 65536",
                          json.dumps(refused.exception.error))
            self.assertEqual(limits("ledger"), (96, 5000, 0))

    def test_what_plugins_write_is_the_same_in_both_modes(self):
        """Governance's files and the snapshots of economics: by processes that open no file, then by the node, which finds nothing to correct."""
        plugins = ["ledger", "governance", "receipts", "treasury", "economics"]
        node = Node(plugins=isolated(plugins), settings={"chain": {"epoch_length": 10, "empty_block_interval_ms": 20}})
        with node:
            node.rpc("ledger.transfer", {"to": "treasury", "amount": 100})
            snapshots, governance = node.data / "economics" / "snapshots", node.data / "governance"
            wait_for("two snapshots", lambda: len(list(snapshots.glob("*.json"))) >= 2)
            self.assertTrue(node.rpc("gov.provenance_export", {"out": "kept.json"})["ok"])
            self.assertTrue((governance / "kept.json").exists())
            self.assertTrue(node.rpc("economics.replay", {"verify": True}, timeout=60)["ok"])
            kept = {p.name: p.read_bytes() for p in snapshots.glob("*.json")}
            self.assertEqual([p for p in node.data.rglob("*.tmp") if "governance" in str(p) or "economics" in str(p)], [])
            for words in ("could not be written", "is not a file that the plugin may keep", "opened a file"):
                self.assertNotIn(words, node.output())
            node.stop()
            node.plugins = plugins
            node.write_config()
            node.start()
            self.assertTrue(node.rpc("economics.replay", {"verify": True, "write": True}, timeout=60)["ok"])
            for name, text in kept.items():
                self.assertEqual((snapshots / name).read_bytes(), text)
            self.assertTrue(node.rpc("gov.provenance_verify", {})["ok"])

    def test_an_unsigned_library_starts_under_enforce_only_so(self):
        node = Node(plugins=isolated(["ledger"]), **PRODUCTION)
        self.addCleanup(node.close)
        node.start()
        row = {p["id"]: p for p in node.rpc("plugin.list")}["ledger"]
        self.assertEqual((row["state"], row["signature"], row["isolation"]), ("running", "missing", "process"))


class WildTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Node(plugins=[f"{{id: wild, file: {WILD}, isolation: process}}", "ledger"],
                        settings={"plugins": {"child_memory_mb": 64, "child_step_ms": 1000}}).start()

    @classmethod
    def tearDownClass(cls):
        cls.node.close()

    def good(self, n):
        """The next command that is served; the process may be starting."""
        def once():
            try:
                return self.node.rpc("wild.mix", {"n": n})
            except RpcError as error:
                if error.name != "plugin_crashed":   # a `timeout` would be a block that waits for the process: that must not be
                    raise
                return None
        return wait_for("a command that is served", once)

    def test_each_kind_of_trouble_costs_one_command(self):
        kinds = {"crash": "crash", "stack": "crash", "write": "crash", "abort": "crash", "hang": "hang", "eat": "memory", "socket": "forbidden_call",
                 "fork": "forbidden_call", "exec": "forbidden_call", "kill": "forbidden_call", "exit": "exit"}
        self.good(7)
        for how, reason in kinds.items():
            with self.subTest(how):
                name = f'plugin_child_crashes_total{{plugin="wild",reason="{reason}"}}'
                before = self.node.metric(name, 0)
                with self.assertRaises(RpcError) as error:
                    self.node.rpc("wild.boom", {"how": how})
                self.assertEqual((error.exception.code, error.exception.name), (-34014, "plugin_crashed"))
                self.assertIn("plugin wild failed in its process", str(error.exception))
                self.assertEqual(self.node.metric(name), before + 1)
                self.good(7)
        self.assertEqual(self.node.get("status", "/readyz")[0], 200)
        self.assertGreater(process_of(self.node, "wild")["restarts"], 10)


if __name__ == "__main__":
    unittest.main()
