"""contract-cli and probe against a real node, verb by verb, as the operations guides type them."""
import json
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import unittest

from node import BIN, BUILD, Node, wait_for


class CliTest(unittest.TestCase):
    """One node for all verbs that only look, or that do not disturb each other."""

    @classmethod
    def setUpClass(cls):
        cls.node = Node()
        cls.node.start()

    @classmethod
    def tearDownClass(cls):
        cls.node.close()

    def test_status_consensus_and_accounts(self):
        status = self.node.cli_json("node", "status")
        self.assertEqual({p["name"] for p in status["plugins"]}, {"ledger", "receipts", "energy"})
        consensus = self.node.cli_json("node", "consensus", "--status")
        self.assertGreaterEqual(consensus["height"], consensus["finalized_height"])
        account = self.node.cli_json("node", "ledger", "inspect", "--account", status["operator"])
        self.assertIn(str(self.node.rpc("balance", {"address": status["operator"]})["amount"]), json.dumps(account))

    def test_metrics_are_exposition_text(self):
        text = self.node.cli("metrics").stdout
        self.assertRegex(text, r"(?m)^# TYPE block_height gauge$")
        self.assertRegex(text, r"(?m)^block_height \d+$")

    def test_plugins(self):
        self.assertEqual({p["id"] for p in self.node.cli_json("plugin", "list")}, {"ledger", "receipts", "energy"})
        self.assertIn("energy.settle", self.node.cli_json("plugin", "info", "energy")["methods"])
        for library in sorted((BUILD / "plugins").glob("*.so")):
            self.assertEqual(self.node.cli_json("plugin", "check", library)["id"], library.stem)
        checked = self.node.cli_json("plugin", "check", BUILD / "plugins/energy.so")
        self.assertEqual((checked["id"], checked["sm"]), ("energy", self.node.cli_json("plugin", "info", "energy")["sm"]))
        refused = self.node.cli("plugin", "check", self.node.dir / "node.yaml", check=False)
        self.assertEqual(refused.returncode, 1)

    def test_configuration_of_the_running_node(self):
        shown = self.node.cli_json("config", "show", "--key", "listeners.rpc")
        self.assertEqual(shown["listeners.rpc"]["source"], "file")
        self.assertEqual(self.node.cli_json("config", "history")["generations"][0]["source"], "start")
        self.assertEqual(self.node.cli_json("config", "diff")["differences"], [])
        self.assertEqual(self.node.cli("config", "check", self.node.dir / "node.yaml").stderr, "")

    def test_completion_scripts_know_the_verbs_of_plugins(self):
        for shell in ("bash", "zsh", "fish"):
            script = self.node.cli("completions", "--shell", shell).stdout
            self.assertIn("submit-reading", script, shell)
        self.assertEqual(subprocess.run(["bash", "-n"], input=self.node.cli("completions", "--shell", "bash").stdout, text=True).returncode, 0)

    def test_help_of_everything(self):
        text = json.dumps(json.loads(self.node.cli("help", "--all", "--format", "json").stdout))
        for verb in ("node status", "energy settle", "wallet send", "storage repair"):
            self.assertIn(verb, text)
        wrong = self.node.cli("energy", "setle", check=False)
        self.assertEqual(wrong.returncode, 2)
        self.assertIn("energy settle", wrong.stderr)

    def test_wallet_pays_a_second_account(self):
        password = self.node.dir / "password"
        password.write_text("correct horse battery staple\n")
        password.chmod(0o600)
        address = {}
        for name in ("payer", "payee"):
            self.node.cli("wallet", "new", name, "--password-file", password)
            address[name] = self.node.cli_json("wallet", "show", name)["address"]
        self.assertNotEqual(address["payer"], address["payee"])
        self.node.rpc("ledger.transfer", {"to": address["payer"], "amount": 100_000})
        sent = self.node.cli_json("wallet", "send", "--from", "payer", "--to", address["payee"], "--amount", "250", "--auto-bump", "--password-file", password)
        self.assertEqual(int(self.node.rpc("balance", {"address": address["payee"]})["amount"]), 250)
        self.assertEqual(self.node.cli_json("tx", "status", sent["command_id"])["state"], "final")

    def test_probe(self):
        url = f"http://127.0.0.1:{self.node.ports()['rpc']}"
        for verb in ("ping-rpc", "tip", "mine-one"):
            result = subprocess.run([BIN / "probe", "--prom", verb, url], text=True, capture_output=True, timeout=60)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertRegex(result.stdout, r"(?m)^probe_success 1$")
            self.assertRegex(result.stdout, r"(?m)^probe_duration_seconds [0-9.]+$")
        nobody = subprocess.run([BIN / "probe", "--prom", "tip", "http://127.0.0.1:1"], text=True, capture_output=True, timeout=60)
        self.assertNotEqual(nobody.returncode, 0)
        self.assertRegex(nobody.stdout, r"(?m)^probe_success 0$")


class CheckTest(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="tb-cli-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def check(self, text):
        (self.dir / "node.yaml").write_text(text)
        return subprocess.run([BIN / "contract-cli", "config", "check", "node.yaml"], cwd=self.dir, env={}, text=True, capture_output=True)

    def test_keys_of_plugins_are_checked_without_a_node(self):
        load = "plugins:\n  load: [ledger, receipts, energy]\nenergy:\n"
        right = self.check(load + "  stall_warn_secs: 600\n")
        self.assertEqual((right.returncode, right.stderr), (0, ""))
        wrong = self.check(load + "  stall_warn_sec: 600\n")
        self.assertEqual(wrong.returncode, 2)
        self.assertIn("node.yaml:4", wrong.stderr)
        self.assertIn("stall_warn_secs", wrong.stderr)

    def test_members_of_records_are_checked_without_a_node(self):
        load = "plugins:\n  load: [ledger, receipts, energy]\nenergy:\n  provider_keys:\n    - {provider_id: energy-0x00000001, %s: " + "ab" * 32 + "}\n"
        right = self.check(load % "public_key_hex")
        self.assertEqual((right.returncode, right.stderr), (0, ""))
        wrong = self.check(load % "public_key")
        self.assertEqual(wrong.returncode, 2)
        self.assertIn("energy.provider_keys", wrong.stderr)
        self.assertIn("public_key_hex", wrong.stderr)

    def start(self):
        """The end of a node with the file that was checked, which does not come up."""
        return subprocess.run([BIN / "blockd", "run", "--config", "node.yaml"], cwd=self.dir, env={}, text=True, capture_output=True)

    def test_a_misspelt_plugin_is_refused_as_at_the_start_of_a_new_chain(self):
        wrong = self.check("plugins:\n  load: [ledger, receipts, enrgy]\n")
        self.assertEqual(wrong.returncode, 2, wrong.stderr)
        self.assertIn("error[config_invalid]: node.yaml:2: plugins.load: entry 3: no library of a plugin 'enrgy'", wrong.stderr)
        self.assertIn("did you mean energy?", wrong.stderr)
        self.assertIn("holds no chain yet", wrong.stderr)
        said = json.loads(subprocess.run([BIN / "contract-cli", "config", "check", "node.yaml", "--format", "json"], cwd=self.dir, env={}, text=True,
                                         capture_output=True).stdout)
        self.assertEqual((said["ok"], len(said["errors"])), (False, 1), said)
        node = self.start()
        self.assertNotEqual(node.returncode, 0)
        self.assertIn("did you mean energy?", node.stderr)

    def test_a_library_of_another_plugin_is_refused_as_at_the_start(self):
        wrong = self.check("plugins:\n  load:\n    - ledger\n    - {id: treasure, file: receipts.so}\n")
        self.assertEqual(wrong.returncode, 2, wrong.stderr)
        self.assertIn("node.yaml:3: plugins.load: entry 2: ", wrong.stderr)
        self.assertIn("it is plugin 'receipts', the configuration names it 'treasure'", wrong.stderr)
        node = self.start()
        self.assertNotEqual(node.returncode, 0)
        self.assertIn("it is plugin 'receipts', the configuration names it 'treasure'", node.stderr)

    def test_a_library_in_a_folder_of_the_operator_is_found(self):
        (self.dir / "own").mkdir()
        shutil.copy(BUILD / "plugins/mock-oracle.so", self.dir / "own/meters.so")
        text = "plugins:\n  dir: [%s]\n  load:\n    - ledger\n    - receipts\n    - energy\n    - {id: mock-oracle, file: meters.so}\n"
        right = self.check(text % "own")
        self.assertEqual((right.returncode, right.stderr), (0, ""))
        wrong = self.check(text % "other")
        self.assertEqual(wrong.returncode, 2)
        self.assertRegex(wrong.stderr, "plugins.load: entry 4: no library of a plugin 'mock-oracle': there is no .*/meters.so; give the path of its file")

    def test_a_chain_that_is_there_starts_without_what_nobody_requires(self):
        with Node() as node:
            node.stop()
            check = ("config", "check", node.dir / "node.yaml", "--data-dir", node.data)
            node.plugins = ["ledger", "receipts", "energy", "enrgy"]
            node.write_config()
            warned = node.cli(*check, check=False)
            self.assertEqual(warned.returncode, 0, warned.stderr)
            self.assertIn("plugins.load: entry 4: no library of a plugin 'enrgy'", warned.stderr)
            self.assertIn("the node starts without it", warned.stderr)
            node.start()
            node.stop()
            node.plugins[-1] = "{id: enrgy, required: true}"
            node.write_config()
            refused = node.cli(*check, check=False)
            self.assertEqual(refused.returncode, 2, refused.stderr)
            self.assertIn("did you mean energy?; the entry is `required`", refused.stderr)
            node.start(wait=False)
            self.assertNotEqual(node.process.wait(timeout=120), 0)
            node.out.close()
            self.assertIn("did you mean energy?", node.output())


class LifeTest(unittest.TestCase):
    def test_start_stop_restart_and_repair(self):
        node = Node()
        # `node start` waits on the address that it was told, so the port has to be known beforehand.
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = "127.0.0.1:%d" % free.getsockname()[1]
        flags = ("--config", node.dir / "node.yaml", "--data-dir", node.data, "--rpc-addr", address)
        try:
            started = node.cli("node", "start", *flags)
            pid = int(re.fullmatch(rf"started pid=(\d+) rpc={re.escape(address)} metrics=.*\n", started.stdout).group(1))
            self.assertEqual(node.data.stat().st_mode & 0o007, 0, "others have no business in the data directory")
            self.assertIn("--dry-run", node.cli("storage", "repair", "--help").stdout)
            self.assertEqual(node.cli("storage", "repair", check=False).returncode, 2)
            busy = node.cli("storage", "repair", "--data", node.data, "--dry-run", check=False)
            self.assertEqual(busy.returncode, 1)
            self.assertIn(str(pid), busy.stderr)
            self.assertEqual(node.cli("node", "start", *flags, check=False).returncode, 1)
            wait_for("a block", lambda: node.cli_json("node", "status")["current_block_height"] > 0)
            node.cli("node", "restart", *flags)
            self.assertNotEqual(int((node.data / "node.pid").read_text()), pid)
            node.cli("node", "stop", "--data-dir", node.data)
            self.assertFalse((node.data / "node.pid").exists())
            self.assertEqual(node.cli("node", "stop", "--data-dir", node.data, check=False).returncode, 1)
            self.repair(node)
            node.cli("node", "start", *flags)
            self.assertTrue(node.rpc("maintenance.verify", {}, timeout=120)["ok"])
        finally:
            node.cli("node", "stop", "--data-dir", node.data, check=False)
            node.close()

    def repair(self, node):
        whole = node.cli_json("storage", "repair", "--data", node.data, "--dry-run")
        self.assertTrue(whole["ok"], whole)
        self.assertGreater(whole["head"], 0)
        current = node.data / "state" / "CURRENT"
        current.unlink()
        damaged = node.cli("storage", "repair", "--data", node.data, "--dry-run", check=False)
        self.assertEqual(damaged.returncode, 1)
        self.assertFalse(current.exists(), "a dry run changes nothing")
        repaired = node.cli_json("storage", "repair", "--data", node.data)
        self.assertTrue(repaired["ok"])
        self.assertEqual(len(repaired["done"]), 1)
        self.assertFalse((node.data / "state").exists())


if __name__ == "__main__":
    unittest.main()
