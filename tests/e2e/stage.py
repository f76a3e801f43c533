"""A stage of programs whose lines are read while they run: the server and clients of the client's end-to-end tests."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time

from harness import ROOT, SKIP, check, fail


class Process:
    """A program whose lines are kept, and that never outlives the test."""

    def __init__(self, arguments, env=None, cwd=None):
        self.name = pathlib.Path(arguments[0]).name
        self.lines = []
        self.process = subprocess.Popen([str(a) for a in arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True, errors="replace", env=env, cwd=cwd)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def wait_line(self, pattern, timeout_s):
        """The first match of `pattern` in what it prints."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            for line in list(self.lines):
                match = re.search(pattern, line)
                if match:
                    return match
            if self.process.poll() is not None and not self.reader.is_alive():
                break
            time.sleep(0.02)
        return None

    def wait(self, timeout_s):
        """Its exit code; None (and it is ended) when it does not end in time."""
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.stop()
            return None
        self.reader.join(5)
        return code

    def text(self):
        return "\n".join(self.lines)

    def finish(self, timeout_s, expected=0):
        """Waits for its end and checks the exit code."""
        code = self.wait(timeout_s)
        check(code is not None, f"{self.name} did not end within {timeout_s} s")
        check(code == expected, f"{self.name} ended with {code}, not {expected}: {self.text()[-2000:]}")

    def terminate(self, timeout_s=10):
        """Asks it to end, as a person does, and checks that it ends well."""
        self.process.terminate()
        self.finish(timeout_s)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.reader.join(5)

    def own_leaks(self):
        """Frames of our own code in a leak report."""
        report = [i for i, line in enumerate(self.lines) if "LeakSanitizer" in line]
        return [line for line in self.lines[report[0]:] if re.search(r"/(client|server|shared)/", line)] if report else []

    def show(self, count=25):
        print(f"--- {self.name} (exit {self.process.poll()}):")
        for line in self.lines[-count:]:
            print(f"    {line}")


class Stage:
    """A server, its clients and a folder for their files: with Stage(...) as stage."""

    def __init__(self, bin_folder):
        self.bin = pathlib.Path(bin_folder).resolve()
        self.folder = tempfile.TemporaryDirectory(prefix="dtmv-e2e-")
        self.path = pathlib.Path(self.folder.name)
        self.processes = []
        self.port = None

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for process in self.processes:
            if kind is None and process.own_leaks():
                process.show(60)
                self.folder.cleanup()
                fail(f"{process.name} leaks")
        failed = kind is not None and not (kind is SystemExit and value.code in (0, SKIP))
        for process in reversed(self.processes):
            process.stop()
        if failed:
            for process in self.processes:
                process.show()
        self.folder.cleanup()

    def start(self, arguments, env=None):
        process = Process(arguments, env=env, cwd=self.path)
        self.processes.append(process)
        return process

    def server(self, *arguments):
        server = self.start([self.bin / "dtmv-server", *arguments, "--port", "0"])
        match = server.wait_line(r"listening on (\S+):(\d+)", 20)
        check(match, "the server does not listen")
        self.port = int(match.group(2))
        return server

    def client(self, *arguments, env=None):
        return self.start([self.bin / "dtmv-client", "--connect", f"127.0.0.1:{self.port}", *arguments], env=env)

    def relay(self, *arguments):
        """An impairing relay between the server and the clients started from now on."""
        relay = self.start([sys.executable, ROOT / "tests/e2e/udp_impair.py", "--to", f"127.0.0.1:{self.port}", *arguments])
        match = relay.wait_line(r"relaying on \S+:(\d+)", 10)
        check(match, "the relay does not listen")
        self.port = int(match.group(1))
        return relay

    def dump(self, name):
        path = self.path / name
        check(path.exists(), f"{name} was not written")
        return json.loads(path.read_text(encoding="utf-8"))


def software_gl():
    """One thread of software rendering for each client: tests share the machine."""
    return {**os.environ, "LP_NUM_THREADS": "1"}
