#!/usr/bin/env python3
"""The diagrams of docs/architecture.md that are made from the code: floors from the includes, plugins and their services from the manifests.

usage: check_architecture.py BLOCKD LIBRARY… [--write]

They stand between `<!-- made: NAME -->` and `<!-- end -->`. Without --write, exit code 1 names what is not what the code says.
"""
import json
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from check_includes import INCLUDE, ROOT, floor_of  # noqa: E402

ABI = re.compile(r'\s*#\s*include\s+"tb/[^"]+\.(h|hpp)"')
PAGE = ROOT / "docs" / "architecture.md"


def includes():
    """folder -> folders that its sources (not its tests) include."""
    edges = {}
    names = subprocess.run(["git", "ls-files", "*.hpp", "*.cpp", "*.h"], cwd=ROOT, text=True, capture_output=True, check=True).stdout.split()
    for name in names:
        floor = floor_of(name)
        if floor is None or floor == "tests" or re.search(r"/(tests|flow_tests|bench|cli)/", name) and not name.startswith("kernel/programs/"):
            continue
        mine = edges.setdefault(floor, set())
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
            if match := ABI.match(line):
                mine.add("plugin-api" if match.group(1) == "h" else "sdk")
            elif match := INCLUDE.match(line):
                mine.add(floor_of(match.group(1)) or match.group(1))
        mine.discard(floor)
    return edges


def levels(edges):
    """Folders by height: one stands above all that it includes."""
    height = {}

    def of(folder, path=()):
        assert folder not in path, f"a ring of includes: {' -> '.join([*path, folder])}"
        if folder not in height:
            height[folder] = 1 + max((of(other, (*path, folder)) for other in edges.get(folder, ())), default=-1)
        return height[folder]

    for folder in edges:
        of(folder)
    rows = {}
    for folder, level in height.items():
        rows.setdefault(level, []).append(folder)
    return [sorted(rows[level]) for level in sorted(rows)]


def direct(edges, folder):
    """What a folder includes, without what those include anyway."""
    below = edges.get(folder, set())

    def reach(start, seen):
        for other in edges.get(start, ()):
            if other not in seen:
                seen.add(other)
                reach(other, seen)
        return seen

    return sorted(f for f in below if not any(f in reach(other, set()) for other in below if other != f))


def floors():
    edges = includes()
    lines = ["```text"]
    rows = levels(edges)
    width = max(len(folder) for row in rows for folder in row)
    for number, row in enumerate(reversed(rows)):
        for folder in row:
            uses = ", ".join(direct(edges, folder))
            lines.append(f"{len(rows) - 1 - number:>2}  {folder:<{width}}{'  ◀ ' + uses if uses else ''}".rstrip())
    return "\n".join([*lines, "```"])


def services(blockd, libraries):
    text = subprocess.run([blockd, "--print-manifests", *libraries], text=True, capture_output=True, check=True).stdout
    lines = ["| plugin | its machine | provides | uses |", "|---|---|---|---|"]
    for manifest in json.loads(text):
        if not any(member in manifest for member in ("provides", "requires", "sm", "timers", "http")) or manifest["id"] in ("node", "chain", "kernel"):
            continue
        provided = ", ".join(f"`{service['name']}`" for service in manifest.get("provides", []))
        used = ", ".join(f"`{service['name']}`" + (" if there" if service.get("optional") else "") for service in manifest.get("requires", []))
        machine = f"sm {manifest['sm']}" if manifest.get("sm") else "none"
        lines.append(f"| {manifest['id']} | {machine} | {provided or '–'} | {used or '–'} |")
    return "\n".join(lines)


def main():
    words = [word for word in sys.argv[1:] if word != "--write"]
    made = {"floors": floors(), "services": services(words[0], words[1:])}
    page = PAGE.read_text()
    stale = []
    for name, text in made.items():
        part = re.compile(rf"(<!-- made: {name} -->\n)(.*?)(\n?<!-- end -->)", re.DOTALL)
        found = part.search(page)
        if not found:
            stale.append(f"docs/architecture.md has no place for '{name}'")
        elif found.group(2) != text:
            stale.append(f"docs/architecture.md: '{name}' is not what the code says")
            page = page[:found.start(2)] + text + "\n" + page[found.end(3) - len("<!-- end -->"):]
    if "--write" in sys.argv:
        PAGE.write_text(page)
        return 0
    for line in stale:
        print(f"error: {line}", file=sys.stderr)
    if stale:
        print("run `./dev docs` and commit the page", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
