"""A market that somebody wrote with the SDK alone: built and tested outside the tree, run in a process of its own, used, changed by
governance's parameters, upgraded under load with a migration, and put back where the rules allow it."""
import json
import shutil
import tempfile
import threading
import unittest

from node import Node, wait_for
from sdk_builds import InstalledSdk, run

# Version 1 of the market: its permits have no kind.
VERSION_1 = [('version("2.0.0").sm(2).schema(2)', 'version("1.0.0").sm(1).schema(1)'), ("permit.kind = in.kind;", ""), ("p.migrate(&migrate);", ""),
             ("std::uint8_t kLayout = 2;", "std::uint8_t kLayout = 1;"), ('  std::string kind = "car";\n', ""), ("from_s, until_s, kind))", "from_s, until_s))"),
             ("return tb::row_as<Permit>(row);\n  auto old = tb::row_as<PermitOf1>(row);", "return tb::row_as<Permit>(row);\n  auto old = tb::row_as<PermitOf1>(row);")]


class MarketTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="tb-market-")
        cls.sdk = InstalledSdk(cls.dir)
        source = cls.sdk.examples() / "parking"
        cls.first = cls.sdk.build(source, "parking", VERSION_1)
        cls.second = cls.sdk.build(source, "parking")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.dir, ignore_errors=True)

    def node(self, *more):
        node = Node(plugins=["ledger", *more]).start()
        self.addCleanup(node.close)
        return node

    def parking(self, node):
        return {p["id"]: p for p in node.rpc("plugin.list")}["parking"]

    def test_its_own_tests_pass_against_the_installed_sdk(self):
        build = self.second.parent.parent
        run("cmake", "--build", build)
        run("ctest", "--test-dir", build, "--output-on-failure")

    def test_people_use_it_in_a_process_of_its_own_without_a_line_of_kernel_code(self):
        node = self.node(f"{{id: parking, file: {self.second}, isolation: process}}")
        self.assertEqual(self.parking(node)["isolation"], "process")
        help_text = node.cli("parking", "buy", "--help").stdout
        for words in ("Buy a permit", "--kind", "lorry", "of the car", "contract-cli parking buy harbour AB-123 --hours 2"):
            self.assertIn(words, help_text)
        node.cli("parking", "zone", "harbour", "250")
        self.assertEqual(node.cli_json("parking", "buy", "harbour", "AB-1", "--hours", "2")["paid"], 500)
        self.assertEqual(node.cli_json("parking", "buy", "harbour", "AB-2", "--kind", "lorry")["paid"], 500)
        page = node.cli_json("parking", "list", "--limit", "1")
        self.assertEqual((page["permits"][0]["plate"], page["next"]), ("AB-1", 1))
        self.assertEqual(node.cli_json("parking", "list", "--after", "1")["permits"][0]["kind"], "lorry")
        self.assertEqual(node.metric("parking_held_micro"), 1000)
        refused = node.cli("parking", "buy", "harbour", "AB-3", "--hours", "25", check=False)
        self.assertIn("25 hours are asked for, 24 are allowed", refused.stdout + refused.stderr)
        refused = node.cli("parking", "buy", "harbour", "AB-3", "--kind", "bus", check=False)
        self.assertIn("lorry", refused.stdout + refused.stderr)
        self.assertTrue(node.rpc("maintenance.verify", {}, timeout=120)["ok"])

    def test_the_second_version_comes_under_load_and_takes_the_rows_with_it(self):
        node = self.node()
        node.cli("plugin", "upgrade", self.first)
        node.cli("parking", "zone", "harbour", "1")
        for i in range(30):
            node.rpc("parking.buy", {"zone": "harbour", "plate": f"OLD-{i}"})
        failures, stop = [], threading.Event()

        def load(name):
            while not stop.is_set():
                try:
                    bought = node.rpc("parking.buy", {"zone": "harbour", "plate": name})
                    node.rpc("parking.permit", {"id": bought["id"]})
                    node.rpc("parking.permit", {"id": 1})
                except Exception as problem:  # any failed request fails the test
                    failures.append(problem)

        threads = [threading.Thread(target=load, args=(f"NEW-{i}",)) for i in range(3)]
        for thread in threads:
            thread.start()
        tried = node.cli_json("plugin", "upgrade", self.second, "--dry-run")
        node.cli("plugin", "upgrade", self.second)
        wait_for("the second version", lambda: self.parking(node)["version"] == "2.0.0" and self.parking(node)["state"] == "running", 120)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertIn("rows", json.dumps(tried))
        self.assertEqual(node.rpc("parking.permit", {"id": 1})["kind"], "car")
        self.assertEqual(node.rpc("parking.buy", {"zone": "harbour", "plate": "L-1", "kind": "lorry"})["paid"], 2)
        # The old version cannot read what the new one writes, and says so before anything happens.
        back = node.cli("plugin", "upgrade", self.first, check=False)
        self.assertNotEqual(back.returncode, 0)
        self.assertEqual(self.parking(node)["version"], "2.0.0")
        self.assertTrue(node.rpc("maintenance.verify", {}, timeout=120)["ok"])


class MistakesTest(unittest.TestCase):
    """What an author is told before anything of his ran: the place and what to do."""

    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="tb-mistakes-")
        cls.sdk = InstalledSdk(cls.dir)
        cls.node = Node(plugins=["ledger"]).start()

    @classmethod
    def tearDownClass(cls):
        cls.node.close()
        shutil.rmtree(cls.dir, ignore_errors=True)

    def counter(self, *edits):
        return self.sdk.build(self.sdk.examples() / "counter", "counter", edits)

    def test_a_wrong_declaration_is_told_in_the_words_of_the_sdk(self):
        library = self.sdk.build(self.sdk.examples() / "greeter", "greeter", [('.field("language")', '.field("langage")')])
        for verb in (["check", library], ["upgrade", library]):
            refused = self.node.cli("plugin", *verb, check=False)
            self.assertEqual(refused.returncode, 1)
            self.assertIn("its declaration is wrong: 'greeter.greet': field 'langage' is not a described member", refused.stderr)

    def test_an_alert_that_cannot_fire_is_refused(self):
        for expr, word in (("rate(greeter_greetings_total[5m] > 100", "alert 'GreeterBusy': "),
                           ("rate(greeter_greeting_total[5m]) > 100", "did you mean 'greeter_greetings_total'?")):
            library = self.sdk.build(self.sdk.examples() / "greeter", "greeter", [("rate(greeter_greetings_total[5m]) > 100", expr)])
            refused = self.node.cli("plugin", "check", library, check=False)
            self.assertEqual(refused.returncode, 1)
            self.assertIn(word, refused.stderr)

    def test_a_clock_in_a_machine_is_warned_of(self):
        library = self.counter(("#include <string.h>", "#include <string.h>\n#include <time.h>"),
                               ("number.value += amount;", "number.value += amount + (uint64_t)time(NULL);"))
        warnings = self.node.cli_json("plugin", "check", library)["warnings"]
        self.assertEqual(len(warnings), 1)
        self.assertTrue(warnings[0].startswith("a clock (time)"), warnings)
        self.assertNotIn("warnings", self.node.cli_json("plugin", "check", self.counter()))

    def test_a_trial_that_fails_ends_with_one(self):
        library = self.counter((r'\"summary\":\"Keeps', r'\"requires\":[{\"name\":\"nobody/1\"}],\"summary\":\"Keeps'))
        tried = self.node.cli("plugin", "upgrade", library, "--dry-run", check=False)
        self.assertEqual(tried.returncode, 1)
        self.assertIn("requires the service nobody/1, which no plugin provides", tried.stdout)
        self.assertEqual(self.node.cli("plugin", "upgrade", self.counter(), "--dry-run").returncode, 0)


if __name__ == "__main__":
    unittest.main()
