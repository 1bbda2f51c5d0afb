#!/usr/bin/env python3
"""Holds docs/reference to the manifests: usage check_reference.py BLOCKD LIBRARY…

Exit code 1 names each page that is missing, too many, or not what the manifests say.
"""
import pathlib
import subprocess
import sys
import tempfile

PAGES = pathlib.Path(__file__).resolve().parents[2] / "docs" / "reference"


def main():
    blockd, *libraries = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([blockd, "--print-reference", "--dir", folder, *libraries], check=True)
        wanted = {p.name: p.read_text() for p in pathlib.Path(folder).iterdir()}
    found = {p.name: p.read_text() for p in PAGES.glob("*.md") if p.name != "README.md"}
    stale = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    for name in stale:
        why = "is missing" if name not in found else "belongs to no manifest" if name not in wanted else "is not what the manifests say"
        print(f"error: docs/reference/{name} {why}", file=sys.stderr)
    if stale:
        print("run `./dev docs` and commit the pages", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
