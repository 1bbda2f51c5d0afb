"""Readiness attestations: what a set of drill artefacts shows, signed, for those who collect them.

Readiness is the share of the artefacts whose drill passed. The digest is BLAKE3 over
scenario | module | f64le readiness | f64le sla threshold | le64 breaches, window start, window end, issued at, number of sites |
per site: le64 length of the name | name | f64le readiness | kind of provider; the signature is Ed25519 over the digest, made by openssl."""
import json
import os
import pathlib
import struct
import subprocess
import tempfile
import time

import artifact
from blake3 import blake3

MODULES = ("overlay", "storage", "compute")
PKCS8 = bytes.fromhex("302e020100300506032b657004220420")   # an Ed25519 seed follows
PPM = 1_000_000


def add_arguments(parser):
    env = os.environ.get
    parser.add_argument("zips", nargs="+", type=pathlib.Path, metavar="ARTEFACT.zip")
    parser.add_argument("--key", default=env("TB_CHAOS_SIGNING_KEY"), help="file with the seed, 64 hex digits (TB_CHAOS_SIGNING_KEY)")
    parser.add_argument("--scenario", default="node-drills")
    parser.add_argument("--module", choices=MODULES, default="storage")
    parser.add_argument("--site", default="local", help="name of the place that ran them")
    parser.add_argument("--provider", choices=("unknown", "foundation", "partner", "community", "external"), default="unknown")
    parser.add_argument("--sla-threshold", type=float, default=1.0)
    parser.add_argument("--out", type=pathlib.Path, default=env("TB_CHAOS_ATTESTATIONS") and pathlib.Path(env("TB_CHAOS_ATTESTATIONS")))


def digest(a):
    numbers = (a["breaches"], a["window_start"], a["window_end"], a["issued_at"], len(a["site_readiness"]))
    out = a["scenario"].encode() + a["module"].encode() + struct.pack("<dd5Q", a["readiness"], a["sla_threshold"], *numbers)
    for site in a["site_readiness"]:
        name = site["site"].encode()
        out += struct.pack("<Q", len(name)) + name + struct.pack("<d", site["readiness"]) + site["provider"].encode()
    return blake3(out)


def sign(seed, message):
    """(public key, signature) of Ed25519, in hexadecimal digits."""
    with tempfile.TemporaryDirectory() as at:
        key, text = pathlib.Path(at) / "key", pathlib.Path(at) / "text"
        key.touch(mode=0o600)
        key.write_bytes(PKCS8 + seed)
        text.write_bytes(message)
        words = ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", key, "-keyform", "DER", "-in", text]
        signature = subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout
        public = subprocess.run(["openssl", "pkey", "-in", key, "-inform", "DER", "-pubout", "-outform", "DER"], stdout=subprocess.PIPE, check=True).stdout
        return public[-32:].hex(), signature.hex()


def attestation(options, seed):
    runs = [artifact.read(path)[0] for path in options.zips]
    passed = sum(run["result"] == "passed" for run in runs)
    readiness = passed / len(runs)
    out = {"scenario": options.scenario, "module": options.module, "readiness": readiness, "readiness_ppm": passed * PPM // len(runs),
           "sla_threshold": options.sla_threshold, "breaches": int(readiness < options.sla_threshold),
           "window_start": min(run["start"] for run in runs), "window_end": max(run["end"] for run in runs), "issued_at": int(time.time()),
           "site_readiness": [{"site": options.site, "readiness": readiness, "provider": options.provider}]}
    out["digest"] = digest(out)
    out["signer"], out["signature"] = sign(seed, bytes.fromhex(out["digest"]))
    return out


def run(options):
    """0: signed and ready; 1: signed, and below the threshold; 2: no key."""
    if not options.key:
        print("error: no key to sign with; --key FILE or TB_CHAOS_SIGNING_KEY, such as contract-cli keygen makes")
        return 2
    text = json.dumps(attestation(options, bytes.fromhex(pathlib.Path(options.key).read_text().strip())), sort_keys=True)
    if options.out:
        options.out.write_text(text + "\n")
    print(text)
    return 1 if json.loads(text)["breaches"] else 0
