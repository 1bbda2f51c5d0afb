"""Dashboards, alerts and records against a real Prometheus that scrapes a real node under load: every expression evaluates, panels of loaded
plugins return data, every metric is on a panel, and what the manifests say of series is what the node exposes. A plugin of somebody else has
its row, panel, alert and dashboard by being loaded, and takes them with it."""
import json
import os
import re
import subprocess
import unittest

from node import BIN, BUILD, ROOT, Node, wait_for
from prometheus import Prometheus
from websocket import WebSocket

PLUGINS = ["ledger", "governance", "receipts", "treasury", "economics", "energy", "mock-oracle", "oracle-adapter"]
ORACLE = f"mock_oracle:\n  listen: 127.0.0.1:0\n  step_ms: 50\n  data_file: {ROOT}/config/sample-data/gb-electricity-demand-2000.csv\n"
GRAFANA = ROOT / "dashboards" / "grafana"
RULES = ROOT / "dashboards" / "prometheus"

# Metrics whose series begin with their first event, because outsiders choose the label's value or the thing itself is not there: a panel over
# nothing but these may be empty on a healthy node. Metric -> why.
EMPTY_UNTIL_THE_FIRST_EVENT = {
    "energy_signature_failure_total": "by provider: no reading failed",
    "energy_slashing_total": "by provider: nobody was slashed",
    "energy_quorum_shortfall_total": "by provider: no quorum was missed",
    "energy_provider_deactivation_triggered": "by provider: nobody was deactivated",
    "energy_provider_penalties_applied": "by provider: nobody was punished",
    "release_votes_total": "no release was voted on",
    "metrics_label_overflow_total": "no family of series is full",
    "tls_env_warning_last_seen_seconds": "by prefix: nothing is odd about the TLS settings",
    "param_change_active": "no parameter was changed by a vote",
    "param_change_pending": "no parameter waits",
    "gov_activation_total": "no parameter was activated",
    "gov_rollback_total": "no parameter was rolled back",
    "gov_activation_delay_seconds": "no parameter was activated",
    "gov_dependency_policy_allowed": "no policy was voted",
    "release_attestation_signers": "no release was approved",
    "release_attestation_threshold": "no release was approved",
    "release_attestation_age_seconds": "no release was approved",
    "gov_script_runs_total": "no script was voted",
    "gov_script_instructions": "no script was voted",
    "gov_script_disabled": "no script was voted",
    "lua_local_value": "no script of this node",
    "lua_local_errors_total": "no script of this node",
    "plugin_child_crashes_total": "no plugin runs in a process of its own",
    "plugin_child_restarts_total": "no plugin runs in a process of its own",
    "plugin_upgrade_ready": "no upgrade is staged",
    "plugin_migration_rows": "no migration runs",
    "plugin_image_draining": "no image was replaced",
    "rpc_client_error_total": "no call failed",
    "tx_rejected_total": "no command was refused",
    "rpc_tokens_available": "nobody is limited",
    "storage:retrieval:success_ratio": "recorded by a storage market",
}


def expressions(dashboard):
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"].replace("$instance", ".*").replace("$plugin", ".*")


def rules():
    for path in sorted(RULES.glob("*.rules.yml")):
        for match in re.finditer(r"- (alert|record): (\S+)\n\s+expr: '((?:[^']|'')*)'", path.read_text()):
            yield match.group(2), match.group(3).replace("''", "'")


def words(expr):
    return set(re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.sub(r'"[^"]*"', "", expr)))


class DashboardsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Node(plugins=PLUGINS, config=ORACLE, env={"TB_TREASURY_EXECUTOR": "1", "TB_TREASURY_POLL_SECS": "1"}).start()
        try:
            wait_for("the ports", lambda: "metrics" in cls.node.ports())
            cls.prometheus = Prometheus(cls.node)
            wait_for("settlements", lambda: cls.node.metric("energy_settlements_total", 0) > 3, 180)
            # Two scrapes see what the load has made, so that rates have something to compare.
            wait_for("a rate", lambda: [s for s in cls.prometheus.query("rate(energy_readings_total[1m])") if float(s["value"][1]) > 0], 180)
            wait_for("a question's time", lambda: cls.node.rpc("receipts.stats") and cls.prometheus.query("rate(receipt_query_duration_seconds_count[1m])"), 180)
            wait_for("the scores", lambda: cls.prometheus.query("system:overall:health_score"), 180)
        except BaseException:
            print(cls.node.output()[-4000:])
            cls.node.close()
            raise
        cls.metrics = json.loads((ROOT / "dashboards" / "metrics.json").read_text())

    @classmethod
    def tearDownClass(cls):
        cls.prometheus.close()
        cls.node.close()

    def metric_of(self, series):
        names = {m["name"] for m in self.metrics}
        bare = re.sub(r"_(bucket|sum|count)$", "", series)
        return series if series in names else bare if bare in names else None

    def test_every_rule_evaluates_and_every_record_that_can_has_data(self):
        for name, expr in rules():
            self.prometheus.query(expr)  # raises with the name of what Prometheus does not take
        groups = self.prometheus.get("/api/v1/rules")["groups"]
        loaded = {rule["name"] for group in groups for rule in group["rules"]}
        self.assertEqual(loaded, {name for name, _ in rules()})
        sick = [(rule["name"], rule.get("lastError")) for group in groups for rule in group["rules"] if rule["health"] == "err"]
        self.assertEqual(sick, [])

    def test_every_panel_evaluates_and_shows_something(self):
        empty, asked = set(), {}
        for path in sorted(GRAFANA.glob("*.json")):
            for title, expr in expressions(json.loads(path.read_text())):
                if expr not in asked:
                    asked[expr] = bool(self.prometheus.query(expr))
                used = {self.metric_of(word) for word in words(expr)} - {None}
                if not asked[expr] and not used & EMPTY_UNTIL_THE_FIRST_EVENT.keys():
                    empty.add((path.name, title, expr))
        self.assertEqual(empty, set())
        self.assertGreater(len(asked), 200)

    def test_every_metric_is_on_a_panel_of_the_main_dashboard_or_of_its_plugin(self):
        shown = {}
        for path in GRAFANA.glob("*.json"):
            shown[path.stem] = set().union(*(words(expr) for _, expr in expressions(json.loads(path.read_text()))))
        everywhere = set().union(*shown.values())
        by_name = {m["name"]: m for m in self.metrics}
        for metric in self.metrics:
            if metric["scope"] == "external" or "alias_of" in metric:
                continue
            names = {metric["name"]} | {n for n, m in by_name.items() if m.get("alias_of") == metric["name"]}
            series = names | {n + end for n in names for end in ("_bucket", "_sum", "_count")}
            self.assertTrue(series & everywhere, f"{metric['name']} is on no panel")
            self.assertTrue(series & shown[f"plugin-{metric['by']}"], f"{metric['name']} is not on its plugin's dashboard")

    def test_the_node_exposes_what_is_declared_and_nothing_else(self):
        text = self.node.metrics()
        exposed = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
        declared = {m["name"]: m["type"] for m in self.metrics if m["scope"] != "external"}
        self.assertEqual({n for n in exposed if n not in declared}, set(), "series that no manifest declares")
        late = EMPTY_UNTIL_THE_FIRST_EVENT
        self.assertEqual({n for n in declared if n not in exposed and n not in late}, set(), "declared, and never exposed")
        self.assertEqual({n: (t, declared[n]) for n, t in exposed.items() if t != declared[n]}, {})
        labels = {m["name"]: set(m["labels"]) for m in self.metrics}
        for name, inside in re.findall(r"^([a-zA-Z_:][\w:]*)\{(.*)\} ", text, re.MULTILINE):
            found = set(re.findall(r'(\w+)="', inside)) - {"le"}
            metric = self.metric_of(name)
            self.assertLessEqual(found, labels[metric], f"{name}: labels that the manifest does not name")

    def test_a_dashboard_is_what_grafana_takes(self):
        wanted = {"annotations", "description", "editable", "graphTooltip", "id", "links", "panels", "refresh", "schemaVersion", "tags", "templating",
                  "time", "timezone", "title", "uid", "version"}
        uids = set()
        for path in sorted(GRAFANA.glob("*.json")):
            board = json.loads(path.read_text())
            self.assertEqual(set(board), wanted, path.name)
            self.assertEqual((board["schemaVersion"], board["id"], board["version"]), (39, None, 1), path.name)
            self.assertNotIn(board["uid"], uids, path.name)
            self.assertLessEqual(len(board["uid"]), 40, path.name)
            uids.add(board["uid"])
            self.assertEqual([v["name"] for v in board["templating"]["list"]], ["datasource", "instance", "plugin"])
            self.assertEqual([p["id"] for p in board["panels"]], list(range(1, len(board["panels"]) + 1)), path.name)
            titles = [p["title"] for p in board["panels"] if p["type"] != "row"]
            self.assertEqual(len(titles), len(set(titles)), f"{path.name}: two panels of one title")
            for panel in board["panels"]:
                self.assertLessEqual(panel["gridPos"]["x"] + panel["gridPos"]["w"], 24)
                if panel["type"] == "row":
                    continue
                where = f"{path.name}: {panel['title']}"
                self.assertTrue(panel["description"], where)
                self.assertEqual(panel["datasource"], {"type": "prometheus", "uid": "${datasource}"}, where)
                self.assertEqual([t["refId"] for t in panel["targets"]], [chr(65 + i) for i in range(len(panel["targets"]))], where)
                for target in panel["targets"]:
                    self.assertEqual(target["datasource"]["uid"], "${datasource}", where)
                    self.assertNotEqual(target["instant"], target["range"], where)
                for link in panel.get("links", []):
                    page, _, anchor = link["url"].partition("#")
                    self.assertIn(f"### {anchor}\n", (ROOT / page).read_text().lower(), where)
        mirrors = [json.loads((GRAFANA / f"{name}.json").read_text()) for name in ("dashboard", "telemetry", "dev", "operator")]
        for board in mirrors:
            del board["title"], board["uid"]
        self.assertTrue(all(board == mirrors[0] for board in mirrors))

    def test_scores_lie_between_none_and_all(self):
        for name in ("treasury", "energy", "storage", "overall"):
            (sample,) = self.prometheus.query(f"system:{name}:health_score")
            self.assertTrue(0 <= float(sample["value"][1]) <= 1, sample)

    @staticmethod
    def rendered(node, name):
        out = node.dir / name
        node.cli("monitor", "render", "--from", "rpc", "--out", out)
        return out

    def test_a_plugin_of_somebody_else_brings_its_row_panel_alert_and_dashboard(self):
        node = Node(plugins=["ledger"]).start()
        self.addCleanup(node.close)
        before = self.rendered(node, "before")
        self.assertFalse((before / "grafana" / "plugin-greeter.json").exists())
        hash_before = node.rpc("monitor.catalogue")["hash"]
        stream = WebSocket(node.ports()["rpc"])
        self.addCleanup(stream.close)
        stream.send({"jsonrpc": "2.0", "id": 1, "method": "events.subscribe", "params": {"topics": ["monitor.*"], "from": "head"}})
        self.assertIn("result", stream.receive())
        node.rpc("plugin.upgrade", {"path": str(BUILD / "plugins" / "greeter.so")}, timeout=60)
        wait_for("the greeter", lambda: "greeter" in {p["id"] for p in node.rpc("plugin.list") if p["state"] == "running"})
        told = stream.receive()["params"]
        self.assertEqual((told["topic"], told["data"]["hash"]), ("monitor.catalogue_changed", node.rpc("monitor.catalogue")["hash"]))
        self.assertNotEqual(told["data"]["hash"], hash_before)
        with_greeter = self.rendered(node, "with")
        board = json.loads((with_greeter / "grafana" / "plugin-greeter.json").read_text())
        self.assertEqual([p["title"] for p in board["panels"]], ["Greeter", "Greetings a second"])
        main = json.loads((with_greeter / "grafana" / "dashboard.json").read_text())
        self.assertIn(("row", "Greeter"), {(p["type"], p["title"]) for p in main["panels"]})
        self.assertIn("alert: GreeterBusy", (with_greeter / "prometheus" / "alert.rules.yml").read_text())
        self.assertIn("greeter_greetings_total", node.metrics())
        node.rpc("plugin.upgrade", {"remove": "greeter"}, timeout=60)  # its library stays mapped, stopped, until the next start
        self.assertEqual(stream.receive()["params"]["data"]["hash"], hash_before)
        self.assertEqual(node.rpc("monitor.catalogue")["hash"], hash_before)
        after = self.rendered(node, "after")
        self.assertFalse((after / "grafana" / "plugin-greeter.json").exists())
        for path in ("grafana/dashboard.json", "prometheus/alert.rules.yml", "metrics.json"):
            self.assertEqual((after / path).read_bytes(), (before / path).read_bytes(), path)

    def test_the_page_without_grafana(self):
        out = self.node.dir / "page"
        env = {**self.node.environment(), "TELEMETRY_ENDPOINT": f"http://127.0.0.1:{self.node.ports()['metrics']}/metrics"}
        render = [BIN / "contract-cli", "monitor", "render", "--from", "rpc", "--out", out, "--html", out]
        subprocess.run(render, env=env, cwd=ROOT, check=True, capture_output=True)
        page = (out / "index.html").read_text()
        self.assertRegex(page, r"<td>energy_settlements_total</td><td>[^<]*</td><td>provider=")
        self.assertLess(page.index("<h2>Treasury</h2>"), page.index("<h2>Energy</h2>"))
        self.assertNotIn("<script", page)
        self.assertNotRegex(page, r'(src|href)="?https?:')
        env["TELEMETRY_ENDPOINT"] = "http://127.0.0.1:1/metrics"
        subprocess.run(render, env=env, cwd=ROOT, check=True, capture_output=True)
        page = (out / "index.html").read_text()
        self.assertIn("class=error", page)
        self.assertIn("missing", page)

    def test_the_helper_for_queries(self):
        env = {**os.environ, "PROMETHEUS_URL": self.prometheus.url}
        def run(*words, **more):
            return subprocess.run(words, env={**env, **more}, text=True, capture_output=True)
        helper = str(ROOT / "scripts" / "prometheus_query")
        self.assertEqual(json.loads(run(helper, "vector(7)").stdout)["data"]["result"][0]["value"][1], "7")
        self.assertEqual(run(helper, "--value", "vector(7)").stdout, "7\n")
        self.assertEqual(run(helper, "vector(7)", LINES="40", COLUMNS="80").stdout, "7\n")
        nothing = run(helper, "--value", "no_such_series")
        self.assertEqual((nothing.returncode, nothing.stdout), (0, "no data\n"))
        refused = run(helper, "sum(")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("refuses the query", refused.stderr)
        unreachable = run(helper, "up", PROMETHEUS_URL="http://127.0.0.1:1")
        self.assertEqual(unreachable.returncode, 1)
        self.assertIn("does not answer", unreachable.stderr)
        self.assertEqual(run("bash", "-c", f". {ROOT}/scripts/prometheus_query.sh && prometheus_query --value 'vector(3)'").stdout, "3\n")


if __name__ == "__main__":
    unittest.main(verbosity=2)
