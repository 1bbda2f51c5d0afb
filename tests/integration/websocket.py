"""A WebSocket client of the standard library's making: enough of RFC 6455 for text messages."""
import base64
import json
import os
import socket
import struct


class WebSocket:
    def __init__(self, port, path="/ws", token=None):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=60)
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                 "Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)).decode()]
        if token:
            lines.append(f"Authorization: Bearer {token}")
        self.sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            self.buffer += self.more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        self.status = int(head.split()[1])

    def more(self):
        data = self.sock.recv(65536)
        if not data:
            raise ConnectionError("closed by the node")
        return data

    def take(self, n):
        while len(self.buffer) < n:
            self.buffer += self.more()
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def send(self, message):
        payload = json.dumps(message).encode()
        mask = os.urandom(4)
        head = b"\x81" + (bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack(">H", len(payload)))
        self.sock.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload)))

    def receive(self):
        while True:
            first, second = self.take(2)
            n = second & 0x7F
            if n == 126:
                n = struct.unpack(">H", self.take(2))[0]
            elif n == 127:
                n = struct.unpack(">Q", self.take(8))[0]
            payload = self.take(n)
            if first & 0x0F == 1:
                return json.loads(payload)
            if first & 0x0F == 8:
                raise ConnectionError("closed by the node")

    def close(self):
        self.sock.close()
