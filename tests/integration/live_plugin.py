"""Builds versions of the plugins in tests/support/live, each in a fraction of a second."""
import pathlib
import subprocess

from node import ROOT

SOURCES = ROOT / "tests" / "support" / "live"
LINK = ["-Wl,-z,now,-z,noexecstack,-z,defs", f"-Wl,--version-script={ROOT}/kernel/host/tests/plugins/plugin.map"]


class LivePlugins:
    def __init__(self, directory):
        self.dir = pathlib.Path(directory)

    def build(self, source, name, **defines):
        """`live` or `watcher` as <directory>/<name>.so; VERSION="1.0.1" becomes -DLIVE_VERSION="1.0.1"."""
        path = self.dir / f"{name}.so"
        prefix = source.upper()
        words = []
        for key, value in defines.items():
            text = f'"{value}"' if key in ("VERSION", "FAILS_AT") else str(value)
            words.append(f"-D{prefix}_{key}={text}")
        command = ["cc", "-std=gnu11", "-O1", "-shared", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror", "-I", ROOT / "plugin-api" / "include",
                   *words, SOURCES / f"{source}.c", "-o", path.with_suffix(".new"), *LINK]
        done = subprocess.run([str(c) for c in command], text=True, capture_output=True)
        assert done.returncode == 0, done.stderr
        path.with_suffix(".new").rename(path)
        return path

    def live(self, name, **defines):
        return self.build("live", name, **defines)

    def watcher(self, name, **defines):
        return self.build("watcher", name, **defines)
