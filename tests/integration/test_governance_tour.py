"""docs/governance-tour.md as its reader would paste it, on a node with real load; then its log on another machine: same roots, same history."""
import os
import shutil
import unittest

from doc_runner import DocRunner
from node import BIN, ROOT, Node, wait_for

PLUGINS = ["ledger", "governance", "receipts", "treasury", "economics", "energy", "mock-oracle"]


class GovernanceTourTest(unittest.TestCase):
    def test_every_line_of_the_tour_does_what_it_says(self):
        node = Node(plugins=PLUGINS, config="mock_oracle:\n  listen: 127.0.0.1:0\n", env={"TB_CHAIN_EPOCH_LENGTH": "20"})
        with node:
            env = node.environment()
            env["PATH"] = f"{BIN}:{os.environ['PATH']}"
            work = node.dir / "tour"
            work.mkdir()
            self.assertGreater(DocRunner(work, env).check(ROOT / "docs" / "governance-tour.md"), 10)
            node.stop()
            self.replays_alike(node)

    def replays_alike(self, first):
        """What the chain has decided comes from its log alone."""
        first.plugins = [p for p in PLUGINS if p != "mock-oracle"]  # no new load from here on
        first.extra_config = ""
        first.env["TB_CHAIN_EMPTY_BLOCK_INTERVAL_MS"] = "0"
        first.write_config()
        first.start()
        second = Node(plugins=first.plugins, env=first.env)
        try:
            second.data.mkdir(parents=True)
            height = first.height()
            history, scripts = self.history(first), first.rpc("gov.scripts")
            proposals, tip = first.rpc("gov.list"), first.rpc("gov.provenance", {"limit": 1})
            report = first.rpc("maintenance.verify", {}, timeout=300)
            self.assertTrue(report["ok"], report)
            self.assertEqual(first.height(), height)
            first.stop()
            for name in ("chain", "genesis.json", "keys", "schema"):
                source = first.data / name
                (shutil.copytree if source.is_dir() else shutil.copy)(source, second.data / name)
            second.start()
            wait_for("the whole history", lambda: len(self.history(second)) == len(history))
            self.assertEqual(second.height(), height)
            self.assertEqual(self.history(second), history)
            self.assertEqual(second.rpc("gov.scripts"), scripts)
            self.assertEqual(second.rpc("gov.list"), proposals)
            self.assertEqual(second.rpc("gov.provenance", {"limit": 1}), tip)
            again = second.rpc("maintenance.verify", {}, timeout=300)
            self.assertTrue(again["ok"], again)
            self.assertEqual(again["state_root"], report["state_root"])
        finally:
            second.close()

    def history(self, node):
        rows, cursor = [], None
        while True:
            page = node.rpc("gov.param_history", {"limit": 200, **({"cursor": cursor} if cursor else {})})
            rows += page["changes"]
            cursor = page.get("next_cursor")
            if not cursor:
                return rows


if __name__ == "__main__":
    unittest.main()
