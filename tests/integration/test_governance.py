"""Governance on a real node: a vote from the command line to the activation, the rollback, and the files that auditors read."""
import json
import re
import shutil
import subprocess
import unittest

from node import BIN, STANDING, Node, RpcError, wait_for

SIGNERS = ["c0" * 32, "0a" * 32]


def dev_node(**options):
    return Node(plugins=("ledger", "governance"), settings={"chain": {"epoch_length": 10, **STANDING}}, **options)


class Releases(unittest.TestCase):
    """What runs here is what was approved, where the operator asks for that."""

    def setUp(self):
        self.node = dev_node()

    def tearDown(self):
        self.node.close()

    def configure(self, node=False, plugins=False):
        """Of what an approved release is asked."""
        self.node.settings["plugins"] = {"require_approved_release": plugins}
        return self.node.write_config("release:\n  enforce: true\n" if node else "")

    def refused_start(self):
        said = self.node.dir / "stdout.txt"
        before = len(said.read_text()) if said.exists() else 0
        self.node.start(wait=False)
        code = self.node.process.wait(timeout=120)
        self.node.out.close()
        return code, said.read_text()[before:]

    def head(self):
        """Height of the stopped node, read without the rule that it may not start."""
        config = self.configure().rename(self.node.dir / "plain.yaml")
        self.configure(node=True)
        done = subprocess.run([BIN / "blockd", "call", "block.latest", "--data-dir", self.node.data, "--config", config],
                              env=self.node.environment(), text=True, capture_output=True, timeout=120, check=True)
        return json.loads(done.stdout)["height"]

    def approve(self, build_hash, target):
        number = self.node.rpc("gov.propose_release", {"build_hash": build_hash, "target": target, "deadline": 1})["id"]
        self.node.rpc("gov.approve_release", {"id": number})
        self.node.go_on_until("the approval", lambda: self.node.rpc("gov.release", {"id": number})["status"] == "approved")
        return number

    def test_a_node_that_is_no_approved_release_does_not_start(self):
        self.configure(node=True)
        code, said = self.refused_start()
        self.assertEqual(code, 3, said)
        build = re.search(r"release.enforce: node build ([0-9a-f]{64}) is not approved: ", said).group(1)
        self.configure()
        self.node.start()
        number = self.approve(build, "node")
        self.node.stop()
        self.configure(node=True)
        self.node.start()
        self.node.rpc("gov.rollback_release", {"id": number})
        wait_for("the metric", lambda: self.node.metric("release_rolled_back_running") == 1)
        self.assertIn("this node runs the build " + build, self.node.output())
        self.node.stop()
        head = self.head()
        for _ in range(3):
            code, said = self.refused_start()
            self.assertEqual(code, 3, said)
            self.assertIn("its release is rolled_back", said)
        self.assertEqual(self.head(), head, "a build that is not approved makes no block")

    def test_a_library_that_is_no_approved_release_is_not_loaded(self):
        self.node.start()
        loaded = {row["id"]: row for row in self.node.rpc("plugin.list")}
        self.approve(loaded["governance"]["blake3"], "governance")
        self.configure(plugins=True)
        wait_for("the new configuration", lambda: self.node.cli("config", "reload", check=False).returncode == 0)
        self.node.cli("plugin", "reload", "governance")
        refused = self.node.cli("plugin", "reload", "ledger", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("ledger build " + loaded["ledger"]["blake3"] + " is not approved", refused.stderr)
        self.node.stop()
        code, said = self.refused_start()
        self.assertEqual(code, 1, said)
        self.assertIn("ledger build " + loaded["ledger"]["blake3"] + " is not approved", said)
        self.configure()
        self.node.start()
        self.approve(loaded["ledger"]["blake3"], "ledger")
        self.node.stop()
        self.configure(plugins=True)
        self.node.start()


LIMIT = """hook = {{ name="{name}", version="1.0.0", on={{"on_param_change"}}, keys={{"treasury_percent"}} }}
function on_param_change(change) return fx.clamp(change.new, 0, 10) end
"""


class DamagedScripts(unittest.TestCase):
    """A text in state that is not the one that was voted on: never in force, never run, named; and the node goes on."""

    def setUp(self):
        self.node = dev_node().start()

    def tearDown(self):
        self.node.close()

    def propose(self, name):
        path = self.node.dir / f"{name}.lua"
        path.write_text(LIMIT.format(name=name))
        opened = json.loads(self.node.cli("gov", "script", "propose", path, "--vote-window", "1", "--json").stdout)
        checked = json.loads(self.node.cli("gov", "script", "check", path, "--json").stdout)
        self.assertEqual(opened["script_hash"], checked["hash"])
        self.node.rpc("gov.vote", {"id": opened["id"], "choice": "yes"})
        return opened["id"]

    def status(self, number):
        return self.node.rpc("gov.proposal", {"id": number})["status"]

    def damage(self, key):
        """Replaces part of a text in one row of the stopped node's state, as a bad disk would; the length stays."""
        words = [BIN / "state_edit", self.node.data / "state", "governance", key.hex()]
        row = bytes.fromhex(subprocess.run(words, text=True, capture_output=True, check=True).stdout)
        self.assertIn(b"0, 10)", row)
        subprocess.run([*words, row.replace(b"0, 10)", b"0, 99)").hex()], capture_output=True, check=True)

    def test_another_text_is_refused_when_it_is_proposed(self):
        with self.assertRaises(RpcError) as refused:
            self.node.rpc("gov.propose_script", {"source": LIMIT.format(name="a"), "hash": "0a" * 32})
        self.assertEqual((refused.exception.code, refused.exception.name), (-32061, "script_hash_mismatch"))

    def test_a_damaged_text_does_not_come_into_force(self):
        number = self.propose("cap")
        self.node.go_on_until("the count", lambda: self.status(number) == "passed")
        self.node.stop()
        self.damage(b"payload/" + number.to_bytes(8, "big"))
        self.node.start()
        self.node.go_on_until("the activation", lambda: self.status(number) not in ("passed", "open"))
        shown = self.node.rpc("gov.proposal", {"id": number})
        self.assertEqual(shown["status"], "failed")
        self.assertIn("script_hash_mismatch: ", shown["failure"])
        self.assertEqual(self.node.rpc("gov.scripts")["scripts"], [])
        height = self.node.height()
        self.node.go_on_until("more blocks", lambda: self.node.height() > height + 2)

    def test_a_damaged_text_does_not_run_and_is_named_at_the_start(self):
        number = self.propose("cap")
        self.node.go_on_until("the activation", lambda: self.status(number) == "activated")
        wish = {"key": "treasury_percent", "new_value": 50}
        self.assertEqual(self.node.rpc("gov.propose", wish)["effective_preview"], 10)
        self.assertEqual(self.node.metric("gov_scripts_damaged"), 0)
        self.node.stop()
        self.damage(b"source/cap")
        self.node.start()
        voted = self.node.rpc("gov.script", {"name": "cap"})
        self.assertFalse(voted["intact"])
        self.assertEqual(self.node.metric("gov_scripts_damaged"), 1)
        self.assertRegex(self.node.output(), f"script_hash_mismatch: script cap was voted with the hash {voted['hash']}, the stored text has [0-9a-f]{{64}}")
        with self.assertRaises(RpcError) as refused:
            self.node.rpc("gov.propose", {**wish, "new_value": 40})
        self.assertEqual(refused.exception.name, "script_hash_mismatch")
        height = self.node.height()
        self.node.go_on_until("more blocks", lambda: self.node.height() > height + 2)
        self.node.stop()
        shutil.rmtree(self.node.data / "state")
        self.node.start()
        self.assertTrue(self.node.rpc("gov.script", {"name": "cap"})["intact"], "the state was made again from the log")
        self.assertEqual(self.node.rpc("gov.propose", {**wish, "new_value": 40})["effective_preview"], 10)


class Governance(unittest.TestCase):
    def setUp(self):
        self.node = dev_node(env={"TB_RELEASE_SIGNERS": f"{SIGNERS[0]}, nonsense {SIGNERS[1]}"}).start()

    def tearDown(self):
        self.node.close()

    def cli(self, *words):
        return json.loads(self.node.cli(*words, "--json").stdout)

    def test_a_vote_changes_a_parameter_and_an_admin_takes_it_back(self):
        opened = self.cli("gov", "param", "update", "TreasuryPercent", "25", "--vote-window", "1", "--reason", "fund the audit")
        self.assertEqual((opened["kind"], opened["status"]), ("param", "open"))
        number = str(opened["id"])
        self.assertEqual(self.cli("gov", "vote", number, "yes")["weight"], {"operators": 1, "builders": 1})
        self.node.go_on_until("the activation", lambda: self.node.rpc("gov.param", {"key": "treasury_percent"})["value"] == 25)
        shown = self.cli("governance", "status", number)
        self.assertEqual(shown["activated_epoch"], shown["activation_epoch"])
        change = wait_for("the history", lambda: self.cli("gov", "param", "history", "--key", "treasury_percent")["changes"])[0]
        self.assertEqual((change["old_value"], change["new_value"], change["event"]), (0, 25, "activate"))
        self.assertEqual(change["height"], shown["activation_epoch"] * 10)
        self.assertEqual(self.cli("gov", "param", "rollback", number, "--reason", "drill")["restored"], {"treasury_percent": 0})
        self.node.go_on_until("the rollback", lambda: self.node.rpc("gov.param", {"key": "treasury_percent"})["value"] == 0)
        path = self.node.data / "governance" / "provenance.json"
        wait_for("the entry of the rollback", lambda: path.exists() and "drill" in path.read_text())
        self.assertTrue(self.cli("gov", "provenance", "verify")["ok"])

    def test_the_genesis_names_the_release_signers_of_its_maker(self):
        keys = self.node.rpc("gov.release_signers")
        self.assertEqual(keys, {"signers": sorted(SIGNERS), "threshold": 2})
        self.assertIn("'nonsense' is skipped", self.node.output())

    def test_scripts_come_from_files_and_older_spellings_work(self):
        script = self.node.dir / "odd.lua"
        script.write_text('hook = { name="no-odd", version="1.0.0", on={"on_param_change"}, keys={"*"}, owns={}, priority=0 }\n'
                          'function on_param_change(change) if change.new % 2 == 1 then return false, "odd" end end\n')
        slip = self.node.dir / "slip.lua"
        slip.write_text(script.read_text().replace('keys={"*"}', 'keys={"treasury_precent"}'))
        self.assertEqual(self.node.cli("gov", "script", "check", slip).returncode, 0)
        for words in (("check", slip, "--on-chain"), ("propose", slip)):
            refused = self.node.cli("gov", "script", *words, check=False)
            self.assertEqual(refused.returncode, 1)
            self.assertIn("did you mean 'treasury_percent'?", refused.stderr)
        self.assertEqual(self.cli("gov", "script", "check", script, "--on-chain")["name"], "no-odd")
        self.assertEqual(self.cli("gov", "script", "propose", str(script))["name"], "no-odd")
        self.assertEqual(self.cli("gov", "energy-settlement", "--timeline"), [])
        words = ("gov", "energy-settlement", "batch", "--rollback-window", 2, "--memo", "drill", "--quorum-ppm", 250000, "--expiry-blocks", 10,
                 "--epoch", 1, "--proposer", "cli")
        rehearsed = self.cli(*words, "--dry-run")
        self.assertEqual((rehearsed["kind"], rehearsed["dry_run"]), ("energy_settlement", True))
        self.assertEqual([p["kind"] for p in self.cli("gov", "list")["proposals"]], ["script"], "a rehearsal sends nothing")
        number = self.cli(*words)["id"]
        self.assertEqual(self.cli("gov", "show", "--proposal", number)["kind"], "energy_settlement")
        self.assertEqual(self.cli("gov", "params", "get", "EnergyMinStake")["key"], "energy_min_stake")
        self.assertEqual(self.cli("gov", "show", "--proposal", "1")["kind"], "script")


if __name__ == "__main__":
    unittest.main(verbosity=2)
