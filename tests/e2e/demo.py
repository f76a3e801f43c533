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

EXIT_INTERRUPTED = 130
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

# People who walk about while the pictures are taken: cheap to draw, so that even software rendering keeps them moving.
WALKERS = [
    {"name": "Ben", "walk": "8.5,9.5;7.5,5"},
    {"name": "Cleo", "walk": "11,9.5;13,6.5"},
]
# The pictures of the report, one after the other: camera as x, y, z, yaw, pitch in degrees; none: through own eyes. "act":
# what an operator asks for meanwhile, so that the picture shows the wish beside what is reported.
VIEWS = [
    {"file": "arrival", "camera": "10.5,2.3,17.5,6,1"},
    {"file": "pumps", "camera": "9,1.6,-4.2,65,-9"},
    {"file": "air", "camera": "30,14,18,38,-22"},
    {"file": "eyes", "camera": None},
    {"file": "operate", "camera": "12.6,1.9,-2.2,40,-6", "act": "valve-1.setPosition=15", "overlay": "model"},
]
OPERATOR = "Olga"


def say(text):
    print(f"demo: {text}", flush=True)


def start_server(binary, log_path, arguments):
    """The server process and the ADDRESS:PORT it prints once it is ready."""
    log = open(log_path, "w", encoding="utf-8")
    server = subprocess.Popen([binary, "--port", "0", *arguments], stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        for line in server.stdout:
            if line.startswith("listening on "):
                return server, line.split()[-1]
        server.wait()
    except BaseException:
        stop(server)
        raise
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


def start_client(binary, address, out, name, file, arguments):
    log = open(out / f"{file}.log", "w", encoding="utf-8")
    return subprocess.Popen([binary, "--connect", address, "--headless", "--name", name,
                             "--dump", str(out / f"{file}.json"), *arguments], stdout=log, stderr=log)


def wait_for(process, seconds, what, out):
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        stop(process)
        sys.exit(f"demo: {what} did not finish within {seconds:.0f} s; the logs are in {out}")
    except BaseException:  # interrupted
        stop(process)
        raise
    if code != 0:
        sys.exit(f"demo: {what} ended with exit code {code}; the logs are in {out}")


def operate(binary, address, out, act):
    """An operator without a picture; what came of it is one JSON line on its standard output."""
    return subprocess.Popen([binary, "--connect", address, "--headless", "--name", OPERATOR, "--log-level", "warning", "--act", act],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def outcome(process):
    try:
        line = process.communicate(timeout=150)[0].strip()
    except subprocess.TimeoutExpired:
        stop(process)
        sys.exit("demo: what the operator asked for has not ended")
    return json.loads(line) if line else {"state": f"exit code {process.returncode}"}


def steps_of(path):
    """When each step of the integration procedure was first seen, and what it was."""
    first = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        message = json.loads(line)
        if message["step"]:
            first.setdefault(message["step"], message["message"])
    return {str(step): first[step] for step in sorted(first)}


def headless(address, binary, out, seconds, size):
    """Two people walk while a third takes one picture after the other; gives what came of what an operator did."""
    walkers, acts = [], []
    try:
        for walker in WALKERS:
            walkers.append(start_client(binary, address, out, walker["name"], walker["name"].lower(), [
                "--size", "160x90", "--quality", "low", "--no-ui", "--walk", walker["walk"], "--fps-limit", "15"]))
        for view in VIEWS:
            say(f"picture '{view['file']}'")
            camera = ["--camera", view["camera"]] if view["camera"] else []
            camera += ["--overlay", view["overlay"]] if "overlay" in view else []
            client = start_client(binary, address, out, "Ada", view["file"], [
                "--size", size, "--seconds", str(seconds), "--shot", str(out / f"{view['file']}.png"), "--linger", "0",
                *camera])
            operator = None
            if "act" in view:  # so late that it is under way when the picture is taken
                time.sleep(max(0.0, seconds - 1))
                operator = operate(binary, address, out, view["act"])
            wait_for(client, seconds + 60, f"the picture '{view['file']}'", out)
            if operator:
                acts.append(outcome(operator))
                say(f"{OPERATOR}: {acts[-1]['thing']}.{acts[-1]['action']} {acts[-1].get('value', '')}: {acts[-1]['state']}")
        for walker, process in zip(WALKERS, walkers):
            process.send_signal(signal.SIGTERM)
            wait_for(process, 30, walker["name"], out)
    finally:
        for process in walkers:
            stop(process)
    return acts


def main():
    parser = argparse.ArgumentParser(prog="./run demo", description=__doc__)
    parser.add_argument("--build", default="build/release", help=argparse.SUPPRESS)
    parser.add_argument("--world", default="plant", help="a world in assets/worlds, or a folder (default: plant)")
    parser.add_argument("--data", help="folder with the world's data files")
    parser.add_argument("--speed", default="2", help="seconds of the plant, or of a recording, in one (default: 2)")
    parser.add_argument("--seconds", type=float, default=4, help="headless: seconds a picture (default: 4)")
    parser.add_argument("--size", default="1280x720", help="headless: picture size (default: 1280x720)")
    parser.add_argument("--headless", action="store_true", help="pictures and a report even where there is a display")
    arguments = parser.parse_args()

    binaries = ROOT / arguments.build / "bin"
    out = ROOT / "build/demo"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    os.environ["XDG_CONFIG_HOME"] = str(out / "config")  # the demo's server has any free port: not one to remember
    trace = out / "interfaces.jsonl"
    # Whoever sees the demo may operate the plant: it is simulated, and nobody else can come.
    world = ["--world", arguments.world, "--speed", arguments.speed, "--loop", "--default-role", "operator", "--db",
             str(out / "enabler.db"), "--trace-interfaces", str(trace)]
    if arguments.data:
        world += ["--data", arguments.data]
    began = time.monotonic()
    server, address = start_server(str(binaries / "dtmv-server"), out / "server.log", world)
    say(f"world '{arguments.world}' at speed {arguments.speed}, server on {address}")
    try:
        if (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")) and not arguments.headless:
            say("opening a window; F1 shows the keys, closing it ends the demo")
            sys.exit(subprocess.call([str(binaries / "dtmv-client"), "--connect", address, "--name", "You"]))
        say(f"no display: {len(VIEWS)} pictures are taken")
        acts = headless(address, str(binaries / "dtmv-client"), out, arguments.seconds, arguments.size)
    finally:
        stop(server)

    views = {}
    for view in VIEWS:
        dump = json.loads((out / f"{view['file']}.json").read_text(encoding="utf-8"))
        views[view["file"]] = {"picture": f"{view['file']}.png", **summarise(dump)}
    report = {"world": arguments.world, "speed": float(arguments.speed), "seconds": arguments.seconds,
              "wall_s": round(time.monotonic() - began, 1), "server_exit": server.returncode, "acts": acts, "integration_steps": steps_of(trace),
              "views": views}
    (out / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    for name, view in views.items():
        say(f"{out / view['picture']}: {view['things']} things, {view['properties_good']} of {view['properties']} "
            f"properties fresh, people: {', '.join(view['people'])}")
    say(f"interfaces of the reference model: {trace}; " + ", ".join(f"{step} {name}" for step, name in
                                                                     report["integration_steps"].items()))
    say(f"report: {out / 'report.json'}")
    if server.returncode != 0:
        sys.exit(f"demo: the server ended with exit code {server.returncode}")


if __name__ == "__main__":
    # Asked to end, the demo ends what it has started.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(EXIT_INTERRUPTED))
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
