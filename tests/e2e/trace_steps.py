#!/usr/bin/env python3
"""The demo's default, one process with all roles, and a client that acts: the trace of interfaces shows the seven steps of the
integration procedure, each beginning after the one before.

usage: trace_steps.py BIN_FOLDER
"""
import json
import sys

import procedure
from four_processes import make_key, run_client
from harness import check
from stage import Stage

STEPS = {1: "DII_REGISTER", 2: "SII_REGISTER", 3: "MII_DISCOVER", 4: "MII_ACCESS", 5: "MII_DESCRIBE", 6: "MII_SUBSCRIBE",
         7: "MII_INVOKE"}


def main():
    with Stage(sys.argv[1]) as stage:
        trace, key, roles = stage.path / "interfaces.jsonl", stage.path / "ada.key", stage.path / "authorized"
        roles.write_text(f"operator {make_key(key)} Ada\n")
        server = stage.server("--world", "plant", "--trace-interfaces", trace, "--authorized-keys", roles)
        code, lines = run_client(stage, "--role-key", key, "--act", "valve-2.setPosition=60", timeout_s=120)
        check(code == 0 and lines[0]["state"] == "confirmed", f"the client ends with {code}: {lines}")
        server.terminate()
        messages = [json.loads(line) for line in trace.read_text().splitlines()]
        first = procedure.first_of_each_step(messages)
        check(sorted(first) == list(STEPS), f"steps in the trace: {sorted(first)}")
        got = {step: (message["message"], index) for step, (index, message) in first.items()}
        interface = {step: name[4:] for step, (name, _) in got.items()}
        wanted = {step: name[4:] for step, name in STEPS.items()}
        check(interface == wanted, f"steps begin with {got}")
        order = [got[step][1] for step in sorted(got)]
        check(order == sorted(order), f"steps begin out of order: {got}")
        procedure.nothing_unasked(messages, "plant")
        print(f"{len(messages)} messages: {procedure.text(first)}")


if __name__ == "__main__":
    main()
