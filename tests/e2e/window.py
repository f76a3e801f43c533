#!/usr/bin/env python3
"""A real window on a virtual display: it opens with the world's title, keys and the mouse move what is seen, pictures
are saved, Escape ends it.

usage: window.py BIN_FOLDER
"""
import math
import os
import shutil
import struct
import subprocess
import sys
import time
import zlib

from harness import ROOT, check, skip
from stage import Stage, software_gl


def read_png(path):
    """(width, height, rows of bytes) of an 8-bit RGB or RGBA PNG."""
    data = path.read_bytes()
    check(data[:8] == b"\x89PNG\r\n\x1a\n", f"{path.name} is no PNG")
    at, packed, width, height, channels = 8, b"", 0, 0, 0
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        if kind == b"IHDR":
            width, height, depth, color = struct.unpack(">IIBB", body[:10])
            channels = {2: 3, 6: 4}[color]
            check(depth == 8, "depth of the PNG")
        elif kind == b"IDAT":
            packed += body
        at += size + 12
    raw = zlib.decompress(packed)
    stride = width * channels
    rows, before = [], bytearray(stride)
    for y in range(height):
        row = bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        unfilter(raw[y * (stride + 1)], row, before, channels)
        rows.append(row)
        before = row
    return width, height, rows, channels


def unfilter(kind, row, before, step):
    for i in range(len(row)):
        left = row[i - step] if i >= step else 0
        up, corner = before[i], before[i - step] if i >= step else 0
        if kind == 1:
            row[i] = (row[i] + left) & 255
        elif kind == 2:
            row[i] = (row[i] + up) & 255
        elif kind == 3:
            row[i] = (row[i] + (left + up) // 2) & 255
        elif kind == 4:
            guess = left + up - corner
            best = min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))
            row[i] = (row[i] + best[2]) & 255


def difference(a, b):
    """Mean difference per channel of the right half of two pictures: the panel of figures is on the left."""
    width, height, rows_a, channels = a
    check((width, height) == (b[0], b[1]), "the pictures differ in size")
    total = count = 0
    for row_a, row_b in zip(rows_a[::3], b[2][::3]):
        for i in range(width // 2 * channels, width * channels, 7):
            total += abs(row_a[i] - row_b[i])
            count += 1
    return total / count


def start_display(stage):
    for tool in ("Xvfb", "xdotool"):
        if shutil.which(tool) is None:
            skip(f"{tool} is not installed")
    read_end, write_end = os.pipe()
    display = subprocess.Popen(["Xvfb", "-displayfd", str(write_end), "-screen", "0", "1280x720x24", "-nolisten", "tcp"],
                               pass_fds=[write_end], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(write_end)
    with os.fdopen(read_end) as answer:
        number = answer.readline().strip()
    check(number != "", "Xvfb does not start")
    return display, {**software_gl(), "DISPLAY": f":{number}", "SDL_VIDEODRIVER": "x11"}


def xdotool(env, *arguments):
    done = subprocess.run(["xdotool", *map(str, arguments)], env=env, capture_output=True, text=True, timeout=30)
    return done.stdout.strip()


def find_window(env, title):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        found = xdotool(env, "search", "--name", title).split()
        if found:
            return found[0]
        time.sleep(0.1)
    check(False, f"no window is called {title}")


def picture(stage, env, number):
    """Presses the screenshot key and reads what it saved."""
    path = stage.path / f"dtmv-{number:04d}.png"
    xdotool(env, "key", "F12")
    end = time.monotonic() + 30
    while not path.exists():
        check(time.monotonic() < end, f"{path.name} is not saved")
        time.sleep(0.05)
    return read_png(path)


def play(stage, env):
    stage.server("--world", ROOT / "assets/worlds/plant")
    client = stage.client("--size", "640x360", "--quality", "low", "--name", "Ada", "--seconds", "120",
                          "--dump", "end.json", "--linger", "0", env=env)
    check(client.wait_line(r"live after", 60), "the client does not go live")
    window = find_window(env, "plant")
    title = xdotool(env, "getwindowname", window)
    check("plant" in title, f"the window is called {title!r}")
    xdotool(env, "windowfocus", window)
    time.sleep(1.0)
    first = picture(stage, env, 1)
    xdotool(env, "keydown", "w")
    time.sleep(2.5)
    xdotool(env, "keyup", "w")
    time.sleep(0.5)
    walked = picture(stage, env, 2)
    check(difference(first, walked) > 1.0, f"walking changes nothing: {difference(first, walked):.2f}")
    xdotool(env, "mousemove", "--window", window, 320, 180, "mousedown", 3)
    time.sleep(0.7)  # a frame in software may take that long, and looking begins with the next one
    for _ in range(12):
        xdotool(env, "mousemove_relative", "--", 15, 0)
        time.sleep(0.05)
    time.sleep(0.7)
    xdotool(env, "mouseup", 3)
    time.sleep(0.5)
    turned = picture(stage, env, 3)
    check(difference(walked, turned) > 1.0, f"the mouse turns nothing: {difference(walked, turned):.2f}")
    xdotool(env, "key", "c")
    time.sleep(1.0)
    orbit = picture(stage, env, 4)
    check(difference(turned, orbit) > 1.0, "the camera key changes nothing")
    xdotool(env, "key", "Escape")
    check(client.wait(30) == 0, "Escape does not end the client")
    own = [a for a in stage.dump("end.json")["avatars"] if a["self"]]
    check(len(own) == 1, "the dump does not know Ada")
    print(f"window '{title}': walking changed {difference(first, walked):.1f}, the mouse {difference(walked, turned):.1f}, "
          f"the camera {difference(turned, orbit):.1f} of 255; Ada ended at {own[0]['position']}")
    return own[0]["position"]


def spawn_distance(position):
    import json
    world = json.loads((ROOT / "assets/worlds/plant/world.json").read_text(encoding="utf-8"))
    return min(math.dist(position, point["position"]) for point in world["spawn_points"])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with Stage(sys.argv[1]) as stage:
        display, env = start_display(stage)
        try:
            position = play(stage, env)
        finally:
            display.terminate()
            display.wait(10)
        check(spawn_distance(position) > 1.0, "the key did not move the avatar")


if __name__ == "__main__":
    main()
