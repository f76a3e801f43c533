"""What the end-to-end scripts share: starting the real programs on loopback and ending them again.

Python's standard library only. Scripts exit 0 when all held, 1 with a reason, 77 for a skip that says why.
"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SKIP = 77


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIP)


def fail(reason):
    print(f"FAILED: {reason}")
    sys.exit(1)


def check(condition, reason):
    if not condition:
        fail(reason)


def data_dir(name):
    """The folder of real data called `name`, or a skip where it is absent."""
    folder = pathlib.Path(os.environ.get("DTMV_DATA_DIR", ROOT.parent / "shared/data")) / name
    if not folder.is_dir():
        skip(f"no real data at {folder}")
    return folder


class Programs:
    """Processes of one test: ended, whatever happens, when the `with` block ends."""

    def __init__(self, build):
        self.bin = pathlib.Path(build) / "bin"
        self.running = []
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="dtmv-e2e-"))

    def __enter__(self):
        return self

    def __exit__(self, kind, _value, _trace):
        for process in self.running:
            if process.poll() is None:
                process.kill()
            process.wait()
        if kind is None:
            for path in self.folder.iterdir():
                path.unlink()
            self.folder.rmdir()
        else:
            print(f"logs are kept in {self.folder}")

    def start(self, program, *arguments, log=None, **options):
        """Starts `program` with its output in a log file of the test's folder."""
        name = log or f"{program}-{len(self.running)}"
        stream = open(self.folder / f"{name}.log", "w", encoding="utf-8")
        process = subprocess.Popen([str(self.bin / program), *map(str, arguments)], stderr=stream,
                                   stdout=options.pop("stdout", stream), text=True, **options)
        process.log = self.folder / f"{name}.log"
        self.running.append(process)
        return process

    def server(self, *arguments):
        """A server on a free port; its .address is HOST:PORT once it is ready."""
        process = self.start("dtmv-server", "--port", "0", *arguments, log=f"server-{len(self.running)}",
                             stdout=subprocess.PIPE)
        for line in process.stdout:
            if line.startswith("listening on "):
                process.address = line.split()[-1]
                return process
        process.wait()
        fail(f"the server did not start (exit {process.returncode}): {process.log.read_text()}")

    def client(self, address, name, *arguments, size="320x180"):
        """A headless client that leaves NAME.json and NAME.png."""
        process = self.start("dtmv-client", "--connect", address, "--headless", "--size", size, "--name", name,
                             "--dump", self.folder / f"{name}.json", "--shot", self.folder / f"{name}.png", *arguments,
                             log=f"client-{name}")
        process.dump_path = self.folder / f"{name}.json"
        process.shot_path = self.folder / f"{name}.png"
        return process

    def relay(self, address, *arguments):
        """An impairing relay in front of `address`; its .address is the one to connect to."""
        log = open(self.folder / "relay.log", "w", encoding="utf-8")
        process = subprocess.Popen([sys.executable, str(ROOT / "tests/e2e/udp_impair.py"), "--to", address,
                                    *map(str, arguments)], stdout=subprocess.PIPE, stderr=log, text=True)
        self.running.append(process)
        process.address = process.stdout.readline().split()[-1]
        return process


def finish(process, seconds, expected=0):
    """Waits for a process and checks its exit code."""
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        fail(f"{process.args[0]} did not end within {seconds} s: {process.log.read_text()[-2000:]}")
    check(code == expected, f"{process.args[0]} ended with {code}, not {expected}: {process.log.read_text()[-2000:]}")


def terminate(process, seconds=10):
    process.send_signal(signal.SIGTERM)
    finish(process, seconds)


def dump_of(process):
    return json.loads(process.dump_path.read_text(encoding="utf-8"))


def rss_kib(process):
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def sleep_until(deadline):
    time.sleep(max(0.0, deadline - time.monotonic()))
