"""The pages for operators, plugin authors and newcomers, every fenced block of them, as a reader would paste it."""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import unittest

from doc_runner import DocRunner, fences
from node import BIN, BUILD, ROOT, Node, RpcError, wait_for

PLUGINS = ["ledger", "governance", "receipts", "treasury", "economics", "energy", "mock-oracle"]
ORACLE = f"mock_oracle:\n  listen: 127.0.0.1:0\n  step_ms: 50\n  data_file: {ROOT}/config/sample-data/gb-electricity-demand-2000.csv\n"

# Pages with commands, and the test that runs them.
RUN_BY = {"governance-authors.md": "test_docs.py", "operators.md": "test_docs.py", "plugin-authors.md": "test_docs.py", "governance-tour.md": "test_governance_tour.py",
          "runbooks/backup-restore.md": "test_backup.py", "runbooks/economics.md": "test_docs.py", "runbooks/energy.md": "test_energy_runbook.py",
          "runbooks/governance.md": "test_docs.py", "runbooks/key-rotation.md": "test_docs_commands.py", "runbooks/receipts.md": "test_energy_runbook.py", "runbooks/store.md": "test_store_runbook.py",
          "runbooks/treasury.md": "test_treasury_runbook.py"}


def free_ports(count):
    """Ports that nobody has right now: `node start` has to know where its node will answer."""
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def compact(line):
    return "".join(line.split())


class DocsTest(unittest.TestCase):
    def languages(self, page, known):
        for line, language, _ in fences(page):
            self.assertIn(language, known, f"{page}:{line}: this fenced block is run by nobody")

    def assert_shown_in(self, page, sources):
        """The C++ of a page stands, line by line and in this order, in one of the sources that its reader has."""
        texts = [[compact(line) for line in path.read_text().splitlines()] for path in sources]
        for line, language, block in fences(page):
            if language != "cpp":
                continue
            wanted = [compact(part) for part in block if part.strip()]
            self.assertTrue(any(self.in_order(wanted, text) for text in texts), f"{page}:{line}: no file holds these lines")

    @staticmethod
    def in_order(wanted, text):
        at = iter(text)
        return all(any(line == other for other in at) for line in wanted)

    def test_the_page_for_operators(self):
        page = ROOT / "docs" / "operators.md"
        self.languages(page, {"sh", "text", "yaml"})
        work = pathlib.Path(tempfile.mkdtemp(prefix="tb-operators-"))
        self.addCleanup(shutil.rmtree, work, ignore_errors=True)
        for folder in ("config", "scripts-lua"):
            shutil.copytree(ROOT / folder, work / folder)
        env = {k: v for k, v in os.environ.items() if not k.startswith("TB_")}
        rpc, metrics, status = free_ports(3)
        env.update(TB_RPC_ADDR=f"127.0.0.1:{rpc}", TB_METRICS_ADDR=f"127.0.0.1:{metrics}", TB_STATUS_ADDR=f"127.0.0.1:{status}",
                   MOCK_ENERGY_ORACLE_ADDR="127.0.0.1:0", TB_MOCK_ORACLE_STEP_MS="50", HOME=str(work), PATH=f"{BIN}:{os.environ['PATH']}", PLUGINS=str(BUILD / "plugins"))
        self.addCleanup(subprocess.run, [BIN / "contract-cli", "node", "stop"], cwd=work, env=env, capture_output=True)
        here = {"localhost:8545": f"localhost:{rpc}", "localhost:26658": f"localhost:{metrics}", "localhost:8080": f"localhost:{status}"}
        self.assertGreaterEqual(DocRunner(work, env, here).check(page), 5)
        for line, language, block in fences(page):
            if language == "yaml":
                (work / "sample.yaml").write_text("\n".join(block) + "\n")
                checked = subprocess.run([BIN / "contract-cli", "config", "check", "sample.yaml"], cwd=work, env=env, text=True, capture_output=True)
                self.assertEqual(checked.returncode, 0, f"{page}:{line}: {checked.stdout}{checked.stderr}")

    def test_the_page_for_governance_authors(self):
        page = ROOT / "docs" / "governance-authors.md"
        self.languages(page, {"sh", "text"})
        with Node(plugins=PLUGINS, config=ORACLE, env={"TB_CHAIN_EPOCH_LENGTH": "20"}) as node:
            work = node.dir / "author"
            work.mkdir()
            env = node.environment()
            env["PATH"] = f"{BIN}:{os.environ['PATH']}"
            wait_for("an epoch of history", lambda: node.height() > 45, 120)
            self.assertGreaterEqual(DocRunner(work, env).check(page), 4)

    def test_the_page_for_plugin_authors(self):
        page = ROOT / "docs" / "plugin-authors.md"
        self.languages(page, {"sh", "text", "cpp"})
        with Node(plugins=["ledger"]) as node:
            work = node.dir / "author"
            work.mkdir()
            (work / "build").mkdir()
            (work / "build" / "release").symlink_to(BUILD)
            env = node.environment()
            env["PATH"] = f"{BIN}:{os.environ['PATH']}"
            self.assertGreaterEqual(DocRunner(work, env).check(page), 3)
            listed = {p["id"]: p for p in node.rpc("plugin.list")}
            self.assertEqual((listed["my-market"]["state"], listed["my-market"]["version"]), ("running", "0.1.1"))
            self.assertEqual(node.cli_json("my-market", "read", "motto")["text"], "one log, many machines")
            parking = pathlib.Path(env["HOME"]) / "the-block-sdk" / "share" / "the-block-sdk" / "examples" / "parking"
            self.assert_shown_in(page, [work / "my-market" / "plugin.cpp", work / "my-market" / "tests" / "plugin_test.cpp",
                                        parking / "commands.cpp", parking / "migrate.cpp", parking / "state.hpp"])

    def test_the_tour_of_the_readme(self):
        page = ROOT / "README.md"
        self.languages(page, {"sh", "text", "txt"})
        node = Node(plugins=PLUGINS, config=ORACLE)
        with node:
            work = node.dir / "checkout"
            (work / "build").mkdir(parents=True)
            (work / "build" / "release").symlink_to(BUILD)
            (work / "sdk").symlink_to(ROOT / "sdk")
            shutil.copy(ROOT / "dev", work / "dev")
            ports = node.ports()
            env = node.environment()
            env.update(PATH=f"{BIN}:{os.environ['PATH']}", TB_DATA_DIR=str(node.data))
            env.pop("TB_RPC_SOCKET")
            wait_for("the first settlement", lambda: node.metric("energy_settlements_total", 0) > 0, 120)
            replace = {"localhost:8545": f"localhost:{ports['rpc']}", "localhost:26658": f"localhost:{ports['metrics']}"}
            self.assertGreaterEqual(DocRunner(work, env, replace).check(page), 5)

    def test_the_runbooks_of_governance_and_the_control_laws(self):
        with Node(plugins=PLUGINS, config=ORACLE, env={"TB_CHAIN_EPOCH_LENGTH": "20"}) as node:
            def closed():
                try:
                    return node.rpc("economics.snapshot")
                except RpcError:
                    return None
            wait_for("the end of the first epoch", closed, 120)
            env = {**node.environment(), "PATH": f"{BIN}:{os.environ['PATH']}"}
            for name in ("governance", "economics"):
                page = ROOT / "docs" / "runbooks" / f"{name}.md"
                self.languages(page, {"sh", "text"})
                self.assertGreaterEqual(DocRunner(node.dir, env).check(page), 1)

    def test_the_sample_manifest_is_json(self):
        page = ROOT / "docs" / "manifest.md"
        self.languages(page, {"json"})
        for _, _, block in fences(page):
            self.assertIn("panels", json.loads("\n".join(block)))

    def test_every_page_with_commands_is_run_by_a_test(self):
        """A page that somebody adds is run as well, or this fails."""
        for page in sorted((ROOT / "docs").rglob("*.md")):
            if "reference" in page.parts or not any(language == "sh" for _, language, _ in fences(page)):
                continue
            test = RUN_BY.get(str(page.relative_to(ROOT / "docs")))
            self.assertIsNotNone(test, f"{page}: its commands are run by no test")
            text = (pathlib.Path(__file__).parent / test).read_text()
            self.assertIn(page.stem, text, f"{test} does not run {page}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
