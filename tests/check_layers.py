#!/usr/bin/env python3
"""The dependency rules of the program, checked on its include lines.

  shared/   base < wire; base < model < trace; wire, model < systems; trace, systems < mqtt: a layer includes only itself and the layers under it
  server/*  shared/* and server/*; a system (server/<name>/) never another system's headers
  client/*  shared/* and client/* only
  pure code (every file but mains and files named *_file, *_enet, *_gl, *_sdl, *_egl, ...) includes no I/O header
            and calls no clock

Each run first proves on small examples that every rule can fail.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

SHARED_BELOW = {
    "base": {"base"},
    "wire": {"base", "wire"},
    "model": {"base", "model"},
    "trace": {"base", "model", "trace"},
    "systems": {"base", "wire", "model", "systems"},
    "mqtt": {"base", "model", "trace", "systems", "mqtt"},
}
# server.c and server.h join the systems, so they may see all of them.
SERVER_SYSTEMS = {"physical", "twin", "enabler", "metaverse", "service", "bridge", "admin"}

EDGE = re.compile(r"(_(file|enet|sqlite|mqtt|nats|http|gl|sdl|egl|impl)|^main(_[a-z]+)?)$")
IO_HEADERS = re.compile(
    r"^(sys/(socket|stat|types|time|mman|epoll|select|un|wait)|netinet/.*|arpa/.*|unistd|fcntl|poll|signal|dirent|time|"
    r"pthread|errno|enet/.*|SDL.*|GL/.*|EGL/.*|sqlite3|mosquitto|nats.*|libwebsockets|stb_image_write|imgui.*)(\.h)?$")
# stdio is allowed for snprintf; these are not. Word followed by "(".
IO_CALLS = re.compile(
    r"\b(fopen|fread|fwrite|fgets|fputs|fprintf|printf|puts|putchar|remove|rename|open|read|write|time|clock|clock_gettime|"
    r"gettimeofday|getenv|rand|srand|system|popen|exit|abort)\s*\(")
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\])*\"", re.S)


def strip(text):
    """Blanks comments and strings, keeping line numbers."""
    return COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def project_include_error(path, target):
    parts, to = path.parts, pathlib.PurePosixPath(target).parts
    if to[0] not in ("shared", "server", "client", "tests"):
        return f'"{target}": project headers are named from the root ("shared/base/status.h")'
    if parts[0] == "shared":
        allowed = SHARED_BELOW[parts[1]]
        if to[0] != "shared" or to[1] not in allowed:
            return f"shared/{parts[1]} must not include {target}"
    elif to[0] not in ("shared", parts[0]):
        return f"{parts[0]} must not include {target}"
    elif parts[0] == "server" and to[0] == "server" and parts[1] in SERVER_SYSTEMS and len(to) > 2 and to[1] != parts[1]:
        return f"system '{parts[1]}' must not include another system's header {target}"
    return None


def check_text(path, text):
    """The breaches in one file, as (line, what)."""
    found = []
    edge = EDGE.search(path.stem) is not None or path.name == "ui.cpp"
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        quote, target = match.groups()
        if quote == '"':
            error = project_include_error(path, target)
            if error:
                found.append((number, error))
            if not edge and re.search(r"_(file|enet|sqlite|mqtt|http|gl|sdl|egl)\.h$", target):
                found.append((number, f"pure code must not include the edge {target}"))
        elif not edge and IO_HEADERS.match(target):
            found.append((number, f"pure code must not include <{target}>"))
    if not edge and path.suffix == ".c":
        for number, line in enumerate(strip(text).splitlines(), 1):
            match = IO_CALLS.search(line)
            if match and "->" + match.group(1) not in line and "." + match.group(1) not in line and \
                    not re.match(r"^[A-Za-z].*\b" + match.group(1) + r"\s*\(", line):
                found.append((number, f"pure code must not call {match.group(1)}()"))
    return found


def self_test():
    cases = [
        ("shared/base/x.c", '#include "shared/wire/bits.h"', True),
        ("shared/wire/x.c", '#include "shared/model/thing.h"', True),
        ("shared/wire/x.c", '#include "shared/base/bytes.h"', False),
        ("server/twin/x.c", '#include "server/metaverse/metaverse.h"', True),
        ("server/server.c", '#include "server/metaverse/metaverse.h"', False),
        ("server/twin/x.c", '#include "client/app.h"', True),
        ("client/scene/x.c", '#include "server/server.h"', True),
        ("client/scene/x.c", "#include <GL/glew.h>", True),
        ("client/render/mesh_gl.c", "#include <GL/glew.h>", False),
        ("shared/base/x.c", "#include <time.h>", True),
        ("shared/base/clock_file.c", "#include <time.h>", False),
        ("shared/base/x.c", "void f(void)\n{\n    fopen(0, 0);\n}", True),
        ("shared/base/x.c", "void f(void)\n{\n    ops->read(0); /* fopen(x) */\n}", False),
        ("shared/base/x.c", '#include "arena.h"', True),
    ]
    for path, text, wanted in cases:
        if bool(check_text(pathlib.PurePosixPath(path), text)) != wanted:
            sys.exit(f"check_layers: self-test failed for {path}: {text!r}")


def main():
    self_test()
    breaches = files = 0
    for folder in ("shared", "server", "client"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix not in (".c", ".h", ".cpp"):
                continue
            files += 1
            relative = path.relative_to(ROOT)
            for number, what in check_text(relative, path.read_text(encoding="utf-8")):
                print(f"{relative}:{number}: {what}")
                breaches += 1
    if files == 0:
        sys.exit("check_layers: no source files found")
    print(f"check_layers: {files} files, {breaches} breaches")
    sys.exit(1 if breaches else 0)


if __name__ == "__main__":
    main()
