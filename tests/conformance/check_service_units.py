#!/usr/bin/env python3
"""The service units that ship: what systemd-analyze says of their exposure, the settings that matter most, and that they start what is installed.

Exit code 1 names unit and setting. Without systemd-analyze (Debian: systemd) it ends with 1 as well: nothing was measured then."""
import configparser
import pathlib
import re
import subprocess
import sys

UNITS = pathlib.Path(__file__).resolve().parents[2] / "config" / "systemd"
# Most exposure that a unit may have, of 10; docs/security.md names the figure of the node.
EXPOSURE = {"the-block.service": 1.2, "energy-oracle.service": 1.5, "mock-energy-oracle.service": 1.5, "receipt-emitter.service": 1.2, "energy-market.service": 1.2}
# Units that reload a plugin of the node; the others start a program that stays.
RELOADS = {"receipt-emitter.service": "receipts", "energy-market.service": "energy"}
NEEDED = {"NoNewPrivileges": "yes", "ProtectSystem": "strict", "MemoryDenyWriteExecute": "yes", "CapabilityBoundingSet": "", "LimitCORE": "0", "UMask": "0077"}


def settings(path):
    """The section Service; of a repeated key the last value."""
    parser = configparser.ConfigParser(strict=False, interpolation=None, comment_prefixes=("#",))
    parser.optionxform = str
    parser.read_string(path.read_text())
    return parser


def exposure(path):
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", path], text=True, capture_output=True)
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    if not found:
        raise SystemExit(f"error: systemd-analyze says nothing of {path.name}: {done.stderr.strip()}")
    return float(found.group(1))


def problems():
    for name, most in EXPOSURE.items():
        path = UNITS / name
        unit = settings(path)
        for key, value in NEEDED.items():
            if unit["Service"].get(key) != value:
                yield f"{name}: {key}={unit['Service'].get(key)}, expected {value or 'nothing'}"
        start = unit["Service"]["ExecStart"]
        if name in RELOADS:
            if not (start.startswith("/usr/bin/contract-cli ") and start.endswith(f" plugin reload {RELOADS[name]}")):
                yield f"{name}: it does not reload {RELOADS[name]}"
        elif not start.startswith("/usr/bin/blockd run "):
            yield f"{name}: it does not start blockd"
        found = exposure(path)
        print(f"{name}: exposure {found}, at most {most}")
        if found > most:
            yield f"{name}: exposure {found} is above {most}; `systemd-analyze security --offline=true {path}` says why"


def main():
    found = list(problems())
    for line in found:
        print(f"error: {line}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
