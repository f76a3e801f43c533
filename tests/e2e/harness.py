"""What the end-to-end scripts share: how they end, and what they read of the machine (stage.py runs the programs).

Python's standard library only. Scripts exit 0 when all held, 1 with a reason, 77 for a skip that says why.
"""
import atexit
import os
import pathlib
import shutil
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SKIP = 77

# Keys and known servers are the test's own, not those of whoever runs it.
CONFIG = pathlib.Path(tempfile.mkdtemp(prefix="dtmv-e2e-config-"))
os.environ["XDG_CONFIG_HOME"] = str(CONFIG)
atexit.register(shutil.rmtree, CONFIG, ignore_errors=True)


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIP)


def fail(reason):
    print(f"FAILED: {reason}")
    sys.exit(1)


def check(condition, reason):
    if not condition:
        fail(reason)


def rss_kib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def sleep_until(deadline):
    time.sleep(max(0.0, deadline - time.monotonic()))
