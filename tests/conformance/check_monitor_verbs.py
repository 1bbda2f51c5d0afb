#!/usr/bin/env python3
"""The verbs of monitor on a copy of the dashboards: usage check_monitor_verbs.py CONTRACT_CLI.

Two renders give the same bytes; `--check` is quiet about a tree that is current and names each thing that is not; `lint` names planted faults;
values on the command line reach the rules. Exit code 1 names what did not hold.
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLI = str(pathlib.Path(sys.argv[1]).resolve())
FAILURES = []


def run(cwd, *words):
    return subprocess.run([CLI, *map(str, words)], cwd=cwd, text=True, capture_output=True)


def expect(what, holds, result=None):
    if not holds:
        FAILURES.append(what + (f"\n  exit {result.returncode}\n  {result.stdout}{result.stderr}" if result else ""))


def tree_bytes(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def copy_of_the_project(work):
    """dashboards/ and the links of the guides, as they stand in the project."""
    for name in ("dashboards", "monitoring", "metrics-aggregator"):
        shutil.copytree(ROOT / name, work / name, symlinks=True, ignore=shutil.ignore_patterns("output"))
    (work / "docs" / "monitoring").mkdir(parents=True)
    for link in (ROOT / "docs" / "monitoring").iterdir():
        (work / "docs" / "monitoring" / link.name).symlink_to(link.readlink())


def check_stale(work):
    def stale(what, break_it, named):
        break_it()
        result = run(work, "monitor", "render", "--check")
        expect(f"--check does not see {what}", result.returncode == 1 and named in result.stderr, result)
        made = run(work, "dashboards", "build")
        expect(f"a render does not mend {what}", made.returncode == 0, made)
        again = run(work, "monitor", "render", "--check")
        expect(f"--check is not content after a render that mends {what}", again.returncode == 0, again)

    first = run(work, "monitor", "render", "--check")
    expect("--check of the project as it is", first.returncode == 0, first)
    board = work / "dashboards" / "grafana" / "energy.json"
    stale("a title changed by hand", lambda: board.write_text(board.read_text().replace("Active Providers", "Providers", 1)), "grafana/energy.json:")
    stale("a file that was deleted", board.unlink, "grafana/energy.json: is missing")
    stale("a file that nobody declares", lambda: (work / "dashboards" / "grafana" / "extra.json").write_text("{}"), "grafana/extra.json")

    def copy_for_link():
        link = work / "monitoring" / "alert.rules.yml"
        text = link.read_text()
        link.unlink()
        link.write_text(text)
    stale("a copy where a link was", copy_for_link, "monitoring/alert.rules.yml")
    catalogue = work / "dashboards" / "catalogue.yaml"
    stale("a changed catalogue", lambda: catalogue.write_text(catalogue.read_text().replace("uid: moloch", "uid: moloch-2")), "grafana/moloch.json")
    catalogue.write_text(catalogue.read_text() + "\n  - {targets: [\"localhost:9090\"], job: twice}\n")
    twice = run(work, "monitor", "render", "--check")
    expect("two targets of one address are not refused", twice.returncode != 0 and "localhost:9090" in twice.stderr, twice)


def check_lint(work):
    faults = work / "faults.rules.yml"
    faults.write_text("""groups:
  - name: planted
    rules:
      - {alert: A, expr: 'rate(block_height_total[5m]) > 0'}
      - {alert: B, expr: 'nobody_declares_me > 0'}
      - {alert: C, expr: 'increase(energy_readings_total[1m]) > 0', for: 5m}
      - {alert: D, expr: 'histogram_quantile(0.5, oracle_latency_seconds_bucket) > 1'}
""")
    board = work / "faults.json"
    board.write_text(json.dumps({"panels": [{"id": 1, "type": "stat", "title": "t", "targets": [{"expr": "up", "legendFormat": "{job}"}]}]}))
    found = run(ROOT, "monitor", "lint", faults, board)
    for words in ("rate() of the gauge 'block_height_total'", "'nobody_declares_me' is declared by nobody", "one event is missed", "without rate()",
                  "single braces"):
        expect(f"lint does not find: {words}", words in found.stderr, found)
    expect("lint of faults ends with 1", found.returncode == 1, found)


def check_values(work):
    out = work / "values"
    made = run(ROOT, "monitor", "render", "--out", out, "--epoch-seconds", 30, "--treasury-min-balance", 0, "--runbook-base", "https://runbooks.example")
    rules = (out / "prometheus" / "alert.rules.yml").read_text() if made.returncode == 0 else ""
    expect("an epoch of 30 s makes `for` of three of them 90s", "        for: 90s\n" in rules, made)
    expect("a balance of 0 leaves its alert out", rules and "TreasuryBalanceCriticallyLow" not in rules, made)
    expect("the base of the links", "runbook_url: https://runbooks.example/treasury.md#treasurybacklogcritical" in rules, made)
    some = run(ROOT, "monitor", "render", "--out", work / "some", "--plugins", "ledger,treasury")
    rules = (work / "some" / "prometheus" / "alert.rules.yml").read_text() if some.returncode == 0 else ""
    expect("two plugins alone", "TreasuryBacklogCritical" in rules and "Energy" not in rules and "SystemHealthCritical" not in rules, some)
    unknown = run(ROOT, "monitor", "render", "--out", work / "x", "--plugins", "nobody")
    expect("an unknown plugin is named", unknown.returncode == 1 and "'nobody'" in unknown.stderr, unknown)
    expect("nothing is written then", not (work / "x").exists())
    wrong = run(ROOT, "monitor", "render", "--epoch-seconds", "soon")
    expect("a wrong number is a wrong use", wrong.returncode == 2, wrong)
    install = run(ROOT, "monitor", "install-prometheus", "--dir", work / "etc")
    expect("install-prometheus", install.returncode == 0 and (work / "etc" / "targets.yaml").exists(), install)
    (work / "etc" / "targets.yaml").write_text("[]\n")
    run(ROOT, "monitor", "install-prometheus", "--dir", work / "etc")
    expect("targets that an operator wrote stay", (work / "etc" / "targets.yaml").read_text() == "[]\n")


def main():
    with tempfile.TemporaryDirectory(prefix="tb-monitor-") as folder:
        work = pathlib.Path(folder)
        for name in ("a", "b"):
            made = run(ROOT, "monitor", "render", "--out", work / name)
            expect(f"a render into {name}", made.returncode == 0, made)
        expect("two renders differ", tree_bytes(work / "a") == tree_bytes(work / "b"))
        check_lint(work)
        check_values(work)
        project = work / "project"
        project.mkdir()
        copy_of_the_project(project)
        check_stale(project)
    for line in FAILURES:
        print(f"error: {line}", file=sys.stderr)
    return 1 if FAILURES else 0


if __name__ == "__main__":
    sys.exit(main())
