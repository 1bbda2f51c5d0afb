#!/usr/bin/env python3
"""Every threat of docs/security.md names tests, and each of them exists: usage check_security.py BUILD_DIRECTORY.

A name is a ctest name, or `<ctest name>/<case>` for a case inside the Python file of a test. Exit code 1 names what is missing."""
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "security.md"
LEAST_THREATS = 30


def threats():
    """Rows of the table under "Threats and their tests": (threat, [names])."""
    section = PAGE.read_text().split("## Threats and their tests")[1].split("\n## ")[0]
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and cells[0] not in ("threat", "---"):
            yield cells[0], re.findall(r"`([^`]+)`", cells[2])


def known_tests(build):
    """ctest name -> its Python file, or None."""
    done = subprocess.run(["ctest", "--show-only=json-v1"], cwd=build, text=True, capture_output=True, check=True)
    found = {}
    for test in json.loads(done.stdout)["tests"]:
        files = [pathlib.Path(word) for word in test.get("command", []) if word.endswith(".py")]
        parameterised = re.fullmatch(r"(?:\w+/)?(\w+\.\w+)/.*", test["name"])
        found[parameterised.group(1) if parameterised else test["name"]] = files[0] if files else None
    return found


def problems(build):
    tests, rows = known_tests(build), list(threats())
    if len(rows) < LEAST_THREATS:
        yield f"{len(rows)} threats were read, at least {LEAST_THREATS} were written: has the table changed its form?"
    unbuilt = [name for name in tests if name.endswith("_NOT_BUILT")]
    for threat, names in rows:
        if not names:
            yield f"'{threat}' names no test"
        for name in names:
            whole, _, case = name.partition("/")
            if whole not in tests:
                yield f"'{threat}': no test {whole}" + (f" ({len(unbuilt)} test programs are not built)" if unbuilt else "")
            elif case and (not tests[whole] or f"def {case}(" not in tests[whole].read_text()):
                yield f"'{threat}': {whole} has no case {case}"


def main():
    found = list(problems(sys.argv[1]))
    for line in found:
        print(f"error: {line}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
