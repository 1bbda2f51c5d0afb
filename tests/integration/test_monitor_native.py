"""`monitor native`: the page without Grafana and Prometheus, over a real node that comes and goes; and the program's own evaluator, held to promtool
on the rule tests that ship."""
import json
import os
import re
import signal
import subprocess
import unittest
import urllib.request

from node import BIN, ROOT, Node, wait_for

TESTS = ROOT / "dashboards" / "prometheus" / "alert.test.yaml"
INTERVAL = "1"


class NativePage:
    """The page's server as a process of its own, on any free port."""

    def __init__(self, node, endpoint):
        self.out = node.dir / "native.txt"
        with open(self.out, "wb") as out:
            self.process = subprocess.Popen([BIN / "contract-cli", "monitor", "native", "--from", "rpc", "--port", "0", "--interval", INTERVAL,
                                             "--endpoint", endpoint], env=node.environment(), cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)
        self.url = wait_for("the page's address", lambda: re.search(r"http://127[^ ]+", self.out.read_text())).group(0)

    def get(self, path=""):
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            self.headers = answer.headers
            return answer.read().decode()

    def snapshot(self):
        return json.loads(self.get("api/snapshot"))

    def alert(self, name):
        return {alert["state"] for alert in self.snapshot()["alerts"] if alert["name"] == name}

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


class NativePageTest(unittest.TestCase):
    def test_a_node_is_watched_goes_and_is_missed(self):
        node = Node(plugins=["ledger", "receipts", "energy"]).start()
        self.addCleanup(node.close)
        page = NativePage(node, f"http://127.0.0.1:{node.ports()['metrics']}/metrics")
        self.addCleanup(page.process.kill)
        wait_for("the node's series", lambda: "block_height_total" in page.snapshot()["metrics"])
        text = page.get()
        self.assertLess(text.index("<h2>Energy</h2>"), text.index('<h2 id="alerts">Alerts</h2>'))
        self.assertIn("<td>EnergyPendingCredits</td><td class=\"inactive\">", text)
        self.assertIn("class=missing>missing", text)  # what no plugin of this node counts
        self.assertRegex(text, r"reason=&quot;CreditExpired&quot;: 0")
        self.assertRegex(text, r"Mempool backlog: … events")
        self.assertRegex(text, r">Alerts</a>: <span class=\"\">0 firing</span>, ")
        self.assertNotIn("<script", text)
        self.assertIn("default-src 'none'", page.headers["Content-Security-Policy"])

        height = node.rpc("node.status")["current_block_height"]
        node.rpc("chain.noop")
        wait_for("a higher block", lambda: float(page.snapshot()["metrics"]["block_height_total"][0]["value"]) > height)
        self.assertEqual(page.alert("NodeMetricsAbsent"), {"inactive"})

        node.kill()
        gone = wait_for("the age of old values", lambda: (lambda now: now["age_seconds"] > 2 and now)(page.snapshot()))
        self.assertIn("cannot reach", gone["error"])
        self.assertIn("block_height_total", gone["metrics"])  # the last good ones
        self.assertRegex(page.get(), r"class=error>cannot reach .*These values are \d+ s old")
        wait_for("the alert", lambda: page.alert("NodeMetricsAbsent") == {"pending"})
        metrics = page.get("metrics")
        self.assertRegex(metrics, r"monitoring_snapshot_error_total [1-9]")
        self.assertEqual(page.get("healthz"), "ok\n")
        self.assertEqual(page.end(), 0)


class RuleTestsTest(unittest.TestCase):
    def run_tests(self, path, *more):
        return subprocess.run([BIN / "contract-cli", "monitor", "test", path, *more], cwd=ROOT, text=True, capture_output=True)

    def test_the_own_evaluator_passes_what_promtool_passes(self):
        done = self.run_tests(TESTS, "--built-in")
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        self.assertRegex(done.stdout, r"^\d{2,} tests, \d{3,} checks, 0 failed")

    def test_it_fails_what_is_wrong_and_says_where(self):
        node = Node(plugins=["ledger"])
        self.addCleanup(node.close)
        for name in ("alert.rules.yml", "recording.rules.yml"):
            (node.dir / name).write_text((TESTS.parent / name).read_text())
        broken = node.dir / "broken.test.yaml"
        text = TESTS.read_text()
        broken.write_text(text.replace("severity: critical, plugin: economics", "severity: warning, plugin: economics", 1))
        self.assertNotEqual(broken.read_text(), text)
        done = self.run_tests(broken, "--built-in")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"test 'blocks without a boundary', 20m, ControlLawsStalled: have .*critical.* want .*warning")
        # Without promtool the same tests are run, and it is said.
        env = {**os.environ, "PATH": "/nonexistent"}
        done = subprocess.run([BIN / "contract-cli", "monitor", "test", broken], cwd=ROOT, env=env, text=True, capture_output=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("promtool is not installed", done.stderr)


if __name__ == "__main__":
    unittest.main()
