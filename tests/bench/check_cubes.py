"""Motions of cubes that the codec's tables were not fitted to: what `dtmv-bench cubes` takes for them against packing
bits (of what changed since six frames ago, all of its transform).

usage: check_cubes.py MAKE_CUBES DTMV_BENCH [FRAMES]

Fails where a frame does not come back as it was, or where more than 27 % of the packed bits are taken."""
import json
import os
import subprocess
import sys
import tempfile

CUBES, RECORD, LAG = 901, 32, 6
TRANSFORM_BITS = 2 + 3 * 9 + 15 + 15 + 13  # which component is the largest, the others; x, y, z


def packed_bits(motion):
    frame, bits = CUBES * RECORD, 0
    for start in range(LAG * frame, len(motion), frame):
        bits += CUBES  # whether it changed
        for at in range(start, start + frame, RECORD):
            if motion[at:at + RECORD] != motion[at - LAG * frame:at - LAG * frame + RECORD]:
                bits += TRANSFORM_BITS + 1
    return bits


def main():
    make_cubes, bench = sys.argv[1:3]
    frames = int(sys.argv[3]) if len(sys.argv) > 3 else 400
    failed = False
    for seed in (1, 2):
        motion = subprocess.run([make_cubes, str(seed), str(frames)], check=True, stdout=subprocess.PIPE).stdout
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "cubes.bin")
            with open(path, "wb") as file:
                file.write(motion)
            line = subprocess.run([bench, "cubes", "--data", path], check=True, stdout=subprocess.PIPE).stdout
        result = json.loads(line)
        packed = packed_bits(motion) * 60 / 1000 / (frames - LAG)
        part = result["kbps"] / packed
        print(f"seed {seed}: {result['kbps']:.1f} kbps, packed {packed:.1f}, {part:.3f} of it; "
              f"{'lossless' if result['lossless'] else 'NOT AS IT WAS'}")
        failed |= not result["lossless"] or part > 0.27
    return failed


if __name__ == "__main__":
    sys.exit(main())
