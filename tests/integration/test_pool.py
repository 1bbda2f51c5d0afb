"""The pool on a real node: prices of the lanes, the comfort guard that holds the industrial lane back, what its metrics say."""
import json
import shutil
import unittest

from node import Node, RpcError, wait_for

STRANGER = "treasury"


class PoolTest(unittest.TestCase):
    def setUp(self):
        # Blocks on demand only: what is sent waits until the test cuts one.
        self.node = Node(plugins=["ledger"], env={"TB_COMFORT_THRESHOLD_P90": "5000"},
                         settings={"chain": {"block_interval_ms": 60000, "empty_block_interval_ms": 60000}}).start()
        self.accounts = []
        for i in (1, 2, 3):
            file = self.node.dir / f"{i}.key"
            file.write_text(f"{i:02x}" * 32 + "\n")
            file.chmod(0o600)
            address = json.loads(self.node.cli("wallet", "sign", "x", "--seed", f"{i:02x}" * 32, "--json").stdout)["address"]
            self.node.rpc("ledger.transfer", {"to": address, "amount": 1_000_000, "_tx": {"wait": "none", "fee": 700}})
            self.accounts.append(file)
        self.cut()

    def tearDown(self):
        self.node.close()

    def cut(self):
        height = self.node.height()
        self.node.rpc("start_mining")
        wait_for("a block", lambda: self.node.height() > height)
        self.node.rpc("stop_mining")

    def send(self, who, fee, lane="consumer", check=True):
        return self.node.cli("wallet", "send", "--to", STRANGER, "--amount", "5", "--key", self.accounts[who], "--fee", fee, "--lane", lane, "--force",
                             "--no-wait", "--json", check=check)

    def test_the_comfort_guard_holds_the_industrial_lane_back_while_consumers_pay_much(self):
        node = self.node
        self.send(0, 4000)
        self.send(1, 2000, "industrial")
        wait_for("the count", lambda: node.metric("industrial_admitted_total") == 1)  # counted behind the answer
        self.assertEqual(node.metric('admission_mode{mode="normal"}'), 1)
        self.send(0, 9000)
        self.send(0, 9100)
        stats = node.cli_json("node", "mempool", "stats", "--lane", "consumer")
        self.assertEqual((stats["size"], stats["fee_p50"], stats["fee_p90"]), (3, 9000, 9000))
        self.assertGreaterEqual(stats["age_p95"], stats["age_p50"])
        self.assertEqual(stats["base_fee"], 1)
        self.assertGreaterEqual(stats["fee_floor"], 1)
        refused = self.send(2, 8000, "industrial", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("the industrial lane waits", refused.stderr)
        wait_for("the count", lambda: node.metric("industrial_deferred_total") == 1)
        self.assertEqual(node.metric('industrial_rejected_total{reason="comfort_guard"}'), 1)
        self.assertEqual(node.metric('admission_mode{mode="tight"}'), 1)
        self.assertEqual(node.metric('admission_mode{mode="normal"}'), 0)
        self.assertEqual((node.metric("consumer_fee_p50"), node.metric("consumer_fee_p90")), (9000, 9000))
        self.assertEqual(node.metric('mempool_size{lane="industrial"}'), 1)
        # When the consumers' commands are in a block, nothing holds it back any more.
        self.cut()
        self.send(2, 8000, "industrial")
        wait_for("the count", lambda: node.metric("industrial_admitted_total") == 2)  # counted behind the answer
        self.assertEqual(node.metric('admission_mode{mode="normal"}'), 1)

    def test_a_lane_asks_what_its_last_commands_paid_and_a_fee_below_is_refused_with_the_price(self):
        node = self.node
        before = int(node.rpc("balance", {"address": STRANGER})["amount"])
        for _ in range(4):
            self.send(0, 6000)
        self.cut()
        price = node.rpc("mempool.stats", {"lane": "consumer"})["fee_floor"]
        self.assertGreater(price, 5, "four payments of 6000 for about 600 bytes")
        self.assertEqual(node.metric('fee_floor_current{lane="consumer"}'), price)
        refused = self.send(1, 1000, check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn(f"the floor {price} a byte", refused.stderr)
        self.send(1, 9000)
        # The node's own commands pay it without being told.
        with self.assertRaises(RpcError) as waits:
            node.rpc("ledger.transfer", {"to": STRANGER, "amount": 1})
        self.assertEqual(waits.exception.name, "timeout")
        self.cut()
        self.assertEqual(int(node.rpc("balance", {"address": STRANGER})["amount"]), before + 5 * 5 + 1)

    def test_commands_of_senders_that_the_chain_does_not_know_are_swept_at_the_start(self):
        node = self.node
        # More than the three transfers of the set-up, which the journal brings back as well.
        ids = [json.loads(self.send(who, 9000).stdout)["command_id"] for who in (0, 1, 2) for _ in range(2)]
        self.assertEqual(node.metric("orphan_sweep_total"), 0)
        node.stop()
        # The chain begins anew and the journal of the pool stays, as after a restore by hand.
        for name in ("chain", "state", "index", "mmr"):
            shutil.rmtree(node.data / name)
        node.start()
        self.assertEqual(node.metric("orphan_sweep_total"), 6)
        self.assertEqual({node.rpc("tx.status", {"id": i})["state"] for i in ids}, {"evicted"})
        self.assertEqual(node.metric("drop_not_found_total"), 0)
        self.assertEqual(node.metric("block_apply_fail_total"), 0)
        self.assertGreater(node.metric("telemetry_alloc_bytes"), 10_000)

    def test_what_leaves_the_pool_is_counted(self):
        node = self.node
        soon = json.loads(self.send(0, 6000).stdout)["command_id"]
        node.stop()
        node.env["TB_MEMPOOL_TTL_SECS"] = "1"
        node.start()
        wait_for("the end of its time", lambda: node.rpc("tx.status", {"id": soon})["state"] in ("expired", "unknown"))
        wait_for("the count", lambda: node.metric("ttl_drop_total") + node.metric("startup_ttl_drop_total") >= 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
