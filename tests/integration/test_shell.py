"""Manual pages and completion as `cmake --install` lays them out: rendered by man and mandoc, completed in real shells."""
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import tempfile
import time
import unittest

from node import BUILD, ROOT
from sdk_builds import run

PAGES = {"contract-cli": "man1/contract-cli.1.gz", "blockd": "man8/blockd.8.gz", "blockd.yaml": "man5/blockd.yaml.5.gz"}
# Written by hand, so held to what the programs say of themselves.
WRITTEN = ("probe", "tb-chaos", "prometheus_query", "tb-new-plugin")
PAGES.update({name: f"man1/{name}.1.gz" for name in WRITTEN})
SHELL_SECONDS = 60  # a bound against hanging, not a measure


class ShellTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="tb-shell-"))
        cls.prefix = cls.dir / "prefix"
        run("cmake", "--install", BUILD, "--prefix", cls.prefix)
        cls.share = cls.prefix / "share"
        cls.env = {"HOME": str(cls.dir), "PATH": f"{cls.prefix}/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "dumb"}

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.dir, ignore_errors=True)

    def shell(self, *words):
        return subprocess.run(words, env=self.env, cwd=self.dir, text=True, capture_output=True, timeout=SHELL_SECONDS)

    # --- manual pages ---

    def page(self, name):
        shown = subprocess.run(["man", "--warnings=w", "-E", "UTF-8", "-l", self.share / "man" / PAGES[name]], text=True, capture_output=True,
                               env={**self.env, "MANWIDTH": "100", "MAN_KEEP_FORMATTING": ""})
        self.assertEqual((shown.returncode, shown.stderr), (0, ""), name)
        return shown.stdout

    def test_pages_render_without_a_warning(self):
        for name, place in PAGES.items():
            with self.subTest(name):
                self.assertIn("NAME", self.page(name))
                lint = subprocess.run(["mandoc", "-Tlint", "-Wwarning", self.share / "man" / place], text=True, capture_output=True)
                self.assertEqual((lint.returncode, lint.stdout), (0, ""))

    def test_pages_say_what_the_declarations_say(self):
        cli = self.page("contract-cli")
        for words in ("contract-cli energy submit-reading", "--dry-run", "EXIT STATUS", "TB_RPC_ENDPOINT", "contract-cli doctor"):
            self.assertIn(words, cli)
        node = self.page("blockd")
        for words in ("--data-dir VALUE", "SIGHUP", "the-block.service"):
            self.assertIn(words, node)
        config = self.page("blockd.yaml")
        for words in ("listeners.rpc", "oracle_adapter.node_url", "TB_RPC_ADDR", "reload genesis"):
            self.assertIn(words, config)

    def test_every_verb_and_every_key_is_there(self):
        nobody = ("--url", "http://127.0.0.1:1")
        verbs = [line.split("  ")[1] for line in self.shell(self.prefix / "bin/contract-cli", "help", "--all", *nobody).stdout.splitlines()]
        self.assertGreater(len(verbs), 100)
        cli = re.sub(r"\s+", " ", self.page("contract-cli"))
        self.assertEqual([verb for verb in verbs if f"contract-cli {verb}" not in cli], [])

    def test_written_pages_name_every_flag_verb_and_variable(self):
        for name in WRITTEN:
            help_text = self.shell(self.prefix / "bin" / name, "--help").stdout
            if name == "tb-chaos":
                help_text += "".join(self.shell(self.prefix / "bin" / name, verb, "--help").stdout for verb in ("run", "replay", "attest"))
            if name == "probe":
                help_text += " ".join(re.findall(r'"([^"]*)"', (ROOT / "kernel/programs/probe/probe.cpp").read_text()))
            named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+|\b(?:TB|PROMETHEUS)_[A-Z_]+\b", help_text)) | set(re.findall(r"\b[a-z]+-(?:rpc|one|check)\b", help_text))
            self.assertTrue(named, help_text)
            page = self.page(name)
            self.assertEqual(sorted(word for word in named if word not in page), [], name)

    def test_man_finds_the_pages_and_the_older_names(self):
        for name in ("tb-cli", "contract", *PAGES):
            found = subprocess.run(["man", "-M", self.share / "man", "-w", name], text=True, capture_output=True, env=self.env)
            self.assertEqual(found.returncode, 0, found.stderr)

    # --- completion ---

    def complete_in_bash(self, *typed):
        words = " ".join(f"'{word}'" for word in typed)
        script = (f"source '{self.share}/bash-completion/completions/{typed[0]}'; COMP_WORDS=({words}); COMP_CWORD={len(typed) - 1}; "
                  "_contract_cli; printf '%s\\n' \"${COMPREPLY[@]}\"")
        done = self.shell("bash", "--norc", "-c", script)
        self.assertEqual(done.stderr, "")
        return done.stdout.split("\n")[:-1]

    def complete_in_fish(self, *typed):
        script = f"source '{self.share}/fish/vendor_completions.d/contract-cli.fish'; complete -C '{' '.join(typed)}'"
        done = self.shell("fish", "--no-config", "-c", script)
        self.assertEqual(done.stderr, "")
        return dict((line.split("\t") + [""])[:2] for line in done.stdout.splitlines())

    def complete_in_zsh(self, typed):
        """What an interactive zsh shows after Tab Tab; found in fpath, as the package installs it."""
        setup = (f"PS1=; fpath=('{self.share}/zsh/vendor-completions' $fpath); autoload -Uz compinit; compinit -u -D\n"
                 "LISTMAX=10000; print set''up-done\n")
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.dir)
            os.execvpe("zsh", ["zsh", "-f", "-i"], {**self.env, "TERM": "xterm", "COLUMNS": "200", "LINES": "400"})
        try:
            os.write(terminal, setup.encode())
            self.read_until(terminal, "setup-done")
            # Completed and listed, then shown as an argument of print instead of being run.
            os.write(terminal, (typed + "\t\t").encode() + b"\x01print -r -- \x05 en''ded\n")
            return self.read_until(terminal, "ended")
        finally:
            os.close(terminal)
            os.waitpid(pid, 0)

    def read_until(self, terminal, word):
        seen, end = "", time.monotonic() + SHELL_SECONDS
        while word not in seen:
            self.assertLess(time.monotonic(), end, seen)
            if select.select([terminal], [], [], 0.2)[0]:
                seen += os.read(terminal, 65536).decode(errors="replace")
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x00", "", seen)

    def test_bash(self):
        self.assertEqual(self.complete_in_bash("contract-cli", "energy", "submit-r"), ["submit-reading"])
        self.assertEqual(self.complete_in_bash("tb-cli", "node", "stat"), ["status"])
        self.assertIn("--dry-run", self.complete_in_bash("contract-cli", "energy", "settle", "--d"))

    def test_fish(self):
        verbs = self.complete_in_fish("contract-cli", "energy", "submit-r")
        self.assertEqual(list(verbs), ["submit-reading"])
        self.assertTrue(verbs["submit-reading"], "a verb shows what it does")
        self.assertIn("--dry-run", self.complete_in_fish("contract-cli", "energy", "settle", "--d"))
        self.assertIn("status", self.complete_in_fish("tb-cli", "node", ""))

    def test_zsh(self):
        self.assertEqual(self.shell("zsh", "-n", f"{self.share}/zsh/vendor-completions/_contract-cli").stderr, "")
        self.assertIn("contract-cli energy submit-reading", self.complete_in_zsh("contract-cli energy submit-r"))
        verbs = self.complete_in_zsh("contract-cli node ")
        for word in ("status", "restart", "Stop the node"):
            self.assertIn(word, verbs)
        self.assertIn("--dry-run", self.complete_in_zsh("contract-cli energy settle --dr"))


if __name__ == "__main__":
    unittest.main()
