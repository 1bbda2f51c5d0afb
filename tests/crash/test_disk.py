"""A disk that is full, and a disk that fails, under a real node: it refuses commands and serves reads while there is no space, goes on
by itself when there is some, and stops at once after a failed sync, with everything that it had answered."""
import contextlib
import json
import pathlib
import subprocess
import tempfile
import unittest

from faults import Control, Plan
from load import BUILD, GONE, wait_for
from node import Node, RpcError

LIBRARY = BUILD / "lib" / "libtb_fault_preload.so"
PAYEE = "tb1qm97tgjht8p63qy6568aq5fgytc6ue8cynzap2tr5thczc8j8w9s8np6z0"
FULL = Plan("no_space", ("write", "allocate", "create"), hits=0)


class DiskTest(unittest.TestCase):
    def node(self, directory=None):
        node = Node(plugins=["ledger"], directory=directory)
        self.addCleanup(node.close)
        self.control = Control(node.dir / "faults", node.data)
        self.addCleanup(self.control.close)
        node.env = self.control.environment(LIBRARY)
        self.paid, self.late = 0, 0   # acknowledged; of these not yet in a block when the answer came
        return node

    def start(self, node):
        self.control.new_process()
        return node.start()

    def pay(self, node, times=1):
        for _ in range(times):
            node.rpc("ledger.transfer", {"to": PAYEE, "amount": 7})
            self.paid += 7

    def balance(self, node):
        return int(node.rpc("balance", {"address": PAYEE})["amount"])

    def refused(self, node):
        """Pays until the node refuses; says with which error."""
        for _ in range(2000):
            try:
                self.pay(node)
            except RpcError as why:
                if why.name != "timeout":
                    return why
                self.assertIn("the command goes on", str(why))   # it was taken in while there was space for it
                self.paid, self.late = self.paid + 7, self.late + 1
        self.fail("2,000 payments went through, and the disk is full")

    def pays_again(self, node):
        """Space is looked for by itself, every few seconds."""
        def once():
            try:
                self.pay(node)
                return True
            except RpcError as why:
                self.assertEqual(why.name, "disk_full", why.error)
                return False
        wait_for("commands after there was space again", once, 120)

    def sound(self, node):
        """After another start as well: what was paid, no more, and the log executes to the same."""
        wait_for("an empty pool", lambda: node.rpc("mempool.stats")["size"] == 0, 120)
        for again in (False, True):
            if again:
                self.assertEqual(node.stop(), 0)
                self.start(node)
            self.assertEqual(self.balance(node), self.paid)
            self.assertTrue(node.rpc("maintenance.verify", {}, timeout=300)["ok"])
            self.assertTrue(node.rpc("ledger.check")["ok"])

    def reads_go_on(self, node):
        """At the newest state that could be written: the last block may be in the log alone until there is space."""
        self.assertLessEqual(self.balance(node), self.paid)
        self.assertGreaterEqual(self.balance(node), self.paid - 7 * (self.late + 1))

    def full(self, part):
        node = self.start(self.node())
        self.pay(node, 5)
        self.control.arm(Plan(FULL.action, FULL.kinds, hits=0, part=part))
        why = self.refused(node)
        self.assertEqual((why.code, why.name), (-34002, "disk_full"), why.error)
        self.assertIsNone(node.process.poll(), "a full disk does not end the node")
        self.reads_go_on(node)
        status, body = node.get("status", "/readyz")
        self.assertEqual((status, json.loads(body)["reasons"]), (503, ["storage_full"]))
        self.assertEqual(node.get("status", "/healthz")[0], 200, "a supervisor must not restart it")
        self.assertGreater(self.control.fired()[0], 0)
        self.control.disarm()
        self.pays_again(node)
        wait_for("readiness", lambda: node.get("status", "/readyz")[0] == 200)
        self.sound(node)

    def test_no_space_for_the_log(self):
        self.full("/chain/")

    def test_no_space_anywhere(self):
        self.full("")

    def test_no_space_for_the_state_alone_loses_nothing(self):
        """The log has room: blocks are committed, and what the state lacks comes from it."""
        node = self.start(self.node())
        self.pay(node, 5)
        self.control.arm(Plan(FULL.action, FULL.kinds, hits=0, part="/state/"))
        try:
            self.pay(node, 20)
        except RpcError as why:
            self.assertEqual(why.name, "disk_full", why.error)
        with contextlib.suppress(RpcError):
            node.rpc("maintenance.compact")   # the state goes to its files behind the blocks: now
        wait_for("a write of the state that failed", lambda: self.control.fired()[0] > 0)
        self.assertIsNone(node.process.poll())
        self.assertEqual(self.balance(node) % 7, 0)
        self.control.disarm()
        self.pays_again(node)
        wait_for("readiness", lambda: node.get("status", "/readyz")[0] == 200)
        wait_for("an empty pool", lambda: node.rpc("mempool.stats")["size"] == 0, 120)
        self.paid = self.balance(node)   # one may have been committed whose answer said that the disk is full
        self.sound(node)

    def fails(self, kinds, part, action="io_error"):
        """The next such call fails: the node ends with 1, says which file, and never tries again."""
        node = self.start(self.node())
        self.pay(node, 5)
        self.control.arm(Plan(action, kinds, hits=0, part=part))
        with contextlib.suppress(RpcError, *GONE):
            self.pay(node, 400)
        wait_for("the end of the node", lambda: node.process.poll() is not None)
        self.assertEqual(node.process.returncode, 1, node.output()[-2000:])
        said = node.output()
        self.assertIn("storage_error", said)
        self.assertIn(part.strip("/"), said.split("storage_error")[1].splitlines()[0], "it names the file")
        failed = self.control.fired()[0]
        self.assertLessEqual(failed, 3, "after a failed sync it does not try again")
        self.control.disarm()
        self.start(node)
        self.assertGreaterEqual(self.balance(node), self.paid)
        self.assertLessEqual(self.balance(node), self.paid + 7, "at most the one that was never answered")
        self.paid = self.balance(node)
        self.pay(node)
        self.sound(node)

    def test_a_failed_sync_of_the_log_ends_the_node(self):
        self.fails(("sync",), "/chain/")

    def test_a_failed_write_of_the_log_ends_the_node(self):
        self.fails(("write",), "/chain/")

    def test_a_slow_disk_loses_nothing(self):
        node = self.start(self.node())
        self.control.arm(Plan("delay", ("sync",), hits=0, argument=20))
        self.pay(node, 20)
        node.kill()
        self.start(node)
        self.sound(node)

    def small_file_system(self):
        node = self.node()
        mount = pathlib.Path(node.dir) / "small"
        mount.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", mount], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", mount], check=True)
        node.data = mount / "data"
        node.env = {}
        node.write_config("storage:\n  reserve_bytes: 0\n  write_buffer_mb: 1\n")   # the system itself says no
        node.start()
        self.pay(node, 5)
        ballast = mount / "ballast"
        with open(ballast, "wb") as out, contextlib.suppress(OSError):
            while True:
                out.write(b"\0" * 65536)
                out.flush()
        why = self.refused(node)
        self.assertEqual((why.code, why.name), (-34002, "disk_full"), why.error)
        self.reads_go_on(node)
        ballast.unlink()
        self.pays_again(node)
        self.sound(node)
        self.assertEqual(node.stop(), 0)


def can_mount():
    with tempfile.TemporaryDirectory() as at:
        if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", at], stderr=subprocess.DEVNULL).returncode:
            return False
        subprocess.run(["umount", at], check=True)
        return True


# A real file system that is full takes a mount; the preloaded faults above need no rights.
if can_mount():
    DiskTest.test_a_small_file_system_that_is_full = DiskTest.small_file_system
else:
    print("no right to mount: the small file system is not tried here")


if __name__ == "__main__":
    unittest.main()
