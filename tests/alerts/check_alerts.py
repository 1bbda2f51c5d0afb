#!/usr/bin/env python3
"""Alerts fire when they should and only then: promtool runs the unit tests of this folder against the rules that are made from the manifests.

For each <plugin>_test.yml: every alert of dashboards/prometheus/<plugin>.rules.yml is shown firing and shown silent, and the runbook that
it links to has its heading. Exit code 1 names what is missing.
"""
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def rules_of(path):
    """(alert, page of the runbook, anchor) of a rule file."""
    name = None
    for line in path.read_text().splitlines():
        if match := re.match(r"\s*- alert: (\S+)", line):
            name = match.group(1)
        elif match := re.match(r"\s*runbook_url: (\S+)#(\S+)", line):
            yield name, match.group(1), match.group(2)


def shown(path):
    """Alerts that a test file shows firing, and those that it shows silent."""
    firing, silent = set(), set()
    entries = re.split(r"\n\s*- (?=eval_time|\{eval_time)", path.read_text())
    for entry in entries[1:]:
        name = re.search(r"alertname: (\w+)", entry).group(1)
        (firing if "exp_alerts:" in entry else silent).add(name)
    return firing, silent


def problems():
    for tests in sorted(HERE.glob("*_test.yml")):
        rules = ROOT / "dashboards" / "prometheus" / (tests.stem.removesuffix("_test") + ".rules.yml")
        if not rules.exists():
            yield f"{rules.relative_to(ROOT)} is missing: run ./dev docs"
            continue
        result = subprocess.run(["promtool", "test", "rules", str(tests)], text=True, capture_output=True)
        if result.returncode != 0:
            yield f"{tests.name}:\n{result.stdout}{result.stderr}"
        firing, silent = shown(tests)
        for alert, page, anchor in rules_of(rules):
            if alert not in firing:
                yield f"{tests.name} never shows {alert} firing"
            if alert not in silent:
                yield f"{tests.name} never shows {alert} silent"
            runbook = ROOT / page
            headings = runbook.read_text() if runbook.exists() else ""
            if not re.search(rf"^### {alert}$", headings, re.MULTILINE) or anchor != alert.lower():
                yield f"{page} has no heading '### {alert}'"


def main():
    found = list(problems())
    for line in found:
        print(f"error: {line}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
