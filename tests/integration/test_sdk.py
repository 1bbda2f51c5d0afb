"""A stranger with only the SDK: builds the examples and a fresh plugin outside the tree, loads them into a real node, calls them by the CLI."""
import json
import shutil
import tempfile
import unittest

from node import Node, wait_for
from sdk_builds import InstalledSdk, run


class SdkTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="tb-sdk-")
        cls.sdk = InstalledSdk(cls.dir)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.dir, ignore_errors=True)

    def test_examples_are_installed_through_the_log_and_called_by_the_cli(self):
        greeter = self.sdk.build(self.sdk.examples() / "greeter", "greeter")
        counter = self.sdk.build(self.sdk.examples() / "counter", "counter")
        with Node(plugins=["ledger"]) as node:
            node.cli("plugin", "upgrade", greeter)
            node.cli("plugin", "upgrade", counter)
            self.assertEqual(node.cli_json("greeter", "greet", "Ada")["count"], 1)
            self.assertEqual(node.cli_json("greeter", "greet", "Ada")["count"], 2)
            rows = node.cli_json("greeter", "list", "--json")["greetings"]
            self.assertEqual([(r["name"], r["count"]) for r in rows], [("Ada", 2)])
            node.rpc("counter.add", {"amount": 5})
            self.assertEqual(node.rpc("counter.value")["value"], 5)
            # Its metrics, its methods and its verbs exist without a line of kernel code.
            self.assertEqual(node.metric('greeter_greetings_total{language="en"}'), 2)
            names = {m["name"] for m in node.rpc("rpc.discover")["methods"]}
            self.assertTrue({"greeter.greet", "greeter.greetings", "counter.add", "counter.value"} <= names)
            self.assertIn("Greet someone", node.cli("greeter", "--help").stdout)
            self.assertTrue(node.rpc("maintenance.verify", {}, timeout=120)["ok"])

    def test_plugin_from_the_template(self):
        run(self.sdk.prefix / "bin" / "tb-new-plugin", "my-market", "--dir", self.dir)
        library = self.sdk.build(f"{self.dir}/my-market", "my-market")
        with Node(plugins=["ledger"]) as node:
            node.cli("plugin", "upgrade", library)
            listed = {p["id"]: p for p in node.rpc("plugin.list")}
            self.assertEqual(listed["my-market"]["state"], "running")
            # Its result has a member `height` of its own; the answer must name each member once.
            written = node.cli_json("my-market", "write", "motto", "one log, many machines")
            self.assertEqual(written["height"], node.rpc("tx.status", {"id": written["command_id"]})["height"])
            self.assertEqual(node.cli_json("my-market", "read", "motto")["text"], "one log, many machines")
            self.assertIn("my-market", node.cli("help", "--all", "--format", "json").stdout.replace("_", "-"))


if __name__ == "__main__":
    unittest.main()
