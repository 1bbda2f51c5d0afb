"""A real Prometheus for a test: scrapes a node every second with the shipped rules."""
import json
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from node import ROOT, wait_for


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Prometheus:
    def __init__(self, node, jobs=None):
        """`jobs`: more names under which the node is scraped."""
        self.dir, self.port = node.dir / "prometheus", free_port()
        self.dir.mkdir()
        for rules in (ROOT / "dashboards" / "prometheus").glob("*.rules.yml"):
            # The shipped interval of 15 s is made 1 s, so that the test does not wait for it; expressions stay as they are.
            text = rules.read_text().replace("interval: 15s", "interval: 1s").replace("interval: 30s", "interval: 1s")
            (self.dir / rules.name).write_text(text)
        target = f"127.0.0.1:{node.ports()['metrics']}"
        jobs = "".join(f"  - job_name: {job}\n    static_configs: [{{targets: ['{target}']}}]\n" for job in ["the-block", *(jobs or [])])
        (self.dir / "prometheus.yml").write_text(
            f"global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: ['*.rules.yml']\nscrape_configs:\n{jobs}")
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = open(self.dir / "log.txt", "wb")
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={self.dir}/prometheus.yml", f"--storage.tsdb.path={self.dir}/data", f"--web.listen-address=127.0.0.1:{self.port}"],
            stdout=self.log, stderr=subprocess.STDOUT)
        wait_for("Prometheus", self.is_up)

    def is_up(self):
        if self.process.poll() is not None:
            raise AssertionError((self.dir / "log.txt").read_text()[-2000:])
        try:
            return bool(self.query('up{job="the-block"} == 1'))
        except OSError:
            return False

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return json.load(answer)["data"]

    def query(self, expr):
        """Samples of an expression. AssertionError with what Prometheus says against it."""
        try:
            return self.get("/api/v1/query?query=" + urllib.parse.quote(expr))["result"]
        except urllib.error.HTTPError as error:
            if error.code in (400, 422):
                raise AssertionError(f"{expr}: {json.load(error).get('error')}") from None
            raise

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.log.close()
