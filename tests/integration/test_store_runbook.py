"""The runbook of the stores, line by line on a live node."""
import os
import unittest

from doc_runner import DocRunner
from node import BIN, ROOT, Node

KEEP = 1024


class StoreRunbook(unittest.TestCase):
    def test_every_block_of_the_page(self):
        node = Node(plugins=("ledger",), config="storage:\n  pruning: false\n  prune_keep_blocks: 1000\n").start()
        try:
            while node.height() < KEEP + 120:
                node.rpc("start_mining")
            node.rpc("stop_mining")
            env = node.environment()
            env.update({"PATH": f"{BIN}:{os.environ['PATH']}", "DATA": str(node.data), "CONFIG": str(node.dir / "node.yaml")})
            self.assertGreater(DocRunner(node.dir, env).check(ROOT / "docs" / "runbooks" / "store.md"), 6)
            self.assertEqual(node.process.wait(timeout=60), 0)
        finally:
            node.close()


if __name__ == "__main__":
    unittest.main()
