"""The production profile loads what a release signer signed, and nothing else: at the start, at a reload, and by the words of the CLI."""
import pathlib
import shutil
import subprocess
import unittest

from node import BIN, BUILD, Node, RpcError

# The profile of the main network, on a chain of its own.
PRODUCTION = {"profile": "main", "settings": {"chain": {"genesis": "create", "genesis_params": {}}}}


class SignedPluginsTest(unittest.TestCase):
    def setUp(self):
        node = self.node = Node(plugins=["ledger"], **PRODUCTION)
        self.addCleanup(node.close)
        self.folder = node.dir / "libraries"
        self.folder.mkdir()
        self.library = self.folder / "ledger.so"
        shutil.copy(BUILD / "plugins" / "ledger.so", self.library)
        self.release = self.key("release")
        self.stranger = self.key("stranger")
        self.signers = node.dir / "signers.txt"
        self.signers.write_text(f"{self.release}  # the release key\n")
        node.plugins = [f"{{id: ledger, file: {self.library}, required: true}}"]
        node.settings["plugins"] = {"signers_file": str(self.signers)}
        node.write_config()

    def key(self, name):
        """A key pair in a folder; returns the public half."""
        self.node.cli("keygen", "--output", self.node.dir / name)
        return (self.node.dir / name / "node.pub").read_text().strip()

    def sign(self, key="release", library=None):
        return self.node.cli("plugin", "sign", library or self.library, "--key", self.node.dir / key / "node.key")

    def verify(self, library=None):
        return self.node.cli("plugin", "verify", library or self.library, "--signers", self.signers, check=False)

    def start_is_refused(self, word):
        done = subprocess.run([BIN / "blockd", "run", "--config", self.node.dir / "node.yaml", "--data-dir", self.node.data],
                              env=self.node.environment(), text=True, capture_output=True, timeout=120, cwd=self.node.dir)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("ledger.so", done.stderr)
        self.assertIn(word, done.stderr)

    def test_the_profile_enforces(self):
        self.sign()
        self.node.start()
        shown = self.node.rpc("config.show", {"key": "plugins.signatures"})["plugins.signatures"]
        self.assertEqual((shown["value"], shown["source"]), ("enforce", "profile"))
        ledger = {p["id"]: p for p in self.node.rpc("plugin.list")}["ledger"]
        self.assertEqual((ledger["state"], ledger["signature"]), ("running", "valid"))

    def test_an_unsigned_library_does_not_start(self):
        self.start_is_refused("signature")

    def test_a_library_signed_by_a_stranger_does_not_start(self):
        self.sign("stranger")
        self.assertEqual(self.verify().returncode, 1)
        self.start_is_refused("signer")

    def test_a_library_changed_after_it_was_signed_does_not_start(self):
        self.sign()
        with open(self.library, "ab") as out:
            out.write(b"\0")
        done = self.verify()
        self.assertEqual(done.returncode, 1)
        self.assertIn("another file", done.stderr)
        self.start_is_refused("another file")

    def test_a_statement_about_another_plugin_does_not_start(self):
        """The signature of one library beside another one."""
        self.sign()
        other = self.folder / "receipts.so"
        shutil.copy(BUILD / "plugins" / "receipts.so", other)
        shutil.copy(f"{self.library}.sig", f"{other}.sig")
        self.assertEqual(self.verify(other).returncode, 1)

    def test_a_folder_that_is_named_goes_before_the_libraries_beside_the_program(self):
        node = self.node
        node.plugins = ["ledger"]
        node.settings["plugins"]["dir"] = [str(self.folder)]
        node.write_config()
        self.sign()
        node.start()
        ledger = {p["id"]: p for p in node.rpc("plugin.list")}["ledger"]
        self.assertEqual((ledger["file"], ledger["signature"]), (str(self.library), "valid"))

    def test_a_reload_needs_a_signature_as_the_start_does(self):
        self.sign()
        self.node.start()
        fresh = pathlib.Path(self.node.dir) / "ledger.so"
        shutil.copy(BUILD / "plugins" / "ledger.so", fresh)
        with self.assertRaises(RpcError) as refused:
            self.node.rpc("plugin.reload", {"name": "ledger", "path": str(fresh)}, timeout=120)
        self.assertEqual(refused.exception.code, -34008)
        self.assertIn("sign", str(refused.exception))
        self.sign(library=fresh)
        self.node.rpc("plugin.reload", {"name": "ledger", "path": str(fresh)}, timeout=120)
        self.assertEqual({p["id"]: p["state"] for p in self.node.rpc("plugin.list")}["ledger"], "running")

    def test_signers_are_changed_while_it_runs(self):
        self.sign()
        self.node.start()
        self.signers.write_text(f"{self.stranger}\n")
        self.node.rpc("config.reload")
        with self.assertRaises(RpcError) as refused:
            self.node.rpc("plugin.reload", {"name": "ledger", "path": str(self.library)}, timeout=120)
        self.assertEqual(refused.exception.code, -34008)
        self.sign("stranger")
        self.node.rpc("plugin.reload", {"name": "ledger", "path": str(self.library)}, timeout=120)

    def test_what_runs_is_told_by_its_hashes(self):
        self.sign()
        self.node.start()
        found = self.node.cli_json("version", "provenance")
        hashes = subprocess.run(["b3sum", "--no-names", BIN / "blockd", self.library], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
        self.assertEqual([found["node"]["blake3"], found["plugins"][0]["blake3"]], hashes)
        self.assertEqual((found["plugins"][0]["id"], found["plugins"][0]["signature"]), ("ledger", "valid"))


class DevelopmentTest(unittest.TestCase):
    """Nobody signs on a development machine: that is said once, and is no warning until somebody is known who signs."""

    def lines(self, node):
        return [line for line in (node.dir / "node.log").read_text().splitlines() if "signature of a release signer" in line]

    def test_libraries_that_nobody_could_sign_are_one_line_and_no_warning(self):
        node = Node(plugins=["ledger", "receipts"])
        self.addCleanup(node.close)
        node.settings["plugins"] = {"signers_file": f"{node.dir}/none.txt"}
        node.write_config()
        node.start()
        lines = self.lines(node)
        self.assertEqual(len(lines), 1, lines)
        self.assertIn(" INFO ", lines[0])
        self.assertRegex(lines[0], "plugins=.*ledger.*receipts")

    def test_where_a_signer_is_known_they_are_one_warning(self):
        node = Node(plugins=["ledger", "receipts"])
        self.addCleanup(node.close)
        (node.dir / "signers.txt").write_text("e94c77d3f52004783c9793450c606a55586ed4959f96b7e5013cfc315adf69d9\n")
        node.settings["plugins"] = {"signers_file": f"{node.dir}/signers.txt"}
        node.write_config()
        node.start()
        lines = self.lines(node)
        self.assertEqual(len(lines), 1, lines)
        self.assertIn(" WARN ", lines[0])


if __name__ == "__main__":
    unittest.main()
