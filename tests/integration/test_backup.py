"""backup.sh and restore.sh on real nodes, and the page that tells how to use them, line by line."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from doc_runner import DocRunner
from node import BIN, ROOT, Node, wait_for


class Backup(unittest.TestCase):
    def setUp(self):
        self.node = Node().start()
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="tb-backup-"))
        for _ in range(20):
            self.node.rpc("ledger.transfer", {"to": "treasury", "amount": 3})

    def tearDown(self):
        self.node.close()
        shutil.rmtree(self.work, ignore_errors=True)

    def environment(self):
        env = self.node.environment()
        env["PATH"] = f"{BIN}:{ROOT / 'scripts'}:{env['PATH']}"
        env["DATA"] = str(self.node.data)
        return env

    def run_script(self, name, *words):
        return subprocess.run([ROOT / "scripts" / name, *map(str, words)], env=self.environment(), cwd=self.work, text=True,
                              capture_output=True, timeout=120)

    def test_another_machine_goes_on_with_the_same_state_root(self):
        made = self.run_script("backup.sh", "--data-dir", self.node.data, "--out", self.work / "b")
        self.assertEqual(made.returncode, 0, made.stderr)
        snapshot = json.loads((self.work / "b" / "snapshot.json").read_text())
        self.assertTrue((self.work / "b" / "places" / "energy_market" / "manifest.json").exists())
        again = self.run_script("backup.sh", "--data-dir", self.node.data, "--out", self.work / "b")
        self.assertEqual(again.returncode, 1)
        self.assertIn("there already", again.stderr)
        self.node.stop()

        other = Node()
        try:
            restored = self.run_script("restore.sh", "--from", self.work / "b", "--data-dir", other.data)
            self.assertEqual(restored.returncode, 0, restored.stderr)
            self.assertTrue((other.data / "energy_market" / "manifest.json").exists())
            other.start()

            def macro():
                for height in range(snapshot["height"] + 1, other.height() + 1):
                    block = other.rpc("block.get", {"height": height})
                    if block.get("state_height") == snapshot["height"]:
                        return block
            self.assertEqual(wait_for("the macro block", macro)["state_root"], snapshot["state_root"])
            before = other.height()
            other.rpc("ledger.transfer", {"to": "treasury", "amount": 1})
            self.assertGreater(other.height(), before)
        finally:
            other.close()

    def test_the_verbs_are_the_scripts(self):
        def backup(*words):
            return subprocess.run([BIN / "contract-cli", "backup", *map(str, words)], env=self.environment(), cwd=self.work, text=True,
                                  capture_output=True, timeout=120)
        made = backup("create", "--path", "b", "--data-dir", self.node.data)
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertIn("is whole", made.stdout)
        restored = backup("restore", "--path", "b", "--data-dir", self.work / "new")
        self.assertEqual(restored.returncode, 0, restored.stderr)
        self.assertTrue((self.work / "new" / "genesis.json").exists())
        again = backup("restore", "--path", "b", "--data-dir", self.work / "new")
        self.assertEqual(again.returncode, 1)
        self.assertIn("--force", again.stderr)

    def test_a_damaged_backup_is_refused_and_nothing_changes(self):
        self.assertEqual(self.run_script("backup.sh", "--data-dir", self.node.data, "--out", self.work / "b").returncode, 0)
        file = next((self.work / "b" / "snapshot").glob("snapshot-*.tbs"))
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
        refused = self.run_script("restore.sh", "--from", self.work / "b", "--data-dir", self.work / "new")
        self.assertEqual(refused.returncode, 1)
        self.assertIn(file.name, refused.stderr + refused.stdout)
        self.assertFalse((self.work / "new").exists())

    def test_the_runbook_does_what_it_says(self):
        page = ROOT / "docs" / "runbooks" / "backup-restore.md"
        self.assertGreaterEqual(DocRunner(self.work, self.environment()).check(page), 6)
        self.node.stop()  # the page has stopped it


if __name__ == "__main__":
    unittest.main()
