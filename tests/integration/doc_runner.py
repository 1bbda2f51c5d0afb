"""Runs the commands of a page of the docs as its reader would paste them, and looks whether they show what the page says.

A fenced block ```sh holds commands for bash; they share one directory and one set of variables and functions, in the order of the page. A block
```text behind it is what they print: each of its lines is found in the output, in this order; `…` in a line stands for anything.
Words behind `sh` say how a block is run:
  until   again and again until it shows what is expected (something that takes its time)
  fails   its exit code is not 0
  skip    not at all: it speaks of another machine, or never ends
"""
import pathlib
import re
import subprocess
import time

from node import STALL

WAIT_SECONDS = 180  # a bound against hanging, not a measure
FENCE = re.compile(r"^( *)```(\S*)([^\n]*)$")


class Block:
    def __init__(self, line, words, commands):
        self.line, self.words, self.commands, self.expected = line, words, commands, []


def blocks_of(page):
    """The sh blocks of a page with the text blocks that belong to them."""
    found, inside, last = [], None, None
    for number, line in enumerate(pathlib.Path(page).read_text().splitlines(), 1):
        fence = FENCE.match(line)
        if not fence and inside is None:
            if line.strip() and not line.startswith("<!--"):
                last = last if last and not last.expected else None
            continue
        if inside is None:
            inside = (number, fence.group(1), fence.group(2), fence.group(3).split(), [])
        elif line.strip() == "```":
            start, _, kind, words, lines = inside
            inside = None
            if kind == "sh":
                last = Block(start, words, lines)
                found.append(last)
            elif kind == "text" and last is not None:
                last.expected = lines
                last = None
        else:
            inside[4].append(line[len(inside[1]):])
    return found


def missing_line(expected, output):
    """The first expected line that the output does not show behind the ones before it, or None."""
    at, lines = 0, output.splitlines()
    for wanted in expected:
        if not wanted.strip():
            continue
        pattern = re.compile(".*".join(re.escape(part) for part in wanted.strip().split("…")))
        while at < len(lines) and not pattern.search(lines[at]):
            at += 1
        if at == len(lines):
            return wanted
        at += 1
    return None


def fences(page):
    """(line, language, lines) of every fenced block of a page."""
    found, inside = [], None
    for number, line in enumerate(pathlib.Path(page).read_text().splitlines(), 1):
        fence = FENCE.match(line)
        if inside is None and fence:
            inside = (number, fence.group(2), [])
        elif inside is not None and line.strip() == "```":
            found.append(inside)
            inside = None
        elif inside is not None:
            inside[2].append(line)
    return found


class DocRunner:
    """`replace`: what stands on the page and is another thing here, such as a port."""

    def __init__(self, directory, env, replace=None):
        self.directory, self.env, self.replace = pathlib.Path(directory), env, dict(replace or {})
        self.state = self.directory / ".shell-state"

    def run(self, commands):
        """In a bash that begins with the variables and functions of the block before."""
        commands = list(commands)
        for page_text, here in self.replace.items():
            commands = [line.replace(page_text, here) for line in commands]
        script = (f"[ ! -f {self.state} ] || . {self.state}\nset -e -o pipefail\n" + "\n".join(commands) +
                  f"\nset +e +o pipefail\n{{ declare -f; declare -p; }} 2>/dev/null | grep -v -E '^declare -[a-zA-Z]*[rA]' > {self.state}\n")
        if STALL:
            script = f"trap '[ $((RANDOM % 4)) -ne 0 ] || sleep $((RANDOM % {int(STALL) + 1}))' DEBUG\n" + script
        return subprocess.run(["bash", "-c", script], cwd=self.directory, env=self.env, text=True, timeout=600,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def check(self, page):
        """Runs all blocks. AssertionError names page, line and what is missing."""
        for block in blocks_of(page):
            if "skip" in block.words:
                continue
            end = time.monotonic() + WAIT_SECONDS
            while True:
                result = self.run(block.commands)
                missing = missing_line(block.expected, result.stdout)
                wrong = (result.returncode == 0) if "fails" in block.words else (result.returncode != 0)
                if not wrong and missing is None:
                    break
                if "until" in block.words and time.monotonic() < end:
                    time.sleep(0.3)
                    continue
                what = f"exit code {result.returncode}" if wrong else f"the line '{missing}' is not shown"
                raise AssertionError(f"{page}:{block.line}: {what}\n--- commands\n" + "\n".join(block.commands) +
                                     f"\n--- output\n{result.stdout}")
        return len(blocks_of(page))
