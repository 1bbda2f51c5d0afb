"""Scripts of one node on a real node: they refuse commands and show figures; a broken one keeps nobody out and changes nothing."""
import json
import unittest

from node import Node, RpcError, wait_for

HEAD = 'hook = {name = "%s", version = "1.0.0"}\n'
GUARD = HEAD % "guard" + """
function on_admit(c)
  if c.method == "chain.noop" then return false, "no idle commands, " .. c.lane end
end
function on_commit(b)
  metrics.set("height", b.height)
  metrics.set("commands", b.commands)
end
"""


class LocalScripts(unittest.TestCase):
    def setUp(self):
        self.node = Node(plugins=("ledger",))
        self.files = []

    def tearDown(self):
        self.node.close()

    def add(self, name, text):
        path = self.node.dir / name
        path.write_text(text)
        self.files.append(path)
        self.node.write_config("lua:\n  local:\n" + "".join(f"    - {file}\n" for file in self.files))
        return path

    def reload(self):
        return self.node.rpc("config.reload")

    def noop(self):
        return self.node.rpc("chain.noop")

    def value(self, script, name):
        return self.node.metric(f'lua_local_value{{script="{script}",name="{name}"}}')

    def errors(self, script):
        return self.node.metric(f'lua_local_errors_total{{script="{script}"}}', 0)

    def test_a_script_refuses_a_method_and_shows_figures(self):
        self.add("guard.lua", GUARD)
        self.node.start()
        with self.assertRaises(RpcError) as refused:
            self.noop()
        self.assertEqual((refused.exception.code, refused.exception.name), (-34003, "local_policy"))
        self.assertIn("no idle commands, service", str(refused.exception))
        self.assertEqual(refused.exception.data["script"], "guard")
        height = wait_for("a figure of a block", lambda: self.value("guard", "height"))
        wait_for("the figure of a later block", lambda: self.value("guard", "height") > height)
        self.assertEqual(self.errors("guard"), 0)
        # An edited file counts at the next reload, also when no value has changed.
        self.files[0].write_text(GUARD.replace("chain.noop", "ledger.transfer"))
        self.reload()
        self.noop()

    def test_a_broken_file_refuses_the_whole_configuration(self):
        self.add("guard.lua", GUARD)
        self.node.start()
        self.add("broken.lua", HEAD % "broken" + "function on_commit(b) retrun end\n")
        self.node.write_config(self.node.extra_config + "mempool:\n  max: 77\n")
        with self.assertRaises(RpcError) as refused:
            self.reload()
        self.assertIn("broken.lua:2: lua.local: lua_syntax_error", str(refused.exception.error))
        with self.assertRaises(RpcError) as still:
            self.noop()
        self.assertEqual(still.exception.name, "local_policy")
        self.assertNotIn("77", json.dumps(self.node.rpc("config.show", {"key": "mempool.max"})))

    def test_a_start_with_a_broken_file_says_where(self):
        self.add("broken.lua", HEAD % "broken" + "\n\nfunction on_admit(c\n")
        self.node.start(wait=False)
        self.assertEqual(self.node.process.wait(timeout=60), 2)
        self.node.stop()
        self.assertIn("broken.lua:", self.node.output())

    def test_an_endless_loop_only_counts_errors(self):
        self.add("loop.lua", HEAD % "loop" + "function on_admit(c) while true do end end\nfunction on_commit(b) while true do end end\n")
        self.node.start()
        before = self.node.height()
        self.assertIn("height", self.noop())
        wait_for("blocks", lambda: self.node.height() > before + 2)
        wait_for("counted calls", lambda: self.errors("loop") >= 3)
        self.assertIn("lua_budget_exceeded", self.node.output())


if __name__ == "__main__":
    unittest.main(verbosity=2)
