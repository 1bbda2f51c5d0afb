"""Builds plugins outside the tree against an installed SDK, as a stranger does."""
import os
import pathlib
import shutil
import subprocess

from node import BUILD


def run(*command, cwd=None):
    result = subprocess.run([str(c) for c in command], cwd=cwd, text=True, capture_output=True)
    if result.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}\n{result.stdout[-4000:]}\n{result.stderr[-4000:]}")
    return result.stdout


class InstalledSdk:
    def __init__(self, directory):
        self.dir = pathlib.Path(directory)
        self.prefix = self.dir / "a prefix"
        run("cmake", "--install", BUILD, "--component", "sdk", "--prefix", self.prefix)

    def examples(self):
        return self.prefix / "share" / "the-block-sdk" / "examples"

    def build(self, source, name, edits=()):
        """Copies `source`, applies (old, new) text edits to its C and C++ files, builds plugin `name`; returns the library's path."""
        copy = self.dir / f"{name}-{len(os.listdir(self.dir))}"
        shutil.copytree(source, copy)
        for old, new in edits:
            hits = 0
            for path in list(copy.rglob("*.cpp")) + list(copy.rglob("*.hpp")) + list(copy.rglob("*.c")):
                text = path.read_text()
                if old in text:
                    path.write_text(text.replace(old, new))
                    hits += 1
            assert hits, f"'{old}' is not in the sources of {name}"
        run("cmake", "-S", copy, "-B", copy / "build", f"-DCMAKE_PREFIX_PATH={self.prefix}", "-DCMAKE_BUILD_TYPE=Release")
        run("cmake", "--build", copy / "build", "--target", name)
        return copy / "build" / "plugins" / f"{name}.so"
