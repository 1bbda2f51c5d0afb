#!/usr/bin/env python3
"""Makes a C++ source of the files of a folder: embed.py OUT.cpp DIR. The same files give the same bytes on every machine."""
import gzip
import hashlib
import pathlib
import sys

TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


def array(name, data):
    lines = [", ".join(str(b) for b in data[i:i + 32]) for i in range(0, len(data), 32)]
    return f"constexpr unsigned char {name}[] = {{\n" + ",\n".join(lines) + "};\n"


def main():
    out, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    files = sorted(p for p in folder.rglob("*") if p.suffix in TYPES)
    text = ['#include "kernel/console/embedded.hpp"\n\n#include <array>\n\nnamespace blockd {\nnamespace {\n']
    rows = []
    for number, path in enumerate(files):
        data = path.read_bytes()
        packed = gzip.compress(data, 9, mtime=0)
        text += [array(f"kPlain{number}", data), array(f"kGzip{number}", packed)]
        etag = '\\"' + hashlib.sha256(data).hexdigest()[:32] + '\\"'
        rows.append(f'    ConsoleFile{{"{path.relative_to(folder).as_posix()}", "{TYPES[path.suffix]}", "{etag}", view(kPlain{number}), view(kGzip{number})}},')
    text.append("template <std::size_t N>\nstd::string_view view(const unsigned char (&bytes)[N]) {\n"
                "  return {reinterpret_cast<const char*>(bytes), N};\n}\n\n}  // namespace\n\n"
                "std::span<const ConsoleFile> embedded_console_files() {\n"
                f"  static const std::array<ConsoleFile, {len(files)}> files{{\n" + "\n".join(rows) + "\n  };\n  return files;\n}\n\n}  // namespace blockd\n")
    out.write_text("\n".join(text))


if __name__ == "__main__":
    main()
