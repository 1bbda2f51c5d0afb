#!/usr/bin/env python3
"""Holds docs/reference to the manifests: usage check_reference.py BLOCKD LIBRARY…

Exit code 1 names each file that is missing, too many, or not what the manifests say.
"""
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
# verb of blockd, folder, pattern of the files that it makes there
MADE = [("--print-reference", ROOT / "docs" / "reference", "*.md")]


def stale_files(blockd, libraries, verb, folder, pattern):
    with tempfile.TemporaryDirectory() as made:
        subprocess.run([blockd, verb, "--dir", made, *libraries], check=True)
        wanted = {p.name: p.read_text() for p in pathlib.Path(made).iterdir()}
    found = {p.name: p.read_text() for p in folder.glob(pattern) if p.name != "README.md"}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) == found.get(name):
            continue
        why = "is missing" if name not in found else "belongs to no manifest" if name not in wanted else "is not what the manifests say"
        yield f"{(folder / name).relative_to(ROOT)} {why}"


def main():
    blockd, *libraries = sys.argv[1:]
    stale = [line for made in MADE for line in stale_files(blockd, libraries, *made)]
    for line in stale:
        print(f"error: {line}", file=sys.stderr)
    if stale:
        print("run `./dev docs` and commit the files", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
