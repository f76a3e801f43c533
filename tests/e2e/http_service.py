#!/usr/bin/env python3
"""A third-party service written outside of the project, in Python's standard library: the worked example of the gateway.

It registers with a token, discovers the twin systems, asks for access, follows the samples of one property over a
WebSocket, keeps their moving mean, raises an alarm when the mean passes a limit, invokes an action and waits until it is
confirmed (server/admin/GATEWAY.md has the requests). Then it does what it should not, and the gateway must bear it.

  http_service.py [options] -- PROGRAM [ARGUMENT...]   starts PROGRAM, which prints "http on HOST:PORT"
  http_service.py [options] --url http://127.0.0.1:PORT

With dtmv-server, "{tokens}" among its arguments is a file that is made, with the token and one that has expired:
  http_service.py --system plant --thing ID --property NAME --limit 0 --action NAME --value 1 -- \\
      dtmv-server --port 0 --http 0 --service-tokens {tokens}
"""
import argparse
import base64
import collections
import concurrent.futures
import hashlib
import http.client
import json
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse


def fail(reason):
    print(f"FAILED: {reason}")
    sys.exit(1)


def check(condition, reason):
    if not condition:
        fail(reason)


# ---- what a service needs: requests, and a WebSocket ----


class WebSocket:
    """As much of RFC 6455 as a client needs: text messages, pings, close."""

    def __init__(self, host, port, path):
        self.socket = socket.create_connection((host, port), timeout=10)
        self.buffer = b""
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        self.status = int(head.split(b" ", 2)[1])

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("closed")
        self.buffer += data

    def _take(self, size):
        while len(self.buffer) < size:
            self._more()
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def frame(self, opcode, data, masked=True, final=True):
        head = bytes([(0x80 if final else 0) | opcode])
        flag = 0x80 if masked else 0
        if len(data) < 126:
            head += bytes([flag | len(data)])
        elif len(data) < 65536:
            head += bytes([flag | 126]) + struct.pack(">H", len(data))
        else:
            head += bytes([flag | 127]) + struct.pack(">Q", len(data))
        if masked:
            mask = os.urandom(4)
            head += mask
            data = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))
        self.socket.sendall(head + data)

    def send(self, message):
        self.frame(1, json.dumps(message).encode())

    def receive(self, timeout=10.0):
        """The next message; a close raises ConnectionError with its code."""
        self.socket.settimeout(timeout)
        text = b""
        while True:
            first, second = self._take(2)
            size = second & 0x7F
            if size == 126:
                size = struct.unpack(">H", self._take(2))[0]
            elif size == 127:
                size = struct.unpack(">Q", self._take(8))[0]
            data = self._take(size)
            opcode = first & 0x0F
            if opcode == 8:
                raise ConnectionError(struct.unpack(">H", data[:2])[0] if size >= 2 else 1005)
            if opcode == 9:
                self.frame(10, data)
            elif opcode in (0, 1):
                text += data
                if first & 0x80:
                    return json.loads(text)

    def close(self):
        self.socket.close()


class Gateway:
    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port, self.key = parts.hostname, parts.port, ""

    def request(self, method, path, body=None, key=None, raw=None, headers=None):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=20)
        headers = dict(headers or {})
        if key if key is not None else self.key:
            headers["Authorization"] = "Bearer " + (key if key is not None else self.key)
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        try:
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer
        finally:
            connection.close()

    def json(self, method, path, body=None, key=None):
        status, text, _ = self.request(method, path, body, key)
        return status, json.loads(text)

    def stream(self):
        return WebSocket(self.host, self.port, f"/api/stream?session={self.key}")


# ---- the service ----


def ask_access(gateway, options, rights):
    status, answer = gateway.json("POST", "/api/access", {"system": options.system, "rights": rights})
    check(status == 200 and answer["rights"] == rights, f"access to {rights}: {status} {answer}")


def discover(gateway, options):
    """Which systems there are; who may read one is told its models."""
    status, answer = gateway.json("GET", "/api/systems")
    check(status == 200, f"systems: {status} {answer}")
    twins = [entry for entry in answer["systems"] if entry["kind"] == "twin" and entry["name"] == options.system]
    check(twins and twins[0]["state"] == "up", f"no twin system {options.system} that is up: {answer}")
    path = f"/api/systems/{urllib.parse.quote(options.system, safe='')}/models"
    status, answer = gateway.json("GET", path)
    check(status == 403 and "/api/access" in answer["error"], f"models without a grant: {status} {answer}")
    ask_access(gateway, options, ["read"])
    status, models = gateway.json("GET", path)
    check(status == 200, f"models: {status}")
    things = {thing["id"]: models["models"][thing["model"]] for thing in models["things"]}
    check(options.thing in things, f"no thing {options.thing}: {sorted(things)[:10]}")
    description = things[options.thing]
    check(options.property in description["properties"], f"no property {options.property}")
    check(not options.action or options.action in description["actions"], f"no action {options.action}")
    print(f"discovered {len(things)} things of {options.system}, {options.thing} among them")


def watch(gateway, stream, options):
    """The moving mean of the last five values; an alarm while it is above the limit."""
    stream.send({"type": "subscribe", "system": options.system})
    last = collections.deque(maxlen=5)
    samples, deadline, snapshot = 0, time.monotonic() + 60, False
    while time.monotonic() < deadline:
        message = stream.receive()
        check(message["type"] != "error", f"the gateway says {message}")
        if message["type"] != "sync":
            continue
        if message["snapshot"] and not snapshot:
            trace_holds(gateway, ["SII_SUBSCRIBE"])
        snapshot = snapshot or message["snapshot"]
        for sample in message["samples"]:
            if (sample["thing"], sample["property"]) != (options.thing, options.property) or sample["quality"] != "good":
                continue
            last.append(float(sample["value"]))
            samples += 1
            mean = sum(last) / len(last)
            if len(last) == last.maxlen and mean > options.limit:
                alarm = {"system": options.system, "thing": options.thing, "property": options.property,
                         "name": "moving-mean", "severity": "warning", "active": True, "score": mean,
                         "text": f"mean {mean:.3f} is above {options.limit}", "source_time": sample["time"]}
                status, answer = gateway.json("POST", "/api/alarm", alarm)
                check(status == 202, f"alarm: {status} {answer}")
                check(snapshot, "no snapshot came first")
                print(f"alarm after {samples} samples: {alarm['text']}")
                return alarm
    return fail(f"the mean never passed {options.limit} ({samples} samples)")


def actuate(gateway, stream, options):
    command = os.urandom(16).hex()
    invoke = {"system": options.system, "thing": options.thing, "action": options.action, "command": command}
    if options.value is not None:
        invoke["value"] = options.value
    status, answer = gateway.json("POST", "/api/invoke", invoke)
    check(status == 202, f"invoke: {status} {answer}")
    states, deadline = [], time.monotonic() + 30
    while (not states or not states[-1]["final"]) and time.monotonic() < deadline:
        message = stream.receive()
        if message["type"] == "command" and message["command"] == command:
            states.append(message)
    words = [state["state"] for state in states]
    check(words and words[-1] == "confirmed", f"the command came to {words}: {states[-1:]}")
    status, answer = gateway.json("GET", f"/api/commands/{command}")
    check(status == 200 and answer["state"] == "confirmed", f"command: {status} {answer}")
    status, answer = gateway.json("POST", "/api/invoke", invoke)
    check(status == 200 and answer["state"] == "confirmed", f"the same command again: {status} {answer}")
    print(f"command {options.action}: {', '.join(words)}")


def service(gateway, options):
    status, answer = gateway.json("POST", "/api/register", {
        "name": options.name, "title": "Moving mean", "version": "1", "token": options.token, "provides": ["moving-mean"]})
    check(status == 201, f"registration: {status} {answer}")
    gateway.key = answer["session"]
    discover(gateway, options)
    trace_holds(gateway, ["SII_REGISTER", "SII_DISCOVER", "SII_ACCESS", "SII_DESCRIBE"])
    if options.action: # separate rights, separate grants
        ask_access(gateway, options, ["actuate"])
    stream = gateway.stream()
    check(stream.status == 101, f"stream: {stream.status}")
    check(stream.receive()["type"] == "open", "the stream does not say that it is open")
    alarm = watch(gateway, stream, options)
    if options.action:
        actuate(gateway, stream, options)
    status, _ = gateway.json("POST", "/api/alarm", {**alarm, "active": False, "text": "over"})
    check(status == 202, "the alarm could not be ended")
    trace_holds(gateway, ["SII_ALARM"] + (["SII_INVOKE"] if options.action else []))
    return stream


def trace_holds(gateway, names):
    """Each message was seen on the bus. The trace keeps the last ones only, so this is asked soon after they were sent."""
    status, text, _ = gateway.request("GET", "/api/trace?count=1000")
    if status == 404:
        print("this server keeps no trace: not looked at")
        return
    json.loads(text)
    deadline = time.monotonic() + 5
    while status == 200 and names[-1].encode() not in text and time.monotonic() < deadline:
        time.sleep(0.05)
        status, text, _ = gateway.request("GET", "/api/trace?count=1000")
    missing = [name for name in names if name.encode() not in text]
    check(status == 200 and not missing, f"the trace ({status}) lacks {missing}")
    print(f"the trace holds {', '.join(names)}")


# ---- metrics, as a scraper reads them ----

SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)*\})? '
                    r'(NaN|[+-]Inf|[+-]?[0-9.]+(?:e[+-]?[0-9]+)?)$')


def check_health(gateway, options):
    status, health = gateway.json("GET", "/healthz", key="")
    check(status == 200 and health["status"] == "up", f"health: {status} {health}")
    systems = {system["name"]: system for system in health["systems"]}
    check(systems.get(options.system, {}).get("state") == "up", f"health does not name {options.system}: {health}")
    print("healthy: " + ", ".join(sorted(f"{system['name']} ({system['kind']})" for system in health["systems"])))


def check_metrics(gateway, wanted=()):
    status, text, answer = gateway.request("GET", "/metrics", key="")
    check(status == 200 and answer.getheader("content-type", "").startswith("text/plain; version=0.0.4"), "metrics")
    types, seen, current = {}, set(), None
    check(text.endswith(b"\n"), "the last line of /metrics does not end")
    for line in text.decode().splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            check(name not in types and kind in ("counter", "gauge", "histogram", "summary", "untyped"), line)
            types[name], current = kind, name
        elif not line.startswith("# HELP "):
            match = SAMPLE.match(line)
            check(match, f"no Prometheus sample: {line!r}")
            name = match.group(1)
            base = name if name in types else re.sub(r"_(bucket|sum|count)$", "", name)
            check(base == current, f"{name} is not under its TYPE")
            check((name, match.group(2)) not in seen, f"twice: {line}")
            check(types[base] != "counter" or float(match.group(3)) >= 0, f"a counter below 0: {line}")
            seen.add((name, match.group(2)))
    check(len(seen) >= 5, "hardly any metrics")
    missing = [name for name in wanted if name not in types]
    check(not missing, f"/metrics lacks {missing}")
    print(f"{len(seen)} metrics in Prometheus' text format")


# ---- what a service should not do ----


def raw_bytes(gateway, data, timeout=15.0):
    """What comes back to these bytes until the other side closes; None when it does not close in time."""
    with socket.create_connection((gateway.host, gateway.port), timeout=timeout) as connection:
        answer = b""
        try:
            connection.sendall(data)
            while chunk := connection.recv(65536):
                answer += chunk
        except (ConnectionError, BrokenPipeError):
            pass
        except TimeoutError:
            return None
        return answer


def slow_loris(gateway, seconds):
    """Sends a header a byte at a time; how long the gateway bears it."""
    began = time.monotonic()
    with socket.create_connection((gateway.host, gateway.port), timeout=1) as connection:
        try:
            for byte in b"GET /healthz HTTP/1.1\r\nX-Slow: " + b"a" * 1000:
                connection.sendall(bytes([byte]))
                time.sleep(0.25)
                if time.monotonic() - began > seconds:
                    break
        except OSError:
            pass
    return time.monotonic() - began


def bad_tokens(gateway, options):
    name = {"name": options.name + "-2"}
    time.sleep(3) # registrations are few a second
    status, answer = gateway.json("POST", "/api/register", {**name, "token": "wrong"}, key="")
    check(status == 401, f"a wrong token: {status} {answer}")
    status, answer = gateway.json("POST", "/api/register", {"name": options.name, "token": "wrong"}, key="")
    check(status == 401, f"a wrong token for a name in use: {status} {answer}")
    status, answer = gateway.json("POST", "/api/register", name, key="")
    check(status == 401, f"no token: {status} {answer}")
    if options.expired:
        status, answer = gateway.json("POST", "/api/register", {**name, "token": options.expired}, key="")
        check(status == 401, f"an expired token: {status} {answer}")
    status, _ = gateway.json("GET", "/api/systems", key="f" * 64)
    check(status == 401, f"a key that nobody has: {status}")
    check(gateway.json("GET", "/api/systems")[0] == 200, "the session suffered from it")


def bad_requests(gateway, options):
    for path in ("/", "/../../etc/passwd", "/api/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/api/systems/",
                 "/index.html", "//healthz/..", "/api/commands/%00"):
        status, text, _ = gateway.request("GET", path)
        check(status in (400, 403, 404) and b"root:" not in text, f"{path}: {status}")
    check(gateway.request("DELETE", "/healthz")[0] == 405, "DELETE /healthz")
    check(gateway.request("GET", "/healthz", headers={"Host": "elsewhere.example"})[0] == 200, "the Host header counts")
    for text in (b"", b"{", b"[]", b"null", b"\x00\xff", b'{"name": 7}', b'{"a":' * 100, b'{"system":"plant","rights":[]}',
                 b'{"system":"plant","rights":["read"],"more":1}', json.dumps({"system": "x" * 1000}).encode()):
        status, answer, _ = gateway.request("POST", "/api/access", raw=text)
        check(status == 400 and b"error" in answer, f"{text[:40]}: {status}")
    check(gateway.request("POST", "/api/access", raw=b" " * 65537)[0] == 413, "a body of more than 64 KiB")
    status = gateway.request("POST", "/api/access", raw=b" " * 65536)[0]
    check(status == 400, f"a body of 64 KiB: {status}")
    answer = raw_bytes(gateway, b"POST /api/access HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
    check(answer is not None and b" 413 " in answer.split(b"\r\n")[0], f"a huge Content-Length: {answer}")
    answer = raw_bytes(gateway, b"POST /api/access HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    check(answer is not None and b" 411 " in answer.split(b"\r\n")[0], f"a chunked body: {answer}")
    for data in (b"\x00" * 4096, b"\x16\x03\x01" + os.urandom(500), b"GET\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                 b"GET / HTTP/1.1\r\nX: " + b"a" * 20000 + b"\r\n\r\n", os.urandom(3000)):
        answer = raw_bytes(gateway, data)
        check(answer is not None and b"200 OK" not in answer, f"garbage {data[:20]!r} was not closed: {answer}")
    if options.action:
        status, answer = gateway.json("POST", "/api/invoke", {"system": options.system, "thing": "nobody", "action": "fly",
                                                             "command": "not hex"})
        check(status == 400, f"a command id that is none: {status} {answer}")


def bad_sockets(gateway):
    for query in ("", "?session=", "?session=" + "0" * 64, "?session=" + "0" * 500):
        check(WebSocket(gateway.host, gateway.port, "/api/stream" + query).status in (400, 401), f"stream{query}")
    check(WebSocket(gateway.host, gateway.port, f"/elsewhere?session={gateway.key}").status == 404, "another path")

    def closes(send, codes, what):
        stream = gateway.stream()
        check(stream.status == 101, f"{what}: {stream.status}")
        try:
            send(stream)
            for _ in range(2000):
                stream.receive()
            fail(f"{what}: still open")
        except (ConnectionError, OSError) as error:
            check(not codes or error.args[0] in codes, f"{what}: {error}")
        stream.close()

    closes(lambda stream: stream.frame(2, b"binary"), (1003,), "a binary message")
    closes(lambda stream: stream.frame(1, b"x" * 20000), (1009,), "a message of 20,000 bytes")
    closes(lambda stream: [stream.frame(1 if i == 0 else 0, b"x" * 2000, final=False) for i in range(12)], (),
           "a message of many pieces")
    closes(lambda stream: stream.frame(3, b"?"), (), "a reserved opcode")
    stream = gateway.stream()
    for text in (b"garbage", b"{}", b'{"type":"fly","system":"plant"}', b'{"type":"subscribe","system":"no such thing"}'):
        stream.frame(1, text)
        message = stream.receive()
        while message["type"] != "error":
            message = stream.receive()
    stream.close()


def flood(gateway, options):
    """More connections than there may be, silent; then too many requests."""
    crowd = []
    for _ in range(150):
        try:
            crowd.append(socket.create_connection((gateway.host, gateway.port), timeout=5))
        except OSError:
            break
    time.sleep(0.5)
    for connection in crowd:
        connection.close()
    deadline = time.monotonic() + 10
    while True:
        try:
            if gateway.request("GET", "/healthz", key="")[0] in (200, 503):
                break
        except OSError:
            pass
        check(time.monotonic() < deadline, "no answer after a crowd of connections")
        time.sleep(0.2)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: gateway.request("GET", "/healthz", key="")[0], range(400)))
    check(set(answers) == {200, 429}, f"400 requests at once: {collections.Counter(answers)}")
    check(gateway.json("GET", "/api/systems")[0] == 200, "a session suffered from others' requests")
    limited = 0
    for _ in range(15):
        status, _ = gateway.json("POST", "/api/register", {"name": options.name + "-3", "token": "guess"}, key="")
        check(status in (401, 429), f"a guessed token: {status}")
        limited += status == 429
    check(limited > 0, "15 tokens could be tried at once")


def hostile(gateway, options):
    loris = {}
    thread = threading.Thread(target=lambda: loris.update(seconds=slow_loris(gateway, 45)))
    thread.start()
    bad_tokens(gateway, options)
    print("bad tokens and keys are refused")
    bad_requests(gateway, options)
    print("bad requests are refused")
    bad_sockets(gateway)
    print("bad WebSockets are closed")
    flood(gateway, options)
    print("floods are limited")
    thread.join()
    check(loris["seconds"] < 40, "a header that trickles is borne for ever")
    print(f"a header that trickles is borne for {loris['seconds']:.0f} s")


def start(command, folder):
    """What it would keep from one run to the next is kept in `folder`."""
    program = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "XDG_CONFIG_HOME": folder})
    lines = []
    for line in program.stdout:
        lines.append(line)
        match = re.search(r"http on (\S+:\d+)", line)
        if match:
            return program, "http://" + match.group(1)
    return fail(f"{command[0]} did not say where it listens: {''.join(lines)}")


def wait_healthy(gateway):
    """It listens before its systems have found each other."""
    deadline = time.monotonic() + 15
    while (answer := gateway.request("GET", "/healthz", key=""))[0] != 200:
        check(time.monotonic() < deadline, f"the server is not healthy: {answer[1]}")
        time.sleep(0.3)


def make_tokens(options, folder):
    """The file in which the enabler finds who may register: the service, and one whose token was good once."""
    def hashed(token):
        return hashlib.blake2b(token.encode(), digest_size=32).hexdigest()
    path = os.path.join(folder, "tokens")
    options.expired = options.expired or "old"
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"http/{options.name} {hashed(options.token)}\nhttp/{options.name}-2 {hashed(options.expired)} 1000000000\n")
    os.chmod(path, 0o600)
    return path


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--url")
    parser.add_argument("--name", default="mean")
    parser.add_argument("--token", default="secret")
    parser.add_argument("--expired", help="a token that was good once")
    parser.add_argument("--system", default="plant")
    parser.add_argument("--thing", default="pump-1")
    parser.add_argument("--property", default="temperature")
    parser.add_argument("--limit", type=float, default=50.0)
    parser.add_argument("--action", default="", help="nothing is invoked without it")
    parser.add_argument("--value", type=json.loads)
    parser.add_argument("--example-only", action="store_true", help="does nothing bad")
    parser.add_argument("--metric", action="append", default=[], help="a name that /metrics must have")
    parser.add_argument("program", nargs="*")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dtmv-e2e-") as folder:
        run(options, folder)
    print("ok")


def run(options, folder):
    command = [make_tokens(options, folder) if word == "{tokens}" else word for word in options.program]
    program, url = start(command, folder) if command else (None, options.url)
    check(url, "name a program or give --url")
    try:
        gateway = Gateway(url)
        wait_healthy(gateway)
        stream = service(gateway, options)
        stream.close()
        check_health(gateway, options)
        check_metrics(gateway, options.metric)
        if not options.example_only:
            hostile(gateway, options)
            check_metrics(gateway, options.metric)
        status, _ = gateway.json("POST", "/api/leave")
        check(status == 200 and gateway.json("GET", "/api/systems")[0] == 401, "the session outlives its end")
    finally:
        if program:
            program.terminate()
            rest = program.stdout.read()
            code = program.wait(20)
    if program:
        check(code == 0, f"{command[0]} ended with {code}")
        match = re.search(r"longest tick ([0-9.]+) ms", rest)
        if match:
            check(float(match.group(1)) < 500, f"the gateway held its loop for {match.group(1)} ms")
            print(f"longest tick {match.group(1)} ms")


if __name__ == "__main__":
    main()
