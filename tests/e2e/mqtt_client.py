#!/usr/bin/env python3
"""A minimal MQTT 3.1.1 client for tests, on sockets of the standard library (OASIS MQTT 3.1.1), and a Mosquitto to talk to.

As a program it publishes standard input's lines "TOPIC PAYLOAD", and prints what comes by the topics it is given:
usage: mqtt_client.py PORT [FILTER ...]
"""
import pathlib
import queue
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PINGREQ, DISCONNECT = 1, 2, 3, 4, 8, 9, 12, 14


def text(value):
    data = value if isinstance(value, bytes) else value.encode()
    return struct.pack(">H", len(data)) + data


def packet(kind, flags, body):
    size, length = len(body), bytearray()
    while True:
        size, digit = divmod(size, 128)
        length.append(digit | (128 if size else 0))
        if not size:
            return bytes([kind << 4 | flags]) + bytes(length) + body


class MqttClient:
    """Connects at once (ConnectionError when refused). `messages` is a queue of (topic, payload bytes, retained)."""

    def __init__(self, port, client_id, will=None, user=None, password=None, keep_alive_s=30, host="127.0.0.1"):
        self.messages = queue.Queue()
        self.closed = threading.Event()
        self._lock = threading.Lock()
        self._acks = queue.Queue()
        self._id = 0
        self.socket = socket.create_connection((host, port), 5)
        self.socket.settimeout(None)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        flags, body = 0x02, text(client_id)
        if will:
            topic, payload, retain = will
            flags |= 0x04 | (0x20 if retain else 0)
            body += text(topic) + text(payload)
        if user is not None:
            flags |= 0x80 | (0x40 if password is not None else 0)
            body += text(user) + (text(password) if password is not None else b"")
        self._send(packet(CONNECT, 0, text("MQTT") + bytes([4, flags]) + struct.pack(">H", keep_alive_s) + body))
        kind, _, body = self._receive()
        if kind != CONNACK or body[1] != 0:
            self.socket.close()
            raise ConnectionError(f"the broker refuses: {body[1] if len(body) > 1 else kind}")
        self._pinger = threading.Thread(target=self._ping, args=(keep_alive_s / 2,), daemon=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._pinger.start()
        self._reader.start()

    def _send(self, data):
        with self._lock:
            self.socket.sendall(data)

    def _exactly(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise ConnectionError("the broker is gone")
            data += part
        return data

    def _receive(self):
        first = self._exactly(1)[0]
        size = shift = 0
        while True:
            digit = self._exactly(1)[0]
            size |= (digit & 127) << shift
            shift += 7
            if not digit & 128:
                break
        return first >> 4, first & 15, self._exactly(size)

    def _read(self):
        try:
            while True:
                kind, flags, body = self._receive()
                if kind == PUBLISH:
                    size = struct.unpack(">H", body[:2])[0]
                    at = 2 + size
                    if flags & 6:
                        self._send(packet(PUBACK, 0, body[at:at + 2]))
                        at += 2
                    self.messages.put((body[2:2 + size].decode(), body[at:], bool(flags & 1)))
                elif kind in (PUBACK, SUBACK):
                    self._acks.put(struct.unpack(">H", body[:2])[0])
        except (OSError, ConnectionError):
            self.closed.set()

    def _ping(self, period_s):
        while not self.closed.wait(period_s):
            try:
                self._send(packet(PINGREQ, 0, b""))
            except OSError:
                return

    def _wait_ack(self, number, timeout_s):
        end = time.monotonic() + timeout_s
        while True:
            try:
                if self._acks.get(timeout=max(0.01, end - time.monotonic())) == number:
                    return
            except queue.Empty:
                raise ConnectionError("the broker does not acknowledge") from None

    def _next_id(self):
        self._id = self._id % 65535 + 1
        return self._id

    def publish(self, topic, payload, retain=False, qos=0, timeout_s=5):
        data = payload if isinstance(payload, bytes) else payload.encode()
        number = self._next_id() if qos else 0
        head = text(topic) + (struct.pack(">H", number) if qos else b"")
        self._send(packet(PUBLISH, (1 if retain else 0) | qos << 1, head + data))
        if qos:
            self._wait_ack(number, timeout_s)

    def subscribe(self, *filters, qos=0, timeout_s=5):
        number = self._next_id()
        body = struct.pack(">H", number) + b"".join(text(f) + bytes([qos]) for f in filters)
        self._send(packet(SUBSCRIBE, 2, body))
        self._wait_ack(number, timeout_s)

    def wait_message(self, wanted, timeout_s=10):
        """The next message for which wanted(topic, payload) holds; None after the time."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            try:
                topic, payload, _ = self.messages.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                return None
            if wanted(topic, payload):
                return topic, payload
        return None

    def close(self):
        """Says goodbye: no will is published."""
        try:
            self._send(packet(DISCONNECT, 0, b""))
        except OSError:
            pass
        self.drop()

    def drop(self):
        """Is gone, as a device that loses power: the broker publishes the will."""
        self.closed.set()
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


def find_mosquitto():
    """The broker's program, or None."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Mosquitto:
    """A broker on a free loopback port. `more` is appended to its configuration."""

    def __init__(self, folder, port=None, more=None):
        self.port = port or free_port()
        self.config = HERE / "mosquitto.conf"
        self.own_port = more is not None and "listener" in more
        if more is not None:
            self.config = pathlib.Path(folder) / f"mosquitto-{self.port}.conf"
            self.config.write_text((HERE / "mosquitto.conf").read_text(encoding="utf-8") + more, encoding="utf-8")
        self.process = None
        self.start()

    def start(self):
        arguments = [find_mosquitto(), "-c", str(self.config)] + ([] if self.own_port else ["-p", str(self.port)])
        self.process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while time.monotonic() < end and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError("mosquitto does not listen")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def main():
    client = MqttClient(int(sys.argv[1]), "mqtt-client-py")
    if len(sys.argv) > 2:
        client.subscribe(*sys.argv[2:])

    def show():
        while True:
            topic, payload, _ = client.messages.get()
            print(topic, payload.decode(errors="replace"), flush=True)

    threading.Thread(target=show, daemon=True).start()
    for line in sys.stdin:
        topic, _, payload = line.rstrip("\n").partition(" ")
        client.publish(topic, payload)
    client.close()


if __name__ == "__main__":
    main()
