#!/usr/bin/env python3
"""Alerts fire when they should and only then: promtool runs the unit tests of dashboards/prometheus/alert.test.yaml against the shipped rules.

Every alert of the rules is shown firing and shown silent, the runbook that it links to has its heading, the configurations of Prometheus and
Alertmanager hold, by our names and by the guides'. Exit code 1 names what is missing.
"""
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "dashboards" / "prometheus"
TESTS = PROMETHEUS / "alert.test.yaml"


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


def refused(*command):
    """What a program of Prometheus says against a file of ours; nothing when it takes it."""
    result = subprocess.run([str(word) for word in command], text=True, capture_output=True, cwd=ROOT)
    return [] if result.returncode == 0 else [f"{' '.join(map(str, command))}:\n{result.stdout}{result.stderr}"]


def problems():
    for rules in ("alert.rules.yml", "recording.rules.yml"):
        yield from refused("promtool", "check", "rules", PROMETHEUS / rules)
        yield from refused("promtool", "check", "rules", ROOT / "monitoring" / rules)
    for config in (PROMETHEUS / "prometheus.yml", ROOT / "monitoring" / "prometheus.yml"):
        yield from refused("promtool", "check", "config", config)
    for tests in (TESTS, ROOT / "monitoring" / "alert.test.yml"):
        yield from refused("promtool", "test", "rules", tests)
    if shutil.which("amtool"):
        yield from refused("amtool", "check-config", ROOT / "dashboards" / "alertmanager" / "alertmanager.yaml")
    firing, silent = shown(TESTS)
    alerts = list(rules_of(PROMETHEUS / "alert.rules.yml"))
    for alert, page, anchor in alerts:
        if alert not in firing:
            yield f"{TESTS.name} never shows {alert} firing"
        if alert not in silent:
            yield f"{TESTS.name} never shows {alert} silent"
        runbook = ROOT / page
        headings = runbook.read_text() if runbook.exists() else ""
        if not re.search(rf"^### {alert}$", headings, re.MULTILINE) or anchor != alert.lower():
            yield f"{page} has no heading '### {alert}'"
    for alert in sorted((firing | silent) - {name for name, _, _ in alerts}):
        yield f"{TESTS.name} tests {alert}, which no rule declares"


def main():
    found = list(problems())
    for line in found:
        print(f"error: {line}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
