"""The service energy-oracle between a meter and a node, and the files that the energy market leaves behind."""
import http.server
import json
import pathlib
import threading
import unittest

from node import Meter, Node, wait_for

PROVIDER = "energy-0x00000000"
SEED = "07" * 32
PUBLIC = "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c"


class MeterServer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps(self.server.meter.sign(250)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def adapter_config(node_port, meter_port):
    return f"""oracle_adapter:
  node_url: http://127.0.0.1:{node_port}
  interval_ms: 500
  meters:
    - url: http://127.0.0.1:{meter_port}/meter/m0/reading
      provider_id: {PROVIDER}
  keys:
    - provider_id: {PROVIDER}
      public_key_hex: {PUBLIC}
"""


class EnergyOracleTest(unittest.TestCase):
    def setUp(self):
        self.node = Node(profile="worldos-energy").start()
        self.node.rpc("energy.register_provider", {"capacity_kwh": 1000000, "price_per_kwh": 10, "stake": 1000,
                                                   "meter_address": "m0", "jurisdiction": "US_CA", "owner": "acct"})
        self.node.rpc("energy.set_provider_keys", {"keys": [{"provider_id": PROVIDER, "public_key_hex": PUBLIC}]})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), MeterServer)
        self.server.meter = Meter(self.node, PROVIDER, "m0", SEED)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def tearDown(self):
        self.server.shutdown()
        self.server.server_close()
        self.node.close()

    def credits(self):
        return self.node.rpc("energy.credits", {})["credits"]

    def test_readings_become_credits_receipts_and_a_snapshot_that_holds(self):
        node = self.node
        config = adapter_config(node.ports()["rpc"], self.server.server_port)
        with Node(plugins=["oracle-adapter"], config=config) as adapter:
            wait_for("two credits", lambda: len(self.credits()) >= 2)
            wait_for("the count of deliveries",
                     lambda: adapter.metric('oracle_adapter_readings_total{result="delivered"}', 0) >= 2)
            status, body = adapter.get("metrics", "/healthz")
            self.assertEqual((status, json.loads(body)["status"]), (200, "ok"))
            self.assertIn("oracle_latency=", adapter.output())
            self.assertRegex(adapter.output(), r"queue_depth=[0-9]+ pending_verifications=[0-9]+")
            self.assertNotIn(PUBLIC, adapter.output())
        credit = self.credits()[0]
        node.rpc("energy.settle", {"provider_id": PROVIDER, "kwh_consumed": 100, "meter_hash": credit["meter_hash"]})
        report = wait_for("a receipt to check", lambda: (lambda r: r if r["receipts"] > 0 else None)(
            node.rpc("receipts.validate", {"from_block": -1})))
        self.assertTrue(report["ok"], report)
        self.assertEqual(report["not_checked"], 0, "the market knows its own receipts")
        made = node.cli_json("energy", "snapshot", "create")
        folder = str(pathlib.Path(made["path"]).parent)
        checked = json.loads(node.cli("energy", "snapshot", "verify", "--dir", folder).stdout)
        self.assertEqual(checked["blake3"], made["blake3"])
        self.assertGreater(node.metric("energy_snapshot_duration_seconds_count"), 0)
        wait_for("a block behind the snapshot", lambda: node.height() > made["height"])
        self.assertEqual(node.stop(), 0)
        listed = json.loads(node.cli("energy", "snapshot", "list", "--dir", folder).stdout)["snapshots"]
        self.assertGreater(listed[0]["height"], made["height"], "a node that stops leaves its newest state behind")
        path = pathlib.Path(listed[0]["path"])
        damaged = bytearray(path.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        path.write_bytes(damaged)
        self.assertEqual(node.cli("energy", "snapshot", "verify", "--dir", folder, check=False).returncode, 1)


    def test_a_reading_waits_in_the_spool_of_an_isolated_adapter_through_its_death(self):
        """The plugin opens no file itself: its process could not."""
        nobody = 1  # a port on which nothing listens
        adapter = Node(plugins=["{id: oracle-adapter, isolation: process}"], config=adapter_config(nobody, self.server.server_port))
        self.addCleanup(adapter.close)
        adapter.start()
        spool = adapter.data / "oracle_adapter_spool"
        waiting = wait_for("a reading that cannot be delivered", lambda: list(spool.glob("*.reading")))
        self.assertEqual(len(waiting), 1, "the newest of a meter carries those before it")
        adapter.kill()
        # Now the node answers and the meter does not: what arrives comes from the spool.
        adapter.write_config(adapter_config(self.node.ports()["rpc"], nobody))
        adapter.start()
        wait_for("the credit", self.credits)
        wait_for("an empty spool", lambda: not list(spool.glob("*.reading")))
        self.assertNotIn("spool:", adapter.output())
        self.assertNotIn("opened a file", adapter.output())


class EnergyDoorTest(unittest.TestCase):
    def test_refused_calls_are_counted_where_the_market_looks(self):
        token = "a-token-for-the-energy-market"
        with Node(profile="worldos-energy", env={"TB_ENERGY_RPC_TOKEN": token, "TB_RPC_ENERGY_TOKENS_PER_SEC": "1"}) as node:
            call = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "energy.providers", "params": {}})
            self.assertEqual(json.loads(node.post("rpc", call)[1])["error"]["code"], -33009)
            bearer = {"Authorization": "Bearer " + token}
            codes = [json.loads(node.post("rpc", call, bearer)[1]).get("error", {}).get("code") for _ in range(20)]
            self.assertIsNone(codes[0])
            self.assertIn(-33010, codes)
            self.assertEqual(node.metric('energy_signature_verification_failures_total{reason="unauthorized"}'), 1)
            self.assertEqual(node.metric('energy_rate_limited_total{class="read"}'), codes.count(-33010))


if __name__ == "__main__":
    unittest.main()
