#!/usr/bin/env python3
"""Kills a real node again and again, at instants and at fault points that a seed picks, and checks each time that nothing was lost.

    crash.py --build build/release [--kills N] [--seed S] [--keep]
    crash.py --build build/release --lying-disk     the checks must notice a disk that forgets what it took

A chain lives through ten kills; then the next seed begins another one. A run that fails prints the line that repeats it and
keeps its directory. Exit code 1: a promise was broken; 2: wrong usage."""
import argparse
import collections
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
KILLS_PER_CHAIN = 10
START_SECONDS = 120   # bounds against hanging, not measures
STOP_SECONDS = 120
# A place, the calls that are worth a fault there, and how many of them a round of load makes about.
POINTS = (
    ("/chain/", ("write", "sync"), 60),
    ("/chain/", ("write",), 40),
    ("/chain/", ("sync",), 25),
    ("/mempool/", ("write", "sync"), 15),
    ("/mempool/", ("rename", "create", "allocate"), 2),
    ("/state/", ("write", "sync", "create", "rename", "remove"), 30),
    ("/plugins/", ("write", "sync", "rename", "create", "remove"), 6),
    ("/plugins/", ("map",), 2),
    ("/config/", ("write", "sync", "rename", "create"), 4),
    ("tokens.yaml", ("write", "sync", "rename", "create"), 4),
    ("", ("write", "sync", "rename", "map", "allocate", "create", "remove", "truncate"), 150),
)
# Readings are signed before the run and count at any time in it; how good a provider is, is not the subject.
PARAMS = {"energy_max_clock_skew_secs": 86400, "energy_min_reputation_ppm": 0}
KILLS = ("kill", "kill_after", "short_kill")


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", default=os.environ.get("TB_BUILD_DIR", str(HERE.parents[1] / "build" / "release")))
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep the directories of chains that held")
    parser.add_argument("--lying-disk", action="store_true", help="succeeds when the checks find what a lying disk forgot")
    options = parser.parse_args()
    os.environ["TB_BUILD_DIR"] = str(pathlib.Path(options.build).resolve())
    return options


OPTIONS = parse()
from faults import Control, Plan  # noqa: E402
from load import BUILD, GONE, Load, Violation, wait_for  # noqa: E402
from checks import Checks  # noqa: E402
from node import Node  # noqa: E402

LIBRARY = BUILD / "lib" / "libtb_fault_preload.so"


class Chain:
    """One chain and its kills."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.node = Node(config="rpc:\n  exempt_loopback: true\n", settings={"chain": {"genesis_params": PARAMS}})
        self.node.base_config = self.node.extra_config + f"  tokens_file: {self.node.data}/tokens.yaml\n"
        self.node.write_config(self.node.base_config)
        self.control = Control(self.node.dir / "faults", self.node.data)
        self.node.env = self.control.environment(LIBRARY)
        self.load = Load(self.node, seed, first_turn=self.random.randrange(3))
        self.checks = Checks(self.load)
        self.story = []
        self.deaths = collections.Counter()

    def start(self):
        """Until it is up; a fault that was to strike while it starts kills it first, and then it starts again."""
        self.control.new_process()
        self.node.start(wait=False)
        up = wait_for("the node's start or end", lambda: self.node.process.poll() is not None or self.answers(), START_SECONDS)
        if up and self.node.process.poll() is not None:
            self.died("while it started")
            self.start()

    def answers(self):
        try:
            self.node.rpc("node.status")
            return True
        except GONE:
            return False

    def died(self, when):
        """It ended by itself: only by the fault that was planned, and by nothing else."""
        status = self.node.process.wait()
        self.node.out.close()
        count, kind, path = self.control.fired()
        self.control.disarm()
        if status != -9 or not count:
            raise Violation(f"the node ended {when} with {status}, and no fault was planned:\n{self.node.output()[-3000:]}")
        place = (pathlib.Path(path).relative_to(self.node.data).parts or ("the directory",))[0]
        self.deaths[f"{kind} in {place.split('.yaml.')[0].split('.pid.')[0]}"] += 1   # temporary files have numbers in their names
        self.story.append(f"died {when} at {kind} of {path}")

    def plan(self):
        """When and how the next death comes: (kind of round, plan or None, acknowledgements before an instant kill)."""
        draw = self.random.random()
        place, kinds, about = self.random.choice(POINTS)
        action = self.random.choice(KILLS)
        plan = Plan(action, kinds, self.random.randint(1, about), 1, self.random.randint(0, 999) if action == "short_kill" else 0, place)
        answers = self.random.randint(1, 90)
        if draw < 0.30:
            slow = Plan("delay", ("sync",), 1, 0, self.random.randint(1, 8)) if self.random.random() < 0.4 else None
            return "instant", slow, answers
        if draw < 0.80:
            return "load", plan, answers + 60
        if draw < 0.90:
            return "stop", plan, answers // 3
        return "start", Plan(action, ("write", "sync", "rename", "map", "allocate", "create", "remove", "truncate"),
                             self.random.randint(1, 60), 1, plan.argument), answers

    def round(self):
        when, plan, answers = self.plan()
        self.story.append(f"height {self.checks.walked}: {when}, {plan or 'no plan'}, at {answers} answers")
        goal = min(self.load.answered() + answers, len(self.load.commands))
        if plan and when in ("load", "instant"):
            self.control.arm(plan)
        self.load.start()
        wait_for("the load or the end", lambda: self.node.process.poll() is not None or self.load.answered() >= goal, 300)
        if self.node.process.poll() is not None:
            self.died("under load")
        elif when == "stop":
            self.stop_with(plan)
        else:
            self.kill()
        self.load.join()
        if when == "start":
            self.control.arm(plan)
        self.start()
        self.control.disarm()
        self.checks.all()

    def stop_with(self, plan):
        self.control.arm(plan)
        self.node.process.terminate()
        status = self.node.process.wait(timeout=STOP_SECONDS)
        if status == 0:
            self.control.disarm()
            self.deaths["none: a clean stop"] += 1
            self.node.out.close()
        else:
            self.died("while it stopped")

    def kill(self):
        self.control.disarm()
        self.deaths["instant"] += 1
        self.node.kill()

    def run(self, kills):
        self.start()
        self.load.prepare()
        done = 0
        while done < kills:
            self.round()
            done += 1
        goal = min(self.load.answered() + 40, len(self.load.commands))
        self.load.start()   # undisturbed: what nobody got an answer for, and a little more
        wait_for("the last of the load", lambda: self.load.answered() >= goal or self.load.broken, 300)
        self.load.join()
        self.checks.all()
        if self.node.stop() != 0:
            raise Violation("the last stop was not clean")
        return done

    def lose(self):
        """A disk that takes the log's writes and forgets them: what the node acknowledges then cannot survive a kill."""
        self.start()
        self.load.prepare()
        self.control.arm(Plan("drop", ("write",), 1, 0, 0, "/chain/"))
        self.load.start()
        wait_for("some answers", lambda: self.load.answered() >= 20 or self.node.process.poll() is not None, 300)
        self.kill()
        self.load.join()
        for name in ("state", "mmr"):   # else the node itself finds that one of them is ahead of its log
            shutil.rmtree(self.node.data / name)
        self.start()
        self.checks.all()

    def close(self, keep):
        self.control.close()
        self.node.own_dir = not keep
        self.node.close()


def lying_disk():
    """Where the node itself refuses what is left of its log, the checks had nothing to see: then with another chain."""
    for seed in range(OPTIONS.seed, OPTIONS.seed + 5):
        chain = Chain(seed)
        try:
            chain.lose()
            said = "nothing"
        except Violation as why:
            said = str(why)
        finally:
            refused = re.search(r"^error.*/chain/.*", chain.node.output(), re.M)
            chain.close(keep=False)
        if "is in no block" in said:
            print(f"noticed, as it should be: {said}")
            return 0
        if not refused:
            break
        print(f"the node itself: {refused[0]}")
    print(f"FAILED: the disk forgot acknowledged commands, and the checks said {said}")
    return 1


def main():
    if OPTIONS.lying_disk:
        return lying_disk()
    done, deaths, commands, blocks, began = 0, collections.Counter(), 0, 0, time.monotonic()
    seed = OPTIONS.seed
    while done < OPTIONS.kills:
        chain = Chain(seed)
        kills = min(KILLS_PER_CHAIN, OPTIONS.kills - done)
        try:
            chain.run(kills)
        except BaseException as why:
            chain.load.stop.set()
            if chain.node.process and chain.node.process.poll() is None:
                chain.node.kill()
            for thread in chain.load.threads:
                thread.join()
            print("\n".join(chain.story[-40:]))
            print(chain.node.output()[-4000:])
            print(f"FAILED seed {seed}: {type(why).__name__}: {why}\nits files: {chain.node.dir}\nrepeat with: ./dev crash --seed {seed} --kills {kills}")
            chain.close(keep=True)
            if isinstance(why, (Violation, AssertionError, subprocess.SubprocessError)):
                return 1
            raise
        done += kills
        deaths.update(chain.deaths)
        commands += len(chain.checks.outcomes)
        blocks += chain.checks.walked
        print(f"seed {seed}: {sum(chain.deaths.values())} deaths, {len(chain.checks.outcomes)} commands in {chain.checks.walked} blocks, "
              f"{chain.load.reloads} reloads, {len(chain.load.tokens)} tokens: nothing lost", flush=True)
        chain.close(OPTIONS.keep)
        seed += 1
    print(f"{sum(deaths.values()) - deaths['none: a clean stop']} kills in {time.monotonic() - began:.0f} s, {commands} commands in {blocks} blocks, 0 violations")
    for place, count in deaths.most_common():
        print(f"  {count:5}  {place}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
