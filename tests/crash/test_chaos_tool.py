"""tb-chaos itself: its list, its hash, a drill that fails, a damaged artefact, attestations."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest
import zipfile

from check_drill import TOOL, run

sys.path.insert(0, str(TOOL.parent / "chaos"))
import attest  # noqa: E402
from blake3 import blake3  # noqa: E402


class ChaosToolTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name

    def made(self, name, result):
        """An artefact as a drill leaves it."""
        path = pathlib.Path(self.root) / f"{name}.zip"
        with zipfile.ZipFile(path, "w") as out:
            out.writestr("metadata.json", json.dumps({"drill": name, "seed": 1, "result": result, "start": 1_700_000_000, "end": 1_700_000_060}))
            out.writestr("log.txt", "[1] fault.seed: 1\n")
        return path

    def test_the_list_names_drills_that_run_and_no_others(self):
        status, output = run(["list"], self.root)
        names = [line.split()[0] for line in output.splitlines()]
        self.assertEqual(status, 0)
        self.assertIn("disk_full_repair", names)
        for needs_peers in ("converges_under_loss", "partition_heals_to_majority", "gossip_loss_jitter", "tie_break", "quic_failover", "overlay_recovery"):
            self.assertNotIn(needs_peers, names)

    def test_an_unknown_drill_is_wrong_use(self):
        self.assertEqual(run(["run", "converges_under_loss"], self.root)[0], 2)

    def test_the_hash_is_that_of_b3sum(self):
        for size in (0, 1, 64, 1023, 1024, 1025, 2048, 3073, 20_000):
            text = bytes(i * 7 % 251 for i in range(size))
            told = subprocess.run(["b3sum", "--no-names"], input=text, stdout=subprocess.PIPE, check=True).stdout.decode().strip()
            self.assertEqual(blake3(text), told, size)

    def test_a_damaged_artefact_is_refused(self):
        path = self.made("log_repair", "passed")
        raw = bytearray(path.read_bytes())
        raw[40] ^= 0xFF
        path.write_bytes(raw)
        status, output = run(["replay", path], self.root)
        self.assertEqual(status, 1)
        self.assertIn("error", output)

    def test_an_artefact_of_a_drill_that_does_not_run_here_is_named(self):
        status, output = run(["replay", self.made("tie_break", "passed")], self.root)
        self.assertEqual(status, 1)
        self.assertIn("tie_break", output)

    def test_a_drill_that_fails_leaves_its_artefact_and_exit_code_1(self):
        """A program that is no node."""
        fake = pathlib.Path(self.root) / "bin"
        fake.mkdir()
        for name in ("blockd", "contract-cli"):
            (fake / name).write_text("#!/bin/sh\necho blockd 0.0.0\n")
            (fake / name).chmod(0o755)
        (fake.parent / "scripts").mkdir()
        tool = fake / "tb-chaos"
        tool.write_text(TOOL.read_text().replace("HERE / \"chaos\"", f"pathlib.Path({str(TOOL.parent / 'chaos')!r})"))
        done = subprocess.run([sys.executable, "-B", tool, "run", "emergency_shutdown", "--seed", "3"], text=True, stdout=subprocess.PIPE,
                              env={"TB_CHAOS_ARTIFACT_ROOT": self.root, "PATH": "/usr/bin:/bin"})
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("result: failed", done.stdout)
        self.assertRegex(done.stdout.splitlines()[-1], r"^chaos artifact: \S+\.zip blake3=[0-9a-f]{64}$")

    def test_the_digest_of_an_attestation_is_the_one_of_the_example(self):
        example = {"scenario": "quic-wan", "module": "overlay", "readiness": 0.93, "sla_threshold": 0.9, "breaches": 1, "window_start": 1700000000,
                   "window_end": 1700003600, "issued_at": 1700003605, "site_readiness": [{"site": "site-a", "readiness": 0.93, "provider": "partner"}]}
        self.assertEqual(attest.digest(example), "19a84ca5c8d66ebc8bfb901f3f63f50d56a4a48dcde0e8033d18328ef1c10e83")

    def test_an_attestation_is_signed_over_its_digest(self):
        key = pathlib.Path(self.root) / "key"
        key.write_text("01" * 32 + "\n")
        zips = [self.made("log_repair", "passed"), self.made("key_rotation", "failed")]
        out = pathlib.Path(self.root) / "attestation.json"
        status, _ = run(["attest", *zips, "--key", key, "--out", out], self.root)
        found = json.loads(out.read_text())
        self.assertEqual((status, found["readiness_ppm"], found["breaches"]), (1, 500_000, 1), "one of two failed")
        self.assertEqual(found["digest"], attest.digest(found))
        self.verified(found)

    def verified(self, found):
        """By openssl, with the public key alone."""
        der = pathlib.Path(self.root) / "pub.der"
        der.write_bytes(bytes.fromhex("302a300506032b6570032100" + found["signer"]))
        for name in ("digest", "signature"):
            (pathlib.Path(self.root) / name).write_bytes(bytes.fromhex(found[name]))
        subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", der, "-keyform", "DER", "-rawin", "-in", f"{self.root}/digest",
                        "-sigfile", f"{self.root}/signature"], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    unittest.main()
