"""The integration procedure (seven steps) as a trace of interfaces shows it."""
from harness import check


def first_of_each_step(messages):
    """{step: (index, message)} of the first message of each step."""
    first = {}
    for index, message in enumerate(messages):
        if message["step"]:
            first.setdefault(message["step"], (index, message))
    return first


def steps_of(messages, consumer, twin):
    """The steps of one system with one twin system: registrations, and what `consumer` asks about `twin` by name. A service
    discovers in one stage, which names nobody."""
    return first_of_each_step([m for m in messages if
                               (m["from"] == twin and m["message"] == "DII_REGISTER") or
                               (m["from"] == consumer and (m["subject"] == twin or
                                                           m["message"] in ("SII_REGISTER", "SII_DISCOVER")))])


def check_order(first, names):
    """The steps begin with these messages, one after the other."""
    got = [message["message"] for _, message in sorted(first.values(), key=lambda pair: pair[0])]
    check(got == names, f"steps begin as {got}, not {names}")


def nothing_unasked(messages, twin):
    """No values before they were asked for, no models before a grant, and no grant before the twin system was asked."""
    def index(name, **wanted):
        found = [i for i, m in enumerate(messages) if m["message"] == name and all(m[k] == v for k, v in wanted.items())]
        check(found, f"no {name} with {wanted}")
        return found[0]
    check(index("DII_PUBLISHED", to=twin) < index("DII_SNAPSHOT", to=twin) < index("DII_SYNC", **{"from": twin}),
          f"{twin} sent values before it was asked")
    for interface in ("MII", "SII"):
        grant = index(f"{interface}_GRANT", subject=twin)
        check(index("DII_AUTHENTICATED", **{"from": twin}) < grant < index(f"{interface}_MODELS", subject=twin) <
              index(f"{interface}_SYNC", subject=twin), f"{interface}: models or values before a grant")


def text(first):
    return ", ".join(f"{step} {first[step][1]['message']}" for step in sorted(first))
