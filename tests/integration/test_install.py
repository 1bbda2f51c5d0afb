"""An installed prefix, moved, in an empty environment, from another directory: the node settles, the CLI explains itself without a node."""
import json
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest

from node import BUILD, UnixConnection, wait_for
from sdk_builds import run


class InstallTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="tb-install-"))
        run("cmake", "--install", BUILD, "--prefix", cls.dir / "first")
        cls.prefix = (cls.dir / "first").rename(cls.dir / "moved prefix")
        cls.bin = cls.prefix / "bin"
        cls.work = cls.dir / "work"
        cls.work.mkdir()

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.dir, ignore_errors=True)

    def program(self, *words):
        return subprocess.run([self.bin / words[0], *map(str, words[1:])], cwd=self.work, env={}, text=True, capture_output=True, timeout=120)

    def test_the_prefix_holds_what_the_guides_name(self):
        for name in ["bin/blockd", "bin/contract-cli", "bin/tb-cli", "bin/contract", "bin/probe", "bin/tb-new-plugin", "share/the-block/openrpc.json",
                     "share/the-block/config/node.yaml", "share/the-block/config/profiles/dev.yaml",
                     "share/the-block/config/sample-data/gb-electricity-demand-2000.csv", "share/the-block/config/sample-data/README.md",
                     "share/bash-completion/completions/contract-cli", "share/zsh/vendor-completions/_contract-cli",
                     "share/fish/vendor_completions.d/contract-cli.fish", "share/man/man1/contract-cli.1.gz", "lib/systemd/system/the-block.service"]:
            self.assertTrue((self.prefix / name).exists(), name)
        plugins = next(self.prefix.glob("lib*/**/the-block/plugins"))
        self.assertEqual(sorted(p.name for p in plugins.iterdir()), ["economics.so", "energy.so", "governance.so", "ledger.so", "mock-oracle.so", "oracle-adapter.so", "receipts.so", "treasury.so"])
        self.assertTrue(list(self.prefix.glob("lib*/**/TheBlockSDKConfig.cmake")), "the SDK belongs to it")
        self.assertEqual(self.program("tb-cli", "version").stdout, self.program("contract-cli", "version").stdout)

    def test_help_and_completion_without_a_node(self):
        nobody = ("--url", "http://127.0.0.1:1")
        shown = self.program("contract-cli", "energy", "settle", "--help", *nobody)
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertIn("--meter-hash", shown.stdout)
        verbs = json.loads(self.program("contract-cli", "help", "--all", "--format", "json", *nobody).stdout)
        self.assertIn("energy submit-reading", json.dumps(verbs))
        script = self.prefix / "share/bash-completion/completions/contract-cli"
        completed = subprocess.run(["bash", "-c", f"source '{script}'; COMP_WORDS=(contract-cli energy sett); COMP_CWORD=2; _contract_cli; echo ${{COMPREPLY[*]}}"],
                                   text=True, capture_output=True)
        self.assertEqual(completed.stdout.strip(), "settle", completed.stderr)

    def test_the_shipped_configuration_is_found_and_right(self):
        checked = self.program("contract-cli", "config", "check")
        self.assertEqual((checked.returncode, checked.stderr), (0, ""), checked.stdout)
        self.assertIn("share/the-block/config/node.yaml: ok", checked.stdout)

    def test_the_node_settles_from_another_directory(self):
        # Only the ports differ from what an operator gets: tests run side by side.
        environment = {"MOCK_ENERGY_ORACLE_ADDR": "127.0.0.1:0", "TB_MOCK_ORACLE_STEP_MS": "50", "TB_STATUS_ADDR": "127.0.0.1:0"}
        with open(self.dir / "stdout.txt", "wb") as out:
            node = subprocess.Popen([self.bin / "blockd", "run", "--rpc-addr", "127.0.0.1:0", "--metrics-addr", "127.0.0.1:0"], cwd=self.work,
                                    env=environment, stdout=out, stderr=subprocess.STDOUT)
        try:
            wait_for("the first settlement", lambda: self.settled(node) > 0, 120)
            listen = self.program("contract-cli", "config", "show", "--key", "mock_oracle.listen", "--url", f"unix:{self.work}/node-data/rpc.sock")
            shown = json.loads(listen.stdout)["mock_oracle.listen"]
            self.assertEqual((shown["value"], shown["origin"]), ("127.0.0.1:0", "MOCK_ENERGY_ORACLE_ADDR"))
        finally:
            node.send_signal(signal.SIGTERM)
            code = node.wait(timeout=120)
        self.assertEqual(code, 0, (self.dir / "stdout.txt").read_text())

    def settled(self, node):
        output = self.dir / "stdout.txt"
        self.assertIsNone(node.poll(), output.read_text())
        connection = UnixConnection(str(self.work / "node-data/rpc.sock"))
        try:
            connection.request("POST", "/", body=json.dumps({"jsonrpc": "2.0", "id": 1, "method": "energy.market_state", "params": {}}),
                               headers={"Content-Type": "application/json"})
            answer = json.loads(connection.getresponse().read())
        except OSError:
            return 0
        finally:
            connection.close()
        return answer["result"]["totals"]["kwh_settled"]


if __name__ == "__main__":
    unittest.main()
