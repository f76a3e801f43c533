#!/usr/bin/env python3
"""The demo: the shipped world alive, with people in it.

With a display it opens a window; without one it renders headless and leaves pictures and a report in build/demo/.
Started by `./run demo`; Python's standard library only.
"""
import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

# The pictures of the report: one headless person each, who walks (x,z;x,z) and looks through a fixed camera
# (x, y, z, yaw, pitch in degrees; none: through their own eyes).
VIEWS = [
    {"file": "arrival", "name": "Ada", "camera": "9,1.65,12.5,6,4", "walk": "10.5,6"},
    {"file": "pumps", "name": "Ben", "camera": "9,1.6,-4.2,65,-9", "walk": "7,5.5"},
    {"file": "air", "name": "Cleo", "camera": "30,14,18,38,-22", "walk": "14,7"},
    {"file": "eyes", "name": "Dan", "walk": "8.2,8.5"},
]


def say(text):
    print(f"demo: {text}", flush=True)


def start_server(binary, log_path, arguments):
    """The server process and the ADDRESS:PORT it prints once it is ready."""
    log = open(log_path, "w", encoding="utf-8")
    server = subprocess.Popen([binary, "--port", "0", *arguments], stdout=subprocess.PIPE, stderr=log, text=True)
    for line in server.stdout:
        if line.startswith("listening on "):
            return server, line.split()[-1]
    server.wait()
    sys.exit(f"demo: the server did not start (exit {server.returncode}):\n" + pathlib.Path(log_path).read_text())


def stop(process):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def summarise(dump):
    """What the report tells of one client's last frame."""
    properties = [p for thing in dump["things"] for p in thing["properties"].values()]
    ages = [dump["source_time_ns"] - p["source_time_ns"] for p in properties if p["source_time_ns"] is not None]
    return {
        "things": len(dump["things"]),
        "properties": len(properties),
        "properties_good": sum(p["quality"] == "good" for p in properties),
        "properties_stale": sum(p["quality"] == "stale" for p in properties),
        "newest_sample_age_s": round(min(ages) / 1e9, 3) if ages else None,
        "people": [a["name"] for a in dump["avatars"]],
        "net": dump["net"],
        "frame": dump["frame"],
    }


def headless(server_address, client_binary, out, seconds, size):
    clients = []
    for view in VIEWS:
        command = [client_binary, "--connect", server_address, "--headless", "--size", size, "--name", view["name"],
                   "--seconds", str(seconds), "--shot", str(out / f"{view['file']}.png"),
                   "--dump", str(out / f"{view['file']}.json"), "--fps-limit", "8"]
        if view.get("camera"):
            command += ["--camera", view["camera"]]
        if view.get("walk"):
            command += ["--walk", view["walk"]]
        log = open(out / f"{view['file']}.log", "w", encoding="utf-8")
        clients.append((view, subprocess.Popen(command, stdout=log, stderr=log)))
    deadline = time.monotonic() + seconds + 90
    failed = []
    while any(process.poll() is None for _, process in clients):
        if time.monotonic() > deadline:
            for _, process in clients:
                stop(process)
            sys.exit("demo: the clients did not finish in time; their logs are in " + str(out))
        time.sleep(0.2)
    for view, process in clients:
        if process.returncode != 0:
            failed.append(f"{view['file']} (exit {process.returncode}, log {out / (view['file'] + '.log')})")
    return failed


def main():
    parser = argparse.ArgumentParser(prog="./run demo", description=__doc__)
    parser.add_argument("--build", default="build/release", help=argparse.SUPPRESS)
    parser.add_argument("--world", default="plant", help="a world in assets/worlds, or a folder (default: plant)")
    parser.add_argument("--data", help="folder with the world's data files")
    parser.add_argument("--speed", default="10", help="replay speed (default: 10)")
    parser.add_argument("--seconds", type=float, default=12, help="headless: seconds to watch (default: 12)")
    parser.add_argument("--size", default="1280x720", help="headless: picture size (default: 1280x720)")
    parser.add_argument("--headless", action="store_true", help="pictures and a report even where there is a display")
    arguments = parser.parse_args()

    binaries = ROOT / arguments.build / "bin"
    out = ROOT / "build/demo"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    world = ["--world", arguments.world, "--speed", arguments.speed, "--loop"]
    if arguments.data:
        world += ["--data", arguments.data]
    began = time.monotonic()
    server, address = start_server(str(binaries / "dtmv-server"), out / "server.log", world)
    say(f"world '{arguments.world}' at speed {arguments.speed}, server on {address}")
    try:
        if (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")) and not arguments.headless:
            say("opening a window; F1 shows the keys, closing it ends the demo")
            sys.exit(subprocess.call([str(binaries / "dtmv-client"), "--connect", address, "--name", "You"]))
        say(f"no display: {len(VIEWS)} headless people watch for {arguments.seconds:g} s")
        failed = headless(address, str(binaries / "dtmv-client"), out, arguments.seconds, arguments.size)
    finally:
        stop(server)
    if failed:
        sys.exit("demo: these clients failed: " + ", ".join(failed))

    views = {}
    for view in VIEWS:
        dump = json.loads((out / f"{view['file']}.json").read_text(encoding="utf-8"))
        views[view["file"]] = {"picture": f"{view['file']}.png", **summarise(dump)}
    report = {"world": arguments.world, "speed": float(arguments.speed), "seconds": arguments.seconds,
              "wall_s": round(time.monotonic() - began, 1), "server_exit": server.returncode, "views": views}
    (out / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    for name, view in views.items():
        say(f"{out / view['picture']}: {view['things']} things, {view['properties_good']} of {view['properties']} "
            f"properties fresh, people: {', '.join(view['people'])}")
    say(f"report: {out / 'report.json'}")
    if server.returncode != 0:
        sys.exit(f"demo: the server ended with exit code {server.returncode}")


if __name__ == "__main__":
    main()
