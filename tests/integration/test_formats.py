"""A client and a verifier in plain Python, written from docs/wire-formats.md alone, come to the same bytes and roots as the node."""
import json
import pathlib
import random
import subprocess
import sys
import unittest

from node import ROOT, Node, RpcError, wait_for

sys.path.insert(0, str(ROOT / "examples" / "verify"))
import tb_formats as f  # noqa: E402
import verify_node  # noqa: E402

SEEDS = [bytes([i]) * 32 for i in range(1, 5)]
ALICE, BOB, CAROL = (f.address(f.public_key(seed)) for seed in SEEDS[:3])


def transfer(sender, nonce, to=BOB, amount=5, **members):
    command = {"chain": "dev", "from": sender, "nonce": nonce, "method": "ledger.transfer", "fee": 20000, "params": {"to": to, "amount": amount}}
    command.update(members)
    return command


def request(envelope, method="command.submit"):
    """A request that carries the envelope's bytes as they are."""
    return b'{"jsonrpc":"2.0","id":1,"method":"' + method.encode() + b'","params":' + envelope + b"}"


class Client:
    def __init__(self, node):
        self.node = node

    def send(self, command, *seeds):
        """Waits until the command is in a block: that is what a call of the method itself does."""
        answer = self.node.request(request(f.envelope(command, *seeds), command["method"]))
        if "error" in answer:
            raise RpcError(answer["error"])
        return answer["result"]

    def refusal(self, envelope, method="command.submit"):
        answer = self.node.request(request(envelope, method))
        return answer.get("error", {"code": 0, "data": {"name": "ok"}})


class WorkedExamplesTest(unittest.TestCase):
    """The numbers that docs/wire-formats.md prints."""

    def test_command_and_addresses(self):
        self.assertEqual(ALICE, "tb1qm97tgjht8p63qy6568aq5fgytc6ue8cynzap2tr5thczc8j8w9s8np6z0")
        self.assertEqual(f.group_address(2, [f.public_key(seed) for seed in SEEDS[:3]]), "tb105ks6qsrqgk3ayec3rfvv6g273xqs2fkn08symmhw342vgdcxm2qz6ltjn")
        command = transfer(ALICE, 1, amount=250, fee=1000, memo="first")
        self.assertEqual((len(f.canonical(command)), len(f.envelope(command, SEEDS[0]))), (242, 481))
        self.assertEqual(f.command_id(command).hex(), "543f34ea455201790dba394715b05f7e2e383c3ee9f4d7bba527f9129188c9e2")
        self.assertEqual(f.sign(SEEDS[0], f.command_id(command)).hex()[:32], "d08e11e121c7e9e1c60b1f2e3478be9f")
        for text in (ALICE, BOB, ALICE.upper()):
            self.assertTrue(f.is_address(text))
        for i in range(3, len(ALICE)):
            self.assertFalse(f.is_address(ALICE[:i] + ("q" if ALICE[i] != "q" else "p") + ALICE[i + 1:]))

    def test_trees_and_fees(self):
        self.assertEqual(f.blake3().hex(), "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262")
        self.assertEqual(f.tree([b"a", b"b", b"c"]).hex(), "6c62dd52a0971b7d00a7cead004e0c3f3c0766e3f5359a0f8297768d2b02d03c")
        self.assertEqual(f.state_root({"ledger": {b"a": b"1", b"c": b"3"}}).hex(), "54a19f9846146e98acdd35ead943468795cce2ad6382f8f1631c77937a30e961")
        leaves = [f.blake3(b"leaf%d" % i) for i in range(5)]
        self.assertEqual(f.bag(f.mmr_peaks(leaves)).hex(), "89b32842675b742edf57cc089728e4b17dd0f001e671475ef79caca32b71b711")
        self.assertEqual((f.fee_split(101, 33), f.next_base_fee(1000, 1_500_000), f.next_base_fee(1000, 0)), ((34, 67), 1062, 875))


class ChainTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Node(env={"TB_RPC_TOKENS_PER_SEC": "1000000"}).start()
        cls.client = Client(cls.node)
        for account in (ALICE, CAROL, f.group_address(2, [f.public_key(seed) for seed in SEEDS[:3]])):
            cls.node.rpc("ledger.transfer", {"to": account, "amount": 1_000_000})

    @classmethod
    def tearDownClass(cls):
        cls.node.close()

    def nonce(self, account):
        return self.node.rpc("account.nonce", {"account": account})["nonce"] + 1

    def test_commands_of_every_shape_are_taken_and_the_whole_chain_verifies(self):
        client, keys = self.client, sorted(f.public_key(seed) for seed in SEEDS[:3])
        price = iter(range(30_000, 200_000, 10_000))  # each command raises the floor for the next

        def alice(**members):
            return transfer(ALICE, self.nonce(ALICE), fee=next(price), **members)

        first = alice(memo="\u20ac \U0001f600 \\ \" \b\f\n\r\t\x01\x7f \u2028")
        self.assertEqual(client.send(first, SEEDS[0])["command_id"], f.command_id(first).hex())
        client.send(alice(amount="250"), SEEDS[0])
        client.send(alice(pct=33, lane="industrial"), SEEDS[0])
        client.send(alice(expires_at_ms=f.MAX_SAFE), SEEDS[0], SEEDS[3])  # with a co-signer
        group = f.group_address(2, keys)
        of_group = transfer(group, self.nonce(group), fee=2 * next(price), signers=[key.hex() for key in keys], threshold=2)
        with self.assertRaises(RpcError) as one:
            client.send(of_group, SEEDS[0])
        self.assertEqual((one.exception.name, one.exception.data["admission_code"]), ("pending_signatures", 17))
        client.send(of_group, SEEDS[0], SEEDS[2])
        now = self.node.rpc("block.latest")["time_ms"]
        opened = {"session_pk": f.public_key(SEEDS[3]).hex(), "expires_at_ms": now + 3_600_000, "limit": 200_000}
        client.send(dict(alice(method="ledger.open_session"), params=opened), SEEDS[0])
        client.send(alice(session=f.public_key(SEEDS[3]).hex()), SEEDS[3])
        with self.assertRaises(RpcError) as refused:
            client.send(alice(to="nobody-here"), SEEDS[0])
        self.assertEqual(refused.exception.code, -32602)
        market = {"capacity_kwh": 1000, "price_per_kwh": 120, "meter_address": "m1", "jurisdiction": "US_CA", "stake": 1000}
        client.send({"chain": "dev", "from": ALICE, "nonce": self.nonce(ALICE), "method": "energy.register_provider", "params": market}, SEEDS[0])
        seen = verify_node.check_chain(self.node.rpc)
        self.assertGreaterEqual(len(seen), 10)
        self.check_proofs(seen)
        ends = subprocess.run([sys.executable, "-B", str(ROOT / "examples/verify/verify_node.py"), "--url", f"http://127.0.0.1:{self.node.ports()['rpc']}",
                               "--genesis", seen[0]["previous"].hex(), "--to", "5"], capture_output=True, text=True)
        self.assertEqual((ends.returncode, ends.stdout), (0, "blocks 0 to 5 agree\n"), ends.stderr)

    def check_proofs(self, seen):
        hashes = [seen[height]["hash"] for height in sorted(seen)]
        last = max(seen)
        for height in (0, 1, last - 1):
            proof = self.node.rpc("chain.proof_inclusion", {"height": height, "at": last})
            held = proof["mmr"]
            siblings, peaks = [bytes.fromhex(s["hash"]) for s in held["siblings"]], [bytes.fromhex(p) for p in held["peaks"]]
            self.assertTrue(f.inclusion_holds(hashes[height], height, last, siblings, peaks, seen[last]["mmr_root"]), proof)
            self.assertFalse(f.inclusion_holds(hashes[height - 1], height, last, siblings, peaks, seen[last]["mmr_root"]))
        for old in (1, 3, 4, last - 1):  # a header's root is over the blocks before it
            proof = [bytes.fromhex(p) for p in self.node.rpc("chain.proof_consistency", {"from_height": old - 1, "to_height": last - 1})["proof"]]
            self.assertTrue(f.consistency_holds(old, last, proof, seen[old]["mmr_root"], seen[last]["mmr_root"]), (old, last))
            self.assertFalse(f.consistency_holds(old, last, proof, seen[old]["mmr_root"], seen[old]["mmr_root"]))

    def test_a_snapshot_file_is_read_and_its_state_root_computed(self):
        made = self.node.cli_json("snapshots", "create", "--path", self.node.dir / "shelf")
        data = pathlib.Path(made["path"]).read_bytes()
        head = verify_node.check_snapshot(data, self.node.rpc)
        self.assertEqual(head["height"], made["height"])
        self.assertEqual(f.blake3(data).hex(), made["blake3"])
        for at in random.Random(1).sample(range(len(data)), 3):
            with self.assertRaises((f.FormatError, verify_node.Differs, ValueError)):
                verify_node.check_snapshot(data[:at] + bytes([data[at] ^ 1]) + data[at + 1:], self.node.rpc)

    def test_canonical_json_agrees_on_random_texts_and_nothing_else_passes(self):
        chance = random.Random(7)
        for number in range(150):
            command = transfer(ALICE, 1, params=random_object(chance, 3))
            envelope = f.envelope(command, SEEDS[0]) if number % 50 == 0 else unsigned(command)
            error = self.client.refusal(envelope, "command.check")
            self.assertNotIn(error["data"]["name"], ("not_canonical", "parse_error"), envelope)
        text = f.canonical(transfer(ALICE, 1))
        for changed in (text.replace(b'"chain"', b' "chain"'), text.replace(b'{"chain":"dev","fee":20000', b'{"fee":20000,"chain":"dev"'),
                        text.replace(b'"dev"', b'"\\u0064ev"'), text.replace(b"20000", b"2e4"), text.replace(b"20000", b"20000.0"),
                        text.replace(b'"nonce":1', b'"nonce":-0'), text.replace(b'"nonce":1', b'"nonce":9007199254740992')):
            self.assertNotEqual(changed, text)
            error = self.client.refusal(unsigned_text(changed), "command.check")
            self.assertEqual(error["code"], -32602, (changed, error))
        for broken in (text.replace(b'"nonce":1', b'"nonce":01'), text.replace(b'"nonce":1', b'"nonce":1,"nonce":1'),
                       text.replace(b"dev", b"d\xff"), text.replace(b'"dev"', b'"\\ud800"'), text[:-1]):
            self.assertEqual(self.client.refusal(unsigned_text(broken), "command.check")["code"], -32700, broken)


def unsigned(command):
    return unsigned_text(f.canonical(command))


def unsigned_text(text):
    return b'{"command":' + text + b',"signatures":[{"key":"' + f.public_key(SEEDS[0]).hex().encode() + b'","sig":"' + b"0" * 128 + b'"}]}'


def random_text(chance):
    ranges = ((0x20, 0x7E), (0, 0x1F), (0x7F, 0x7FF), (0x800, 0xD7FF), (0xE000, 0xFFFF), (0x10000, 0x10FFFF))
    return "".join(chr(chance.randint(*chance.choice(ranges))) for _ in range(chance.randint(0, 6)))


def random_value(chance, depth):
    kind = chance.randint(0, 6 if depth else 4)
    if kind == 0:
        return chance.choice((None, True, False))
    if kind in (1, 2):
        return chance.choice((0, 1, -1, f.MAX_SAFE, -f.MAX_SAFE, chance.randint(-f.MAX_SAFE, f.MAX_SAFE)))
    if kind in (3, 4):
        return random_text(chance)
    return random_object(chance, depth - 1) if kind == 5 else [random_value(chance, depth - 1) for _ in range(chance.randint(0, 4))]


def random_object(chance, depth):
    return {random_text(chance): random_value(chance, depth) for _ in range(chance.randint(0, 5))}


class AdmissionTest(unittest.TestCase):
    """A command that is wrong in every way gets the reasons in the order in which they are documented, one for each that is mended."""

    def setUp(self):
        # Blocks on demand only: what is sent waits until the test cuts one.
        self.node = Node(plugins=["ledger"], env={"TB_RPC_TOKENS_PER_SEC": "1000000"},
                         settings={"chain": {"block_interval_ms": 60000, "empty_block_interval_ms": 0}}).start()

    def tearDown(self):
        self.node.close()

    def cut(self):
        height = self.node.height()
        self.node.rpc("start_mining")
        wait_for("a block", lambda: self.node.height() > height)
        self.node.rpc("stop_mining")

    def submit(self, command, *seeds):
        text = f.envelope(command, *(seeds or SEEDS[:1]))
        answer = self.node.request(b'{"jsonrpc":"2.0","id":1,"method":"command.submit","params":' + text[:-1] + b',"_tx":{"wait":"none"}}}')
        if "error" not in answer:
            return 0, "ok"
        data = answer["error"]["data"]
        return data.get("admission_code", answer["error"]["code"]), data["name"]

    def test_the_list(self):
        wrong = transfer(ALICE, 66, to="nobody-here", amount=str(2**63 + 1), chain="other", method="ledger.transfr", pct=101, fee=str(2**63), expires_at_ms=1)
        wrong["params"]["amuont"] = 1
        stranger = SEEDS[1:2]
        told = [self.submit(wrong, *stranger)]
        for mend in ({"chain": "dev"}, {"method": "ledger.transfer"}, {"params": {"to": "nobody-here", "amount": str(2**63 + 1)}}, {"pct": 100},
                     {"fee": str(2**63 - 1)}, {"params": {"to": "nobody-here", "amount": 5}, "fee": 1}, {"expires_at_ms": f.MAX_SAFE}):
            wrong.update(mend)
            told.append(self.submit(wrong, *stranger))
        told.append(self.submit(wrong))  # the right key now
        wrong["fee"] = 20000
        told.append(self.submit(wrong))
        self.assertEqual(told, [(21, "wrong_chain"), (19, "unknown_command"), (-32602, "invalid_params"), (4, "invalid_selector"), (14, "fee_too_large"),
                                (9, "fee_overflow"), (20, "expired"), (5, "bad_signature"), (10, "fee_too_low"), (1, "unknown_sender")])
        self.node.rpc("ledger.transfer", {"to": ALICE, "amount": 16 * 20005 + 30004, "_tx": {"wait": "none", "fee": 5000}})
        self.cut()
        self.assertEqual(self.submit(wrong), (3, "nonce_gap"))
        for nonce in (3, 1, 2):  # in any order within the window
            self.assertEqual(self.submit(transfer(ALICE, nonce)), (0, "ok"))
        self.assertEqual(self.submit(transfer(ALICE, 2, amount=10**9)), (6, "duplicate"))
        for nonce in range(4, 17):
            self.assertEqual(self.submit(transfer(ALICE, nonce)), (0, "ok"))
        self.assertEqual(self.submit(transfer(ALICE, 17)), (13, "pending_limit"))
        self.cut()
        # 30000 is above the floor that those made.
        self.assertEqual(self.submit(transfer(ALICE, 17, to="nobody-here", fee=30000)), (2, "insufficient_balance"))
        self.assertEqual(self.submit(transfer(ALICE, 17, to="nobody-here", amount=4, fee=30000)), (-32602, "invalid_params"))
        self.assertEqual(self.submit(transfer(ALICE, 17, amount=4, fee=30000)), (0, "ok"))
        self.cut()
        self.assertEqual(self.node.rpc("balance", {"address": ALICE})["amount"], 0)
        # Each was counted under its word.
        for word in ("wrong_chain", "unknown_command", "invalid_selector", "fee_too_large", "fee_overflow", "expired", "bad_signature", "fee_too_low",
                     "unknown_sender", "nonce_gap", "duplicate", "pending_limit", "insufficient_balance"):
            wait_for(word, lambda w=word: self.node.metric('tx_rejected_total{reason="' + w + '"}') == 1)

    def test_sessions_and_the_price_of_their_commands(self):
        node = self.node
        node.rpc("ledger.transfer", {"to": ALICE, "amount": 200_000, "_tx": {"wait": "none", "fee": 5000}})
        self.cut()
        key = f.public_key(SEEDS[3]).hex()
        unopened = transfer(ALICE, 1, session=key, fee=0)
        self.assertEqual(self.submit(unopened, SEEDS[3]), (18, "session_expired"))
        soon = node.rpc("block.latest")["time_ms"] + 3_600_000
        self.assertEqual(self.submit(transfer(ALICE, 1, method="ledger.open_session", params={"session_pk": key, "expires_at_ms": soon})), (0, "ok"))
        self.cut()
        self.assertEqual(node.rpc("balance", {"address": ALICE})["amount"], 180_000)
        self.assertEqual(self.submit(transfer(ALICE, 2, session=key, fee=0), SEEDS[3]), (10, "fee_too_low"))
        self.assertEqual(self.submit(transfer(ALICE, 2, session=key, fee=40000), SEEDS[3]), (0, "ok"))
        self.cut()
        self.assertEqual(node.rpc("balance", {"address": ALICE})["amount"], 139_995)


if __name__ == "__main__":
    unittest.main(verbosity=2)
