"""Every command that a page names in its text or in a block that no test runs: the verb exists, and so does each flag."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from doc_runner import DocRunner, fences
from node import BIN, ROOT, Node

PLUGINS = ["ledger", "governance", "receipts", "treasury", "economics", "energy", "mock-oracle"]
# What a service is called on the machines of operators.
UNITS = {"the-block", "the-block.service", "energy-oracle", "energy-market", "receipt-emitter", "storage-market", "prometheus", "systemd-timesyncd"}


def pages():
    return [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs" / "runbooks").glob("*.md"))]


def spans(page):
    """Where, and what stands between backticks or in a line of a block for the shell."""
    fenced = set()
    for line, language, block in fences(page):
        fenced.update(range(line, line + len(block) + 2))
        if language.split(" ")[0] == "sh":
            for number, text in enumerate(block, line + 1):
                yield f"{page.name}:{number}", text
    for number, text in enumerate(page.read_text().splitlines(), 1):
        if number not in fenced:
            for code in re.findall(r"`([^`]+)`", text):
                yield f"{page.name}:{number}", code


def commands(text):
    """The words behind each `contract-cli` of a line, up to what belongs to the shell."""
    for found in re.finditer(r"(?:^|[\s($;&|/])contract-cli\s+([^|;&<>)`#'\"]*)", text):
        words = [w for w in re.split(r"\s+", found.group(1)) if w and w not in ("\\", "…")]
        if words and re.fullmatch(r"[a-z][a-z-]*", words[0]):
            yield words


class DocsCommandsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Node(plugins=PLUGINS, config="mock_oracle:\n  listen: 127.0.0.1:0\n  demo: false\n")
        cls.addClassCleanup(cls.node.close)
        cls.node.start()
        cls.verbs = {}
        for command in json.loads(cls.node.cli("help", "--all", "--format", "json").stdout)["commands"]:
            cls.verbs.setdefault(command["path"], set()).update(f["flag"] for f in command["flags"])
        cls.helped = {}

    def help_of(self, words):
        """The help of a verb or a group by any of its names; None if there is none."""
        key = tuple(words)
        if key not in self.helped:
            done = self.node.cli(*words, "--help", check=False)
            self.helped[key] = done.stdout if done.returncode == 0 else None
        return self.helped[key]

    def find(self, words):
        plain = []
        for word in words:
            if not re.fullmatch(r"[a-z][a-z_-]*", word):
                break
            plain.append(word)
        for count in range(len(plain), 0, -1):
            path = " ".join(plain[:count])
            if path in self.verbs or any(v.startswith(path + " ") for v in self.verbs):
                return path
        for count in range(len(plain), 0, -1):
            if self.help_of(plain[:count]) is not None:
                return " ".join(plain[:count])
        return None

    def flags_of(self, path):
        if path in self.verbs:
            return self.verbs[path]
        return set(re.findall(r"--[a-z][a-z-]*", self.help_of(path.split(" ")) or ""))

    def test_every_verb_and_flag_that_a_page_names_exists(self):
        wrong, seen = [], 0
        for page in pages():
            for where, text in spans(page):
                for words in commands(text):
                    if words[0] == "my-market":  # the plugin that the reader makes
                        continue
                    seen += 1
                    path = self.find(words)
                    if path is None:
                        wrong.append(f"{where}: no verb: contract-cli {' '.join(words)}")
                        continue
                    # A group is named as such; a word that is left over stands where a verb should.
                    rest = words[len(path.split(" ")):]
                    if path not in self.verbs and rest and re.fullmatch(r"[a-z][a-z-]*", rest[0]) and "Usage: contract-cli " + path + " <verb>" in (self.help_of(path.split(" ")) or ""):
                        wrong.append(f"{where}: no verb below '{path}': {rest[0]}")
                    for flag in re.findall(r"(?<!\S)\[?(--[a-z][a-z-]*)", " ".join(rest)):
                        if flag not in self.flags_of(path):
                            wrong.append(f"{where}: '{path}' has no flag {flag}")
        self.assertEqual(wrong, [])
        self.assertGreater(seen, 200, "the pages name commands; if none is found, this test looks for them wrongly")

    def test_services_and_logs_have_the_names_of_the_package(self):
        wrong = []
        for page in pages():
            for where, text in spans(page):
                for unit in re.findall(r"systemctl (?:--now )?(?:status|restart|start|stop|enable|disable|kill -s KILL|try-restart)(?: --now)? ([a-z.-]+)", text):
                    if unit not in UNITS:
                        wrong.append(f"{where}: no unit {unit}")
                for unit in re.findall(r"journalctl (?:\S+ )*?-u ([a-z.-]+)", text):
                    if unit not in UNITS:
                        wrong.append(f"{where}: no unit {unit}")
                if "/var/log/node" in text:
                    wrong.append(f"{where}: the service logs to /var/log/the-block")
        self.assertEqual(wrong, [])

    def test_the_account_of_a_node_is_rotated_as_the_page_key_rotation_says(self):
        work = pathlib.Path(tempfile.mkdtemp(prefix="tb-rotation-"))
        self.addCleanup(shutil.rmtree, work, ignore_errors=True)
        shutil.copytree(ROOT / "config", work / "config")
        env = {k: v for k, v in os.environ.items() if not k.startswith("TB_")}
        env.update(TB_RPC_ADDR="127.0.0.1:0", TB_METRICS_ADDR="127.0.0.1:0", TB_STATUS_ADDR="127.0.0.1:0", MOCK_ENERGY_ORACLE_ADDR="127.0.0.1:0",
                   HOME=str(work), PATH=f"{BIN}:{os.environ['PATH']}")
        self.addCleanup(subprocess.run, [BIN / "contract-cli", "node", "stop"], cwd=work, env=env, capture_output=True)
        subprocess.run([BIN / "contract-cli", "node", "start"], cwd=work, env=env, check=True, capture_output=True)
        self.assertEqual(DocRunner(work, env, {}).check(ROOT / "docs" / "runbooks" / "key-rotation.md"), 1)


if __name__ == "__main__":
    unittest.main()
