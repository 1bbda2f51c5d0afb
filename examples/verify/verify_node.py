#!/usr/bin/env python3
"""Verifies a chain from outside: asks a node for its blocks and computes every hash, root and certificate again.

  verify_node.py [--url http://localhost:8545] [--from H] [--to H] [--snapshot FILE]

It believes the node nothing but the genesis document, and that only if its hash is given with --genesis HASH or taken on trust.
Exit code 0: all that was asked for agrees; 1: something differs, and which; 3: the node cannot be reached.
"""
import argparse
import json
import sys
import urllib.request

import tb_formats as f


class Differs(Exception):
    pass


def equal(what, computed, said):
    if computed != said:
        raise Differs(f"{what}: computed {computed.hex()}, the node says {said.hex()}")


def over_http(url):
    def call(method, params):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        answer = json.load(urllib.request.urlopen(request, timeout=30))
        if "error" in answer:
            raise Differs(f"{method}: {answer['error']['message']}")
        return answer["result"]
    return call


def leaves_of(step):
    """The leaves of the receipt root that one step adds."""
    result = dict(step["result"], events=f.blake3(f.canonical(step["events"])).hex())
    return [f.canonical(result)] + [f.canonical(record) for record in step["records"]]


def check_block(block, chain, validators):
    """A block from `block.get {full}` against its own header. Returns the header's fields and its hash."""
    height, data = block["height"], bytes.fromhex(block["header"])
    header, hash_of = f.decode_header(data), f.header_hash(data)
    where = f"block {height}"
    if header["height"] != height:
        raise Differs(f"{where}: its header is that of height {header['height']}")
    equal(f"{where}: hash", hash_of, bytes.fromhex(block["hash"]))
    if height > 0:  # block 0 has no commands and no receipts: its roots are zeros
        envelopes = [f.canonical(command) for command in block["commands"]]
        equal(f"{where}: command root", f.command_root(envelopes), header["command_root"])
        leaves = [leaf for step in block["steps"] for leaf in leaves_of(step)]
        equal(f"{where}: receipt root", f.receipt_root(bytes.fromhex(block["receipts_commitment"]), leaves), header["receipt_root"])
        check_signatures(block, where, header, hash_of, chain, validators)
    equal(f"{where}: validators", f.validators_hash(validators), header["validators_hash"])
    return header, hash_of


def check_signatures(block, where, header, hash_of, chain, validators):
    for command in block["commands"]:
        identity = f.command_id(command["command"])
        for signature in command["signatures"]:
            if not f.signature_holds(bytes.fromhex(signature["key"]), identity, bytes.fromhex(signature["sig"])):
                raise Differs(f"{where}: the signature of command {identity.hex()} by {signature['key']} does not hold")
    message = f.vote_bytes(chain, header["height"], hash_of, b"tb/block/v1")
    if not f.signature_holds(header["proposer"], message, bytes.fromhex(block["proposer_signature"])):
        raise Differs(f"{where}: the proposer did not sign it")
    if not f.certificate_holds(bytes.fromhex(block["certificate"]), chain, header["height"], hash_of, validators):
        raise Differs(f"{where}: its certificate has less than two thirds of the power")


def validators_of(genesis):
    return [(bytes.fromhex(v["public_key"].removeprefix("ed25519:")), v["power"]) for v in genesis["validators"]]


def check_chain(call, first=0, last=None):
    """Blocks first..last; from 0 the MMR roots too. Returns {height: header} with `hash` added."""
    genesis = call("block.genesis", {})
    chain, validators = genesis["chain_id"], validators_of(genesis)
    last = call("block.latest", {})["height"] if last is None else last
    seen, leaves = {}, []
    for height in range(first, last + 1):
        header, hash_of = check_block(call("block.get", {"height": height, "full": True}), chain, validators)
        if height == 0:
            equal("block 0: the genesis it follows", f.genesis_hash(genesis), header["previous"])
        elif height > first:
            equal(f"block {height}: previous", seen[height - 1]["hash"], header["previous"])
        if first == 0:
            equal(f"block {height}: MMR root", f.bag(f.mmr_peaks(leaves)), header["mmr_root"])
            leaves.append(hash_of)
        seen[height] = dict(header, hash=hash_of)
    return seen


def check_snapshot(data, call):
    """A snapshot file against the chain of the node. Returns its head."""
    head, rows, header_bytes, certificate = f.read_snapshot(data)
    genesis = call("block.genesis", {})
    roots = {n["id"]: n["root"] for n in head["namespaces"]}
    for name, held in rows.items():
        equal(f"namespace {name}", f.namespace_root(sorted(held.items())), bytes.fromhex(roots[name]))
    equal("state root", f.state_root(rows), bytes.fromhex(head["state_root"]))
    header, hash_of = f.decode_header(header_bytes), f.header_hash(header_bytes)
    if header.get("state_height") != head["height"]:
        raise Differs("the macro block of the footer is not of the snapshot's height")
    equal("state root of the macro block", bytes.fromhex(head["state_root"]), header["state_root"])
    if not f.certificate_holds(certificate, genesis["chain_id"], header["height"], hash_of, validators_of(genesis)):
        raise Differs("the macro block's certificate does not hold")
    equal("the macro block", hash_of, bytes.fromhex(call("block.get", {"height": header["height"]})["hash"]))
    equal("the snapshot's block", bytes.fromhex(head["block_hash"]), bytes.fromhex(call("block.get", {"height": head["height"]})["hash"]))
    return head


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://localhost:8545")
    parser.add_argument("--from", dest="first", type=int, default=0)
    parser.add_argument("--to", dest="last", type=int)
    parser.add_argument("--genesis", help="hash that the genesis document must have")
    parser.add_argument("--snapshot", help="a file to be checked against the chain as well")
    args = parser.parse_args()
    call = over_http(args.url)
    try:
        if args.genesis:
            equal("genesis", f.genesis_hash(call("block.genesis", {})), bytes.fromhex(args.genesis))
        seen = check_chain(call, args.first, args.last)
        print(f"blocks {min(seen)} to {max(seen)} agree")
        if args.snapshot:
            with open(args.snapshot, "rb") as file:
                head = check_snapshot(file.read(), call)
            print(f"the snapshot of height {head['height']} agrees: state root {head['state_root']}")
    except (Differs, f.FormatError) as wrong:
        print(f"error: {wrong}", file=sys.stderr)
        return 1
    except OSError as away:
        print(f"error: cannot reach {args.url}: {away}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
