#!/usr/bin/env python3
"""Holds the direction of dependencies: a folder may include what stands on a lower floor, never above or beside it.

Exit code 1 names each include that runs against the architecture, and each file that is longer than 600 lines.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# folder -> folders it may include from, besides itself and the ABI headers "tb/*.h"
ALLOWED = {
    "plugin-api": [],
    "kernel/base": [],
    "kernel/storage": ["kernel/base"],
    "kernel/metrics": ["kernel/base"],
    "kernel/log": ["kernel/base"],
    "kernel/bus": ["kernel/base"],
    "kernel/config": ["kernel/base"],
    "kernel/manifest": ["kernel/base"],
    "kernel/monitoring": ["kernel/base", "kernel/manifest"],
    "kernel/net": ["kernel/base"],
    "kernel/console": ["kernel/base", "kernel/net"],
    "kernel/lua": ["kernel/base"],
    "kernel/chain": ["kernel/base", "kernel/storage", "kernel/manifest", "kernel/lua"],
    "kernel/snapshot": ["kernel/base", "kernel/storage", "kernel/metrics", "kernel/chain"],
    "kernel/host": ["kernel/base", "kernel/storage", "kernel/metrics", "kernel/log", "kernel/bus", "kernel/config",
                    "kernel/manifest", "kernel/lua", "kernel/chain", "kernel/net"],
    "kernel/rpc": ["kernel/base", "kernel/storage", "kernel/metrics", "kernel/log", "kernel/bus", "kernel/config",
                   "kernel/manifest", "kernel/lua", "kernel/chain", "kernel/snapshot", "kernel/host", "kernel/net", "kernel/console"],
    "kernel/testkit": ["kernel/base", "kernel/storage", "kernel/manifest", "kernel/chain"],
    "kernel/programs": ["kernel"],
    "sdk": ["sdk"],
    "plugins": ["plugins", "sdk"],
    "tests": ["kernel", "plugins", "sdk", "tests"],
}
INCLUDE = re.compile(r'^\s*#\s*include\s+["<]((?:kernel|plugins|sdk|tests)/[^">]+)[">]')


def floor_of(path):
    for folder in sorted(ALLOWED, key=len, reverse=True):
        if path == folder or path.startswith(folder + "/"):
            return folder
    return None


def main():
    files = subprocess.run(["git", "ls-files", "*.hpp", "*.cpp", "*.h", "*.c"], cwd=ROOT, text=True,
                           capture_output=True, check=True).stdout.split()
    wrong = []
    for name in files:
        if name.startswith("cmake/"):
            continue  # what is precompiled belongs to the build
        floor = floor_of(name)
        if floor is None:
            wrong.append(f"{name}: stands in no known folder")
            continue
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        if len(lines) > 600:
            wrong.append(f"{name}: {len(lines)} lines; split it by topic")
        # Tests and benches of a folder may reach down to anything that the programs may use, and so may a plugin's tool for
        # the CLI, which is linked with them. A plugin's tests may not: whoever writes one has the SDK and its test kit.
        of_a_plugin = name.startswith("plugins/") and "/tests/" in name
        in_tests = not of_a_plugin and any(f"/{part}/" in name for part in ("tests", "flow_tests", "bench", "cli"))
        for number, line in enumerate(lines, 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            target = match.group(1)
            allowed = ALLOWED[floor] + [floor]
            if any(target == a or target.startswith(a + "/") for a in allowed):
                continue
            if in_tests and target.startswith("kernel/"):
                continue
            wrong.append(f"{name}:{number}: includes {target}")
    for line in wrong:
        print(f"error: {line}", file=sys.stderr)
    print(f"{len(files)} files checked, {len(wrong)} against the architecture")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
