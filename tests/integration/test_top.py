"""`contract-cli top` in a pseudo-terminal, recorded with script(1), as over ssh."""
import re
import subprocess
import unittest

from node import BIN, ROOT, Node, wait_for

ROWS, COLUMNS = 30, 90
PICTURE = "\x1b[H\x1b[J"  # home, and nothing of the last picture stays
STYLE = re.compile(r"\x1b\[\d*m")


class TopTest(unittest.TestCase):
    def setUp(self):
        self.node = Node(plugins=["ledger", "receipts", "energy", "mock-oracle"],
                         config="mock_oracle:\n  listen: 127.0.0.1:0\n  data_file: %s\n" % (ROOT / "config/sample-data/gb-electricity-demand-2000.csv")).start()
        self.recording = self.node.dir / "recording"

    def tearDown(self):
        self.node.close()

    def record(self, words):
        command = f"stty rows {ROWS} cols {COLUMNS}; exec {BIN}/contract-cli top {words}"
        return subprocess.Popen(["script", "-q", "-e", "-f", "-c", command, self.recording], env={**self.node.environment(), "TERM": "xterm-256color"},
                                cwd=self.node.dir, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)

    def pictures(self):
        text = self.recording.read_text() if self.recording.exists() else ""
        return [part.split("\nScript done")[0] for part in text.split(PICTURE)[1:]]

    def test_pictures_replace_each_other_and_fit_the_screen(self):
        wait_for("a settlement", lambda: self.node.rpc("energy.receipts", {})["total"] > 0)
        process = self.record("--interval 1 --frames 3")
        self.assertEqual(process.wait(timeout=120), 0)
        process.stdin.close()
        pictures = self.pictures()
        self.assertEqual(len(pictures), 3)
        heights = []
        for picture in pictures:
            lines = STYLE.sub("", picture).replace("\r", "").rstrip("\n").split("\n")
            self.assertLess(len(lines), ROWS, picture)
            self.assertLessEqual(max(map(len, lines)), COLUMNS, picture)
            self.assertNotIn("\x1b", "".join(lines))  # nothing that a player of the recording would not know
            self.assertRegex("\n".join(lines), r"(?m)^energy +1\.0\.0 +running ")
            self.assertIn("energy.settled", "\n".join(lines))
            heights.append(int(re.search(r"(?i)(?:height|block)\D{0,12}(\d+)", "\n".join(lines)).group(1)))
        self.assertLess(heights[0], heights[2])
        self.assertIn("\x1b[", pictures[0], "a terminal gets emphasis")

    def test_a_node_that_goes_away_is_told_and_ctrl_c_ends(self):
        process = self.record("--interval 1")
        wait_for("a picture", lambda: len(self.pictures()) > 0)
        self.node.stop()
        wait_for("the trouble in the terminal", lambda: "trying again, Ctrl-C ends" in self.recording.read_text())
        self.node.start()
        seen = len(self.pictures())
        wait_for("a picture of the node that came back", lambda: len(self.pictures()) > seen)
        process.stdin.write(b"\x03")
        process.stdin.flush()
        self.assertNotEqual(process.wait(timeout=120), 0)
        process.stdin.close()


if __name__ == "__main__":
    unittest.main()
