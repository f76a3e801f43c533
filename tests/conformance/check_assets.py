#!/usr/bin/env python3
"""The generator and the files it made agree: a run into an empty folder gives the same bytes.

Usage: check_assets.py ASSETS_FOLDER
"""
import os
import subprocess
import sys
import tempfile


def files_below(folder):
    out = set()
    for root, _, names in os.walk(folder):
        out.update(os.path.relpath(os.path.join(root, name), folder) for name in names)
    return out


def read(path):
    with open(path, "rb") as f:
        return f.read()


def main():
    assets = sys.argv[1]
    generator = os.path.join(assets, "generator", "make_assets.py")
    with tempfile.TemporaryDirectory() as made:
        subprocess.run([sys.executable, "-B", generator, "--quiet", "--out", made], check=True)
        wanted = files_below(made)
        wrong = []
        for path in sorted(wanted):
            kept = os.path.join(assets, path)
            if not os.path.exists(kept):
                wrong.append("missing: " + path)
            elif read(kept) != read(os.path.join(made, path)):
                wrong.append("differs from what the generator makes: " + path)
        for folder in ("models", os.path.join("worlds", "plant")):
            for path in sorted(files_below(os.path.join(assets, folder))):
                if os.path.join(folder, path) not in wanted:
                    wrong.append("not made by the generator: " + os.path.join(folder, path))
    for line in wrong:
        print(line)
    print("%d files made, %d wrong" % (len(wanted), len(wrong)))
    return 1 if wrong or not wanted else 0


if __name__ == "__main__":
    sys.exit(main())
