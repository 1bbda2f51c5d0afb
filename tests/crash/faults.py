"""The plan of faults that fault_preload.c carries out: the same bytes, written from here."""
import dataclasses
import mmap
import pathlib
import struct

KINDS = ("write", "sync", "rename", "map", "allocate", "create", "remove", "truncate")
ACTIONS = ("none", "kill", "kill_after", "short_kill", "no_space", "io_error", "delay", "drop")
MAGIC = 0x46434254
SIZE = 1024
# Offsets of struct control.
OWNER, ARMED, AT, CALLS, FIRED, SEEN, BELOW, PART, FIRED_KIND, FIRED_PATH = 4, 8, 24, 48, 56, 64, 128, 384, 640, 644


@dataclasses.dataclass(frozen=True)
class Plan:
    """At the `at`-th call of one of `kinds` on a path that contains `part`: `action`, for `hits` calls (0: all that follow)."""
    action: str
    kinds: tuple = KINDS
    at: int = 1
    hits: int = 1
    argument: int = 0
    part: str = ""

    def __str__(self):
        kinds = "any call" if self.kinds == KINDS else "+".join(self.kinds)
        more = f" {self.argument}" if self.argument else ""
        return f"{self.action}{more} at {kinds} {self.at}" + (f" on {self.part}" if self.part else "")


class Control:
    """The file that a node's process and the test share."""

    def __init__(self, path, below):
        self.path = pathlib.Path(path)
        self.path.write_bytes(b"\0" * SIZE)
        self.file = open(self.path, "r+b")
        self.memory = mmap.mmap(self.file.fileno(), SIZE)
        struct.pack_into("<I", self.memory, 0, MAGIC)
        self.text(BELOW, str(below))

    def text(self, at, text):
        raw = text.encode()
        assert len(raw) < 256, text
        self.memory[at:at + 256] = raw + b"\0" * (256 - len(raw))

    def environment(self, library):
        return {"LD_PRELOAD": str(library), "FAULT_CONTROL": str(self.path)}

    def new_process(self):
        """Before each start: whoever comes first is the one that suffers."""
        struct.pack_into("<I", self.memory, OWNER, 0)

    def arm(self, plan):
        self.disarm()
        kinds = sum(1 << KINDS.index(kind) for kind in plan.kinds)
        struct.pack_into("<II", self.memory, 12, kinds, ACTIONS.index(plan.action))
        struct.pack_into("<QQQQQ", self.memory, AT, plan.at, plan.hits, plan.argument, 0, 0)
        self.text(PART, plan.part)
        struct.pack_into("<I", self.memory, FIRED_KIND, 0)
        self.text(FIRED_PATH, "")
        struct.pack_into("<I", self.memory, ARMED, 1)

    def disarm(self):
        struct.pack_into("<I", self.memory, ARMED, 0)

    def owner(self):
        return struct.unpack_from("<I", self.memory, OWNER)[0]

    def fired(self):
        """How many calls were hit, and the first of them: (count, kind, path)."""
        count = struct.unpack_from("<Q", self.memory, FIRED)[0]
        kind = KINDS[struct.unpack_from("<I", self.memory, FIRED_KIND)[0]]
        path = self.memory[FIRED_PATH:FIRED_PATH + 256].split(b"\0")[0].decode()
        return count, kind, path

    def seen(self):
        return dict(zip(KINDS, struct.unpack_from("<8Q", self.memory, SEEN)))

    def close(self):
        self.memory.close()
        self.file.close()
