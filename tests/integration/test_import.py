"""`energy import`: files of readings into a real node, interrupted at any moment, with the refused rows listed."""
import csv
import json
import pathlib
import signal
import subprocess
import unittest

from node import BIN, Meter, Node, wait_for

FIELDS = ["provider_id", "meter_address", "kwh_reading", "timestamp", "nonce", "signature"]
SEEDS = ["07" * 32, "08" * 32, "09" * 32]
PUBLICS = ["ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c",
           "1398f62c6d1a457c51ba6a4b5f3dbd2f69fca93216218dc8997e416bd17d93ca",
           "fd1724385aa0c75b64fb78cd602fa1d991fdebf76b13c58ed702eac835e9f618"]
ROUNDS = 60


def provider(i):
    return f"energy-0x{i:08x}"


class ImportTest(unittest.TestCase):
    def setUp(self):
        # A block every 40 ms: an import of some seconds that can be caught in the middle.
        self.node = Node(profile="worldos-energy", settings={"chain": {"block_interval_ms": 40}}).start()
        for i, public in enumerate(PUBLICS):
            self.node.rpc("energy.register_provider", {"capacity_kwh": 10_000_000, "price_per_kwh": 10, "stake": 1000,
                                                       "meter_address": f"m{i}", "jurisdiction": "US_CA", "owner": "acct"})
        self.node.rpc("energy.set_provider_keys", {"keys": [{"provider_id": provider(i), "public_key_hex": p}
                                                            for i, p in enumerate(PUBLICS)]})
        self.meters = [Meter(self.node, provider(i), f"m{i}", seed) for i, seed in enumerate(SEEDS)]

    def tearDown(self):
        self.node.close()

    def readings(self, rounds):
        return [meter.sign(5) for _ in range(rounds) for meter in self.meters]

    def write_csv(self, name, rows):
        path = self.node.dir / name
        with open(path, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(FIELDS)
            writer.writerows([row[f] for f in FIELDS] if isinstance(row, dict) else row for row in rows)
        return path

    def start_import(self, path):
        return subprocess.Popen([BIN / "contract-cli", "energy", "import", "--file", path, "--progress", "--json"],
                                env=self.node.environment(), cwd=self.node.dir, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def taken(self):
        return self.node.metric("energy_readings_total", 0)

    def rejected(self, path):
        return [json.loads(line) for line in pathlib.Path(f"{path}.rejected").read_text().splitlines()]

    def test_an_interrupted_import_goes_on_takes_each_reading_once_and_lists_what_was_refused(self):
        rows = self.readings(ROUNDS)
        good = len(rows)
        forged = dict(self.meters[0].sign(1), signature="00" * 64)
        self.meters[0].total -= 1
        rows[10:10] = [["only", "two"]]
        rows[40:40] = [dict(rows[20], provider_id="energy-0x0000ffff")]
        rows[90:90] = [forged]
        path = self.write_csv("readings.csv", rows)
        expected = {12: "invalid_row", 42: "UnknownProvider", 92: "SignatureVerificationFailed"}

        first = self.start_import(path)
        wait_for("some readings", lambda: self.taken() >= 20)
        first.send_signal(signal.SIGKILL)
        first.communicate()
        self.assertEqual(first.returncode, -signal.SIGKILL)
        before = self.taken()
        self.assertLess(before, good)

        # The second loses its node; it waits and goes on with the next one.
        second = self.start_import(path)
        wait_for("more readings", lambda: self.taken() >= before + 20)
        self.node.kill()
        self.node.start()
        out, err = second.communicate(timeout=300)
        self.assertEqual(second.returncode, 1, err)
        report = json.loads(out)
        self.assertEqual((report["accepted"] + report["already"], report["rejected"]), (good, 3), err)
        self.assertEqual(report["rows"], len(rows))
        self.assertIn(" rows/s", err)
        self.assertIn("100 %", err)
        self.assertEqual({r["line"]: r["name"] for r in self.rejected(path)}, expected)
        for row in self.rejected(path):
            self.assertTrue(row["message"] and row["row"], row)
        self.check_market(good)

        # All is done: nothing is sent again. What is added is taken, what was changed is noticed.
        third = self.node.cli("energy", "import", "--file", path, check=False)
        self.assertEqual(json.loads(third.stdout)["rows"], len(rows))
        self.assertEqual(json.loads(third.stdout)["from_line"], len(rows) + 2)
        more = self.readings(2)
        with open(path, "a", newline="") as file:
            csv.writer(file).writerows([row[f] for f in FIELDS] for row in [*more, rows[100]])
        fourth = json.loads(self.node.cli("energy", "import", "--file", path, check=False).stdout)
        self.assertEqual((fourth["rows"], fourth["rejected"]), (len(rows) + len(more) + 1, 4))
        self.assertEqual(self.rejected(path)[-1]["name"], "NonceReplay")  # sent before, in this very file
        self.check_market(good + len(more))
        text = path.read_text()
        path.write_text(text.replace("m0", "m9", 1))
        changed = self.node.cli("energy", "import", "--file", path, check=False)
        self.assertEqual(changed.returncode, 2)
        self.assertIn("--restart", changed.stderr)

    def check_market(self, readings):
        """Each reading of 5 kWh minted one credit, and the newest one is the meter's last."""
        credits = self.node.rpc("energy.credits", {"page_size": 1000})["credits"]
        self.assertEqual(len(credits), readings)
        self.assertEqual(sum(int(c["amount_kwh"]) for c in credits), 5 * readings)

    def test_lines_of_json_with_a_report_of_its_own_and_wrong_use(self):
        rows = self.readings(3)
        path = self.node.dir / "readings.jsonl"
        lines = [json.dumps(row) for row in rows]
        lines[4:4] = ["{not json", "", json.dumps({"provider_id": provider(0)})]
        path.write_text("\n".join(lines))  # the last line has no line feed
        report = self.node.dir / "bad.jsonl"
        result = self.node.cli("energy", "import", "--file", path, "--report", report, check=False)
        self.assertEqual(result.returncode, 1, result.stderr)
        counts = json.loads(result.stdout)
        self.assertEqual((counts["accepted"], counts["rejected"], counts["to_line"]), (9, 2, 12))
        listed = [json.loads(line) for line in report.read_text().splitlines()]
        self.assertEqual([(r["line"], r["name"]) for r in listed], [(5, "invalid_row"), (7, "InvalidParams")])
        # A row that grew after it was sent is not torn in two.
        path.write_text("\n".join(lines) + "x")
        self.assertEqual(self.node.cli("energy", "import", "--file", path, "--report", report, check=False).returncode, 2)

        column = self.write_csv("columns.csv", [])
        column.write_text("provider_id,metre_address\n")
        wrong = self.node.cli("energy", "import", "--file", column, check=False)
        self.assertEqual(wrong.returncode, 2)
        self.assertIn("did you mean meter_address?", wrong.stderr)
        self.assertEqual(self.node.cli("energy", "import", "--file", "absent.csv", check=False).returncode, 2)
        self.assertIn("goes on where an interrupted", self.node.cli("energy", "import", "--help").stdout)

    def test_two_imports_of_one_file_exclude_each_other_and_another_chain_is_noticed(self):
        path = self.write_csv("readings.csv", self.readings(ROUNDS))
        first = self.start_import(path)
        wait_for("some readings", lambda: self.taken() >= 5)
        second = self.node.cli("energy", "import", "--file", path, check=False)
        self.assertIn("another import of this file runs", second.stderr)
        self.assertNotEqual(second.returncode, 0)
        first.communicate(timeout=300)
        self.assertEqual(first.returncode, 0)
        with Node(profile="worldos-energy") as other:
            result = subprocess.run([BIN / "contract-cli", "energy", "import", "--file", path], env=other.environment(),
                                    text=True, capture_output=True, timeout=120)
            self.assertEqual(result.returncode, 2)
            self.assertIn("another chain", result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
