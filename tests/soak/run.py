#!/usr/bin/env python3
"""The soak: a node under full load while plugins are reloaded, upgraded and downgraded, the configuration changes, and the
process is killed. Ends with a table of what is promised and what was seen; exit code 1 if one promise was broken.
docs/runbooks/soak.md says how to read it.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "integration")]

RELOADS_A_MINUTE = 100
GENERATIONS_A_MINUTE = 100
KILLS_A_MINUTE = 2
UPGRADES_A_MINUTE = 4
JUDGED_MINUTES = 10               # from here on memory is judged
WARM_COMMANDS = 400_000           # then the index of commands and all caches are full; from here the load alone adds some 2 MB a 300,000 commands
FEW_COMMANDS_A_MINUTE = 10_000    # before shorter runs
WINDOW_SECONDS = 5
RSS_BOUND_MB = 8
PAUSE_P99_BOUND_MS = 5
WORST_PAUSE_BOUND_MS = 150
LOSS_BOUND_PERCENT = 0.5

CONFIG = """rpc:
  exempt_loopback: true
  max_batch: {batch}
storage:
  write_buffer_mb: 4
  cache_mb: 8
"""
# Blocks of a network's kind, forty a second: with the interval 0 memory would grow by the index of very many headers.
CHAIN = {"block_interval_ms": 25, "empty_block_interval_ms": 250}


def say(text):
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


class Promises:
    """`timed` promises are figures of time or memory: a short run shows them and judges none, since a busy machine would decide."""

    def __init__(self, judge_timed):
        self.rows = []
        self.judge_timed = judge_timed

    def timed(self, name, promised, seen, kept):
        self.add(name, promised if self.judge_timed else f"{promised}, judged in long runs", seen, kept or not self.judge_timed)

    def add(self, name, promised, seen, kept):
        self.rows.append({"promise": name, "promised": promised, "seen": seen, "kept": bool(kept)})
        say(f"  {name}: {seen} ({promised}){'' if kept else ' BROKEN'}")  # a run that is ended early has told what it saw

    def table(self):
        widths = [max(len(str(r[k])) for r in self.rows) for k in ("promise", "promised", "seen")]
        lines = []
        for r in self.rows:
            cells = [str(r[k]).ljust(w) for k, w in zip(("promise", "promised", "seen"), widths)]
            lines.append("  ".join(cells) + "  " + ("kept" if r["kept"] else "BROKEN"))
        return "\n".join(lines)

    def broken(self):
        return [r for r in self.rows if not r["kept"]]


class Load:
    """soak_load beside the node. `line` is what it last said."""

    def __init__(self, node, commands, queries, streams, breaks=False):
        from node import BIN
        command = [BIN / "soak_load", "--socket", node.data / "rpc.sock", "--port", str(node.ports()["rpc"]), "--commands", str(commands), "--queries", str(queries),
                   "--streams", str(streams)] + (["--breaks"] if breaks else [])
        self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.line = {"commands": 0, "queries": 0, "events": 0}
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.line = json.loads(line)

    def end(self):
        self.process.stdin.close()
        self.process.wait(timeout=600)
        self.reader.join()
        self.process.stdout.close()
        if self.process.returncode != 0 or not self.line.get("last"):
            raise RuntimeError(f"the load client ended with {self.process.returncode}")
        return self.line

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class HeldConnections:
    """WebSockets and kept HTTP connections that nobody may close."""

    def __init__(self, port, number):
        from test_live_config import Held
        self.held = [Held(port) for _ in range(number)]
        self.dropped = []

    def check(self):
        for held in list(self.held):
            try:
                held.check()
            except (OSError, AssertionError) as problem:
                self.dropped.append(str(problem))
                self.held.remove(held)

    def close(self):
        for held in self.held:
            held.close()


class Soak:
    def __init__(self, args):
        from live_plugin import LivePlugins
        from node import Node
        self.args, self.promises, self.facts = args, Promises(not args.quick), {}
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="tb-soak-"))
        self.plugins = LivePlugins(self.dir)
        self.builds = [self.plugins.live(f"live-1-{i}", VERSION=f"1.0.{i}") for i in range(2)]
        self.watchers = [self.plugins.watcher(f"watcher-{i}", VERSION=f"1.0.{i}") for i in range(2)]
        (self.dir / "node").mkdir()
        self.node = Node(plugins=["ledger"], config=CONFIG.format(batch=100), settings={"chain": CHAIN}, directory=self.dir / "node")
        self.load = None
        self.failures = []
        self.reloads = self.generations = self.upgrades = self.kills = 0

    # ---- what a node says of itself

    def rss_mb(self):
        with open(f"/proc/{self.node.process.pid}/status") as status:
            return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))

    def rss_after_reloads(self):
        """The least after each of five reloads, which give back what was free: under load rows gather for the store and go again."""
        seen = []
        for _ in range(5):
            self.reload("watcher")
            seen.append(self.rss_mb())
        return min(seen)

    def pauses(self, cause):
        """Histogram of chain_apply_pause_seconds: [(bound, cumulative count)], sum, count; and the longest."""
        buckets, total, count, longest = [], 0.0, 0, 0.0
        for line in self.node.metrics().splitlines():
            if f'cause="{cause}"' not in line:
                continue
            value = float(line.rsplit(" ", 1)[1])
            if line.startswith("chain_apply_pause_seconds_bucket"):
                bound = line.split('le="')[1].split('"')[0]
                buckets.append((float("inf") if bound == "+Inf" else float(bound), value))
            elif line.startswith("chain_apply_pause_seconds_sum"):
                total = value
            elif line.startswith("chain_apply_pause_seconds_count"):
                count = value
            elif line.startswith("chain_apply_pause_longest_seconds"):
                longest = value
        return buckets, total, count, longest

    def state(self, plugin="live"):
        return {p["id"]: p for p in self.node.rpc("plugin.list")}[plugin]

    def reload(self, plugin="live"):
        files = self.builds if plugin == "live" else self.watchers
        self.node.rpc("plugin.reload", {"name": plugin, "path": str(files[self.reloads % 2])}, timeout=120)
        self.reloads += 1

    def change_config(self):
        """One generation, by a file in place; waits until it is in force."""
        from node import wait_for
        self.generations += 1
        batch = 100 + self.generations
        self.node.write_config(CONFIG.format(batch=batch))
        if self.generations % 3 == 0:
            self.node.rpc("config.reload", {}, timeout=120)
        wait_for("the generation", lambda: self.node.rpc("config.show", {"key": "rpc.max_batch"})["rpc.max_batch"]["value"] == batch)

    # ---- the parts

    def run(self):
        minutes = self.args.minutes
        self.node.start()
        self.node.rpc("plugin.upgrade", {"path": str(self.builds[0])}, timeout=120)
        self.node.rpc("plugin.load", {"path": str(self.watchers[0])}, timeout=120)
        self.load = Load(self.node, self.args.commands, 2, 4)
        self.warm_up(WARM_COMMANDS if minutes >= JUDGED_MINUTES else int(FEW_COMMANDS_A_MINUTE * minutes))
        self.part_windows(max(2, round(minutes)))
        self.part_reloads_and_generations(int(RELOADS_A_MINUTE * minutes), int(GENERATIONS_A_MINUTE * minutes))
        self.part_calm_end()
        self.part_upgrades(max(2, int(UPGRADES_A_MINUTE * minutes)))
        self.judge_load()
        self.part_kills(max(2, int(KILLS_A_MINUTE * minutes)))
        self.part_end()

    def warm_up(self, commands):
        say(f"warming up: {commands} commands")
        while self.load.line["commands"] < commands:
            self.alive()
            time.sleep(0.2)
        self.calm_pause = self.pauses("task")

    def alive(self):
        if self.load.process.poll() is not None:
            raise RuntimeError(f"the load client ended: {self.load.line}")
        if self.node.process.poll() is not None:
            raise RuntimeError("the node ended:\n" + self.node.output()[-3000:])

    def window(self, reloading):
        """Commands a second over one window; with a reload each second if asked."""
        begun, before = time.monotonic(), self.load.line["commands"]
        for second in range(WINDOW_SECONDS):
            if reloading:
                self.reload()
            rest = begun + second + 1 - time.monotonic()
            if rest > 0:
                time.sleep(rest)
        return (self.load.line["commands"] - before) / (time.monotonic() - begun)

    def part_windows(self, pairs):
        say(f"throughput with and without one reload a second: {pairs} pairs of windows")
        busy_before = self.pauses("task")[1]
        ratios, seconds = [], 0.0
        for _ in range(pairs):
            self.alive()
            calm = self.window(False)
            begun = time.monotonic()
            with_reloads = self.window(True)
            seconds += time.monotonic() - begun
            ratios.append(with_reloads / calm if calm else 0.0)
        lost = (self.pauses("task")[1] - busy_before) / seconds * 100
        self.facts["throughput_ratio_median"] = round(statistics.median(ratios), 4)
        self.promises.timed("apply time lost at one reload a second", f"<= {LOSS_BOUND_PERCENT} %", f"{lost:.3f} %", lost <= LOSS_BOUND_PERCENT)

    def part_reloads_and_generations(self, reloads, generations):
        say(f"{reloads} reloads and {generations} generations of the configuration, as many as fit into {self.args.minutes:g} minutes")
        until = time.monotonic() + self.args.minutes * 60
        self.rss_start = self.rss_after_reloads()  # what the load itself has filled by now (indexes, tables in memory) is not of the reloads
        held = HeldConnections(self.node.ports()["rpc"], 8)

        def configure():
            try:
                while self.generations < generations and time.monotonic() < until:
                    self.change_config()
                    if self.generations % 10 == 0:
                        held.check()
            except Exception as problem:  # told in the table, by the thread that waits
                self.failures.append(f"generation {self.generations}: {problem}")

        configuring = threading.Thread(target=configure)
        configuring.start()
        while self.reloads < reloads and time.monotonic() < until:
            self.alive()
            self.reload("watcher" if self.reloads % 4 == 3 else "live")
        configuring.join()
        held.check()
        self.promises.add("connections dropped by generations of the configuration", "0", f"{len(held.dropped)} of 16, {self.generations} generations",
                          not held.dropped and self.generations > 0 and not self.failures)
        self.facts["generation_failures"] = self.failures + held.dropped
        held.close()

    def part_calm_end(self):
        from node import wait_for
        wait_for("old images to be closed", lambda: not any(p["held_by"] for p in self.node.rpc("plugin.list")))
        rss = self.rss_after_reloads()
        growth = rss - self.rss_start
        self.facts["rss_start_mb"], self.facts["rss_end_mb"] = round(self.rss_start, 1), round(rss, 1)
        warm = self.args.minutes >= JUDGED_MINUTES
        self.promises.add("memory after the reloads", f"<= start + {RSS_BOUND_MB} MB" + ("" if warm else f", judged from {JUDGED_MINUTES} minutes on"), f"{growth:+.1f} MB",
                          growth <= RSS_BOUND_MB or not warm)
        buckets, _, count, _ = self.pauses("task")
        before = dict(self.calm_pause[0])
        total = count - self.calm_pause[2]
        p99 = next((bound for bound, n in buckets if n - before.get(bound, 0) >= 0.99 * total), float("inf"))
        below = {f"{bound * 1000:g}": int(n - before.get(bound, 0)) for bound, n in buckets if bound < 0.05}
        self.facts["switches_up_to_ms"] = below
        self.promises.timed("apply pause of a switch, p99", f"<= {PAUSE_P99_BOUND_MS} ms", f"<= {p99 * 1000:g} ms of {int(total)}", p99 * 1000 <= PAUSE_P99_BOUND_MS)

    def part_upgrades(self, number):
        """Up through schemas with migrations, down to older rules of the same schema, and refusals in between."""
        from node import RpcError, wait_for
        say(f"{number} upgrades and downgrades")
        refused = 0
        for turn in range(number):
            self.alive()
            sm, schema = 2 + turn, 1 + turn // 3
            library = self.plugins.live(f"live-v{sm}", VERSION=f"{sm}.0.0", SM=sm, SCHEMA=schema, SM_MIN=max(1, sm - 1))
            self.node.rpc("plugin.upgrade", {"path": str(library)}, timeout=120)
            self.upgrades += 1
            wait_for("the end of the migration", lambda: self.state()["state"] == "running")
            if turn % 3 == 2:  # down to the version before, which this schema's first version is
                older = self.plugins.live(f"live-v{sm}-down", VERSION=f"{sm - 1}.9.0", SM=sm - 1, SCHEMA=schema)
                self.node.rpc("plugin.upgrade", {"path": str(older)}, timeout=120)
                self.node.rpc("plugin.upgrade", {"path": str(library)}, timeout=120)
                self.upgrades += 2
            liar = self.plugins.live(f"live-v{sm}-liar", VERSION=f"{sm}.0.1", SM=sm, SCHEMA=schema, SM_MIN=max(1, sm - 1), LIAR=1)
            try:
                self.node.rpc("plugin.reload", {"name": "live", "path": str(liar)}, timeout=120)
            except RpcError:
                refused += 1
        self.promises.add("builds that lie about their rules are refused by the rehearsal", f"{number} of {number}", f"{refused} of {number}", refused == number)

    def judge_load(self):
        from node import wait_for
        worst = {cause: self.pauses(cause)[3] for cause in ("commit", "log", "task")}
        last = self.load.end()
        seen = {}
        for method in ("live.seen", "watcher.seen"):
            wait_for(f"{method} to catch up", lambda m=method: self.node.rpc(m)["last"] >= last["newest_seq"])
            seen[method] = self.node.rpc(method)
        gaps = sum(s["gaps"] for s in seen.values())
        self.facts["load"] = {k: last[k] for k in ("commands", "transfers", "queries", "events", "slowest_us", "reasons")}
        total = last["commands"] + last["transfers"] + last["queries"]
        self.promises.add("requests that failed during reloads, upgrades and generations", "0",
                          f"{last['failed'] + last['broken']} of {total}; {self.reloads} reloads, {self.upgrades} switches",
                          last["failed"] + last["broken"] == 0 and self.reloads > 0)
        wrong = last["disorder"] + last["behind"] + gaps
        self.promises.add("durable events lost or out of order", "0", f"{wrong} of {last['events'] + sum(s['events'] for s in seen.values())}", wrong == 0)
        self.promises.add("answers that contradict an earlier one", "0", str(last["lost"]), last["lost"] == 0)
        longest = max(worst["commit"], worst["task"]) * 1000
        self.promises.timed("longest pause of the executor under load", f"<= {WORST_PAUSE_BOUND_MS} ms",
                          f"{longest:.1f} ms (commit {worst['commit'] * 1000:.1f}, of a commit the log {worst['log'] * 1000:.1f}, task {worst['task'] * 1000:.1f})", longest <= WORST_PAUSE_BOUND_MS)

    def part_kills(self, number):
        from node import wait_for
        say(f"{number} kills")
        snapshots = any(m["name"] == "snapshots.create" for m in self.node.rpc("rpc.discover")["methods"])
        # The port must be the same after each start: the streams come back to it.
        port = self.node.ports()["rpc"]
        self.node.stop()
        self.node.settings["listeners"] = {"rpc": f"127.0.0.1:{port}"}
        self.node.write_config()
        self.node.start()
        self.load = Load(self.node, self.args.commands, 2, 2, breaks=True)
        heights, backwards = 0, 0
        for turn in range(number):
            before = self.load.line["commands"]
            wait_for("commands after the start", lambda: self.load.process.poll() is not None or self.load.line["commands"] > before + 200)
            if snapshots:
                threading.Thread(target=self.try_snapshot, daemon=True).start()
            if turn % 2:
                self.reload_quietly()
            heights = max(heights, self.node.height())
            self.node.kill()
            self.node.start()
            self.kills += 1
            backwards += self.node.height() < heights
        last = self.load.end()
        counts = {name: self.node.rpc("live.get", {"name": name})["count"] for name in last["acked"]}
        wrong = {name: (acked, counts[name]) for name, acked in last["acked"].items() if counts[name] != acked}
        bad = len(wrong) + last["lost"] + backwards
        self.facts["kills"] = {"kills": self.kills, "commands": last["commands"], "unknown_at_a_kill": last["unknown"], "wrong": wrong, "reasons": last["reasons"], "snapshots": snapshots}
        self.promises.add("answered commands missing or twice after a kill", "0", f"{bad} of {last['commands']}, {self.kills} kills", bad == 0 and last["failed"] == 0)
        self.promises.add("events lost or out of order across the kills", "0", f"{last['disorder'] + last['behind']} of {last['events']}",
                          last["disorder"] + last["behind"] == 0)

    def try_snapshot(self):
        try:
            self.node.rpc("snapshots.create", {}, timeout=120)
        except Exception as problem:  # the kill may come first
            self.facts["snapshot"] = str(problem)

    def reload_quietly(self):
        try:
            self.node.rpc("plugin.reload", {"name": "watcher", "path": str(self.watchers[self.kills % 2])}, timeout=120)
        except Exception as problem:
            self.failures.append(f"reload between kills: {problem}")

    def part_end(self):
        say("replay from genesis, and the sum of all money")
        money = self.node.rpc("ledger.check", {}, timeout=600)
        self.facts["money"] = money
        ok = money.get("ok", money.get("balanced", money.get("conserved")))
        self.promises.add("money conserved", "yes", "yes" if ok else json.dumps(money)[:80], ok)
        report = self.node.rpc("maintenance.verify", {}, timeout=3600)
        self.facts["replay"] = report
        self.promises.add("replay from genesis gives every root", "yes", f"{report.get('to', '?')} blocks" if report["ok"] else report.get("difference", "no")[:80], report["ok"])
        leaked = self.node.metric("plugin_images_leaked", 0)
        self.promises.add("images that stayed mapped", "0", f"{int(leaked)}", leaked == 0)

    def close(self):
        if self.load:
            self.load.close()
        self.node.close()
        shutil.rmtree(self.dir, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(prog="./dev soak", description=__doc__)
    parser.add_argument("--build", default="build/release", help="build directory")
    parser.add_argument("--minutes", type=float, default=10, help="at most so many of reloads and generations, 100 of each a minute; 2 kills a minute")
    parser.add_argument("--quick", action="store_true", help="a fifth of a minute's counts, for the test suite")
    parser.add_argument("--commands", type=int, default=48, help="connections that send commands")
    parser.add_argument("--json", metavar="FILE", help="write promises and facts")
    args = parser.parse_args()
    if args.quick:
        args.minutes, args.commands = 0.2, 16
    os.environ["TB_BUILD_DIR"] = os.path.abspath(args.build)
    begun = time.monotonic()
    soak = Soak(args)
    try:
        soak.run()
    except BaseException:
        print(soak.node.output()[-4000:], file=sys.stderr)
        raise
    finally:
        soak.close()
    soak.facts["seconds"] = round(time.monotonic() - begun)
    print(f"\n{soak.reloads} reloads, {soak.generations} generations, {soak.upgrades} switches, {soak.kills} kills in {soak.facts['seconds']} s\n")
    print(soak.promises.table())
    print("\n" + json.dumps(soak.facts, indent=1))
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps({"promises": soak.promises.rows, "facts": soak.facts}, indent=1) + "\n")
    return 1 if soak.promises.broken() else 0


if __name__ == "__main__":
    sys.exit(main())
