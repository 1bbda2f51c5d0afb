#!/usr/bin/env python3
"""Runs the benchmarks and prints a table: name, value, unit, goal, met or not.

Ratios compare with a baseline of the same run (a libsodium verification, a virtual call, a bare Beast server), so that they
say the same on a fast and on a busy machine. Absolute goals are times and sizes that the project promises.
A benchmark that cannot run is an error, never a missing line.
"""
import argparse
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

# name -> (goal, which side is better). What is not here is context for the reader, with no goal.
GOALS = {
    "isolation_per_reading_us": (15, "lower"),
    "isolation_per_settlement_us": (40, "lower"),
    "isolation_crash_answered_ms": (100, "lower"),
    "command_cost_ratio": (1.25, "lower"),
    "flat_ratio": (1.3, "lower"),
    "restart_cpu_s": (2.0, "lower"),
    "restart_after_kill_cpu_s": (2.0, "lower"),
    "replay_rate": (150000, "higher"),
    "preview_rate": (100000, "higher"),
    "rpc_ratio": (0.6, "higher"),
    "abi_overhead_ns": (20, "lower"),
    "sdk_counter_ns": (25, "lower"),
    "rss_idle_mb": (32, "lower"),
    "console_first_paint_kb": (200, "lower"),
    "console_scroll_fps": (58, "higher"),  # of a screen with 60
    "console_scroll_blank_percent": (0, "lower"),  # rows that should be seen and are not drawn yet
    "console_node_percent": (1, "lower"),
    "metrics_10k_cpu_ms": (25, "lower"),
    "reload_growth_mb": (8, "lower"),
    "treasury_epoch_ratio": (1.5, "lower"),
    "pause_longest_ms": (150, "lower"),
    "snapshot_loss": (0.1, "lower"),
    "snapshot_verify_ratio": (0.5, "higher"),
    "snapshot_restore_ratio": (0.5, "higher"),
    "lua_hook_us": (3, "lower"),
    "lua_hook_share": (8, "lower"),
}
START_SECONDS = 60
PLUGINS = ("ledger", "receipts", "energy")


def value(name, number, unit):
    return {"name": name, "value": number, "unit": unit}


def run_lines(command):
    """A program that prints a line of JSON per result."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}; what it said stands above")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def chain_bench(mode):
    def run(bench):
        command = [f"{bench.bin}/bench_chain", mode]
        if bench.commands:
            command += ["--commands", str(bench.commands)]
        return run_lines(command)
    return run


def sdk(bench):
    done = subprocess.run([f"{bench.bin}/bench_sdk", "--benchmark_format=json", "--benchmark_min_time=0.2",
                           "--benchmark_repetitions=5", "--benchmark_report_aggregates_only=true"],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    medians = {b["run_name"]: b["cpu_time"] for b in json.loads(done.stdout)["benchmarks"] if b["aggregate_name"] == "median"}
    return [value("virtual_call_ns", medians["virtual_call"], "ns"),
            value("abi_overhead_ns", medians["command_through_the_abi"] - medians["virtual_call"], "ns"),
            value("sdk_counter_ns", medians["counter_increment"], "ns")]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class Node:
    """blockd with the three plugins on a fresh directory; stops when the block ends."""

    def __init__(self, bench):
        self.dir = tempfile.mkdtemp(prefix="bench-node-", dir="/var/tmp")
        self.port = free_port()
        self.program = f"{bench.bin}/blockd"
        self.plugin_dir = f"{bench.build}/plugins"

    def __enter__(self):
        config = os.path.join(self.dir, "node.yaml")
        with open(config, "w") as out:
            out.write("chain:\n  profile: dev\nplugins:\n  dir: %s\n  load: [%s]\nlisteners:\n  rpc: 127.0.0.1:%d\n  metrics: 127.0.0.1:%d\n  status: 127.0.0.1:%d\n"
                      "log:\n  level: warn\nrpc:\n  exempt_loopback: true\n" % (self.plugin_dir, ", ".join(PLUGINS), self.port, free_port(), free_port()))
        self.log = open(os.path.join(self.dir, "node.out"), "w+")
        self.process = subprocess.Popen([self.program, "run", "--config", config, "--data-dir", f"{self.dir}/data", "--foreground"],
                                        stdout=self.log, stderr=subprocess.STDOUT)
        try:
            self.wait_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def said(self):
        self.log.flush()
        with open(self.log.name) as text:
            return text.read()[-3000:]

    def wait_ready(self):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"blockd ended with {self.process.returncode}:\n{self.said()}")
            try:
                self.call("block.latest", {})
                return
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
        raise RuntimeError(f"blockd was not ready after {START_SECONDS} s:\n{self.said()}")

    def call(self, method, params):
        connection = UnixConnection(f"{self.dir}/data/rpc.sock")
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        connection.request("POST", "/", body, {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
        connection.close()
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def rss_mb(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+) kB", status.read()).group(1)) / 1024


def memory(bench):
    with Node(bench) as node:
        time.sleep(3)  # some heartbeat blocks
        idle = node.rss_mb()
        reloads = bench.reloads
        for _ in range(reloads):
            node.call("plugin.reload", {"name": "energy"})
        return [value("rss_idle_mb", idle, "MB"), value("reloads", reloads, "times"),
                value("reload_growth_mb", node.rss_mb() - idle, "MB")]


def wrk(url, script):
    done = subprocess.run(["wrk", "-t1", "-c16", "-d4s", "-s", script, url], stdout=subprocess.PIPE, text=True, check=True)
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout)
    if bad:
        raise RuntimeError(f"{url}: {bad.group(1)} requests were refused")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout).group(1))


def rpc(bench):
    if shutil.which("wrk") is None:
        raise RuntimeError("wrk is missing; apt-get install wrk")
    with Node(bench) as node:
        script = os.path.join(node.dir, "post.lua")
        with open(script, "w") as out:
            out.write('wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n'
                      'wrk.body = \'{"jsonrpc":"2.0","id":1,"method":"balance","params":{"address":"treasury"}}\'\n')
        node.call("balance", {"address": "treasury"})  # answers, or says why it does not
        port = free_port()
        bare = subprocess.Popen([f"{bench.bin}/bench_bare_beast", str(port)], stdout=subprocess.DEVNULL)
        try:
            end = time.monotonic() + START_SECONDS
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except OSError:
                    if time.monotonic() > end:
                        raise
                    time.sleep(0.05)
            pairs = [(wrk(f"http://127.0.0.1:{port}/", script), wrk(f"http://127.0.0.1:{node.port}/", script)) for _ in range(3)]
        finally:
            bare.kill()
            bare.wait()
    ours = sorted(p[1] / p[0] for p in pairs)
    return [value("bare_beast_rate", sorted(p[0] for p in pairs)[1], "1/s"), value("rpc_rate", sorted(p[1] for p in pairs)[1], "1/s"),
            value("rpc_ratio", ours[1], "x")]


def console(bench):
    tests = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "browser")
    subprocess.run(["node", f"{tests}/install.mjs", bench.build], check=True, stdout=sys.stderr)
    done = subprocess.run(["node", f"{tests}/bench.mjs"], stdout=subprocess.PIPE, text=True, env={**os.environ, "TB_BUILD_DIR": bench.build})
    if done.returncode != 0:
        raise RuntimeError(f"bench.mjs ended with {done.returncode}; what it said stands above")
    return [json.loads(line) for line in done.stdout.splitlines()]


def pause(bench):
    command = [f"{bench.bin}/bench_pause", "--seconds", str(bench.pause_seconds)]
    return run_lines(command + (["--commands", str(bench.commands)] if bench.commands else []))


BENCHES = {"commands": chain_bench("commands"), "flat": chain_bench("flat"), "log": chain_bench("log"), "sdk": sdk, "rpc": rpc,
           "lua": lambda bench: run_lines([f"{bench.bin}/bench_lua"]),
           "isolation": lambda bench: run_lines([f"{bench.bin}/bench_isolation"]),
           "snapshot": lambda bench: run_lines([f"{bench.bin}/bench_snapshot", "--mb", str(bench.state_mb)]),
           "pause": pause,
           "treasury": lambda bench: run_lines([f"{bench.bin}/bench_treasury"]),
           "memory": memory, "console": console}

LONG = {"pause"}  # a quarter of an hour: only when it is asked for


def show(result):
    if "goal" not in result:
        return f"{result['name']:<26} {result['value']:>12.4g} {result['unit']}"
    sign = "<=" if result["better"] == "lower" else ">="
    met = result["value"] <= result["goal"] if result["better"] == "lower" else result["value"] >= result["goal"]
    return f"{result['name']:<26} {result['value']:>12.4g} {result['unit']:<11} {sign} {result['goal']:<8g} {'yes' if met else 'NO'}"


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("--build", default="build/release", help="build directory")
    parser.add_argument("--json", metavar="FILE", help="write the results as a list")
    parser.add_argument("--only", metavar="NAME", action="append", choices=sorted(BENCHES), help="this benchmark; may be given again")
    parser.add_argument("--commands", type=int, help="commands of the chain benchmarks and of the state of `pause`, instead of their own numbers")
    parser.add_argument("--state-mb", type=int, default=1024, help="size of the state of the snapshot benchmark")
    parser.add_argument("--pause-seconds", type=int, default=600, help="length of the load of the pause benchmark")
    parser.add_argument("--reloads", type=int, default=1000, help="reloads of the memory benchmark")
    bench = parser.parse_args()
    bench.build = os.path.abspath(bench.build)
    bench.bin = f"{bench.build}/bin"

    results, failed = [], []
    print(f"{'name':<26} {'value':>12} {'unit':<11} goal        met?")
    for name in bench.only or (n for n in BENCHES if n not in LONG):
        try:
            found = BENCHES[name](bench)
        except (RuntimeError, OSError, subprocess.CalledProcessError, KeyError, ValueError) as error:
            failed.append(name)
            print(f"{name}: FAILED: {error}", file=sys.stderr)
            continue
        for result in found:
            if result["name"] in GOALS:
                result["goal"], result["better"] = GOALS[result["name"]]
            print(show(result), flush=True)
            results.append(result)
    if bench.json:
        with open(bench.json, "w") as out:
            json.dump([r for r in results if "goal" in r], out, indent=1)
            out.write("\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
