"""Ten thousand connections, clients that never read and clients of a byte a second: the node bounds them, and goes on serving."""
import json
import resource
import selectors
import socket
import time
import unittest

from node import Node, wait_for

WANTED = 10_000
MAX_CONNECTIONS = 4096
MAX_PER_ADDRESS = 256


def resident_kb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmRSS"):
                return int(line.split()[1])
    raise AssertionError("no VmRSS")


class ConnectionsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        need = WANTED + 1000
        if hard != resource.RLIM_INFINITY:
            hard = max(hard, need)  # root may raise it
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, need), hard))
        except (ValueError, OSError) as error:
            raise AssertionError(f"this test opens {WANTED} sockets: raise the limit of open files (ulimit -Hn)") from error
        cls.node = Node(config=f"rpc:\n  max_connections: {MAX_CONNECTIONS}\n  max_connections_per_ip: {MAX_PER_ADDRESS}\n").start()
        cls.port = cls.node.ports()["rpc"]

    @classmethod
    def tearDownClass(cls):
        cls.node.close()

    def connect(self, number):
        s = socket.socket()
        s.bind((f"127.0.{1 + number // 200 // 250}.{1 + number // 200 % 250}", 0))  # 200 sockets an address
        s.connect(("127.0.0.1", self.port))
        s.setblocking(False)
        return s

    def closed_by_node(self, sockets):
        """Of these silent sockets, those that the node has closed (a refusal may say why first)."""
        found = set()
        with selectors.DefaultSelector() as selector:
            for s in sockets:
                selector.register(s, selectors.EVENT_READ)
            while ready := selector.select(0):
                for key, _ in ready:
                    try:
                        over = key.fileobj.recv(4096) == b""
                    except ConnectionError:
                        over = True
                    if over:
                        found.add(key.fileobj)
                        selector.unregister(key.fileobj)
        return found

    def test_ten_thousand_connections(self):
        before = resident_kb(self.node.process.pid)
        sockets = []
        try:
            for number in range(WANTED):
                sockets.append(self.connect(number))
            refused = wait_for("the refusal of what is above the limit",
                               lambda: (lambda c: c if len(c) >= WANTED - MAX_CONNECTIONS else None)(self.closed_by_node(sockets)))
            self.assertLessEqual(WANTED - len(refused), MAX_CONNECTIONS)
            self.assertEqual(self.node.rpc("whoami")["role"], "admin")  # the local socket is no part of the crowd
            grown = resident_kb(self.node.process.pid) - before
            self.assertLess(grown, MAX_CONNECTIONS * 64, f"{grown} KB for {MAX_CONNECTIONS} silent connections")
        finally:
            for s in sockets:
                s.close()
        wait_for("a place for the next client", self.answers)
        self.assertGreaterEqual(self.dropped("limit"), WANTED - MAX_CONNECTIONS)

    def test_one_connection_too_many_is_told_what_to_raise(self):
        inside = [socket.create_connection(("127.0.0.1", self.port)) for _ in range(MAX_PER_ADDRESS)]
        try:
            with socket.create_connection(("127.0.0.1", self.port)) as s:
                answer = b""
                while part := s.recv(4096):
                    answer += part
        finally:
            for s in inside:
                s.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 503 "), head)
        error = json.loads(body)["error"]
        self.assertEqual((error["code"], error["data"]["limit"]), (-34005, "rpc.max_connections_per_ip"))
        self.assertIn(f"{MAX_PER_ADDRESS} connections", error["message"])
        self.assertIn("or raise rpc.max_connections_per_ip", error["data"]["hint"])
        wait_for("a place for the next client", self.answers)

    def dropped(self, reason):
        return self.node.metric(f'http_connections_dropped_total{{reason="{reason}"}}')

    def answers(self):
        try:
            return self.node.get("rpc", "/healthz")[0] == 200
        except OSError:
            return False

    def test_one_address_gets_its_share_only(self):
        sockets = []
        try:
            for _ in range(MAX_PER_ADDRESS + 50):
                s = socket.socket()
                s.bind(("127.9.9.9", 0))
                s.connect(("127.0.0.1", self.port))
                s.setblocking(False)
                sockets.append(s)
            wait_for("the refusal of what is above the share", lambda: len(self.closed_by_node(sockets)) >= 50)
            self.assertTrue(self.answers())  # another address is not touched
        finally:
            for s in sockets:
                s.close()

    def test_a_client_that_never_reads_and_one_of_a_byte_a_second(self):
        body = b'{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}'
        request = (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
                   + str(len(body)).encode() + b"\r\n\r\n")
        silent = socket.create_connection(("127.0.0.1", self.port))
        silent.setblocking(False)
        slow = socket.create_connection(("127.0.0.1", self.port))
        try:
            for _ in range(200):  # answers of a few hundred KB each that nobody takes
                try:
                    silent.send(request + body)
                except BlockingIOError:
                    break
            for byte in request[:5]:
                slow.send(bytes([byte]))
                self.assertTrue(self.answers())
                time.sleep(0.2)  # the pace of the client that is played
            self.assertEqual(self.node.rpc("whoami")["role"], "admin")
            # Neither stays for ever, and both are counted.
            wait_for("the end of the slow one", lambda: self.node.metric('http_errors_total{status="408"}', 0) >= 1)
            wait_for("the end of the silent one", lambda: self.dropped("not_reading") >= 1)
        finally:
            silent.close()
            slow.close()


if __name__ == "__main__":
    unittest.main()
