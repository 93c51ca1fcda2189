#!/usr/bin/env python3
"""The program on every fifth validation picture, beside the share that its card says PyTorch gets right.

    FOVEA_PROGRAM=fovea validation_test.py things100 tests/golden/embedded/validation.json
"""
import json
import os
import subprocess
import sys
import tarfile
import tempfile

MOST_APART = 0.2  # per cent: two of a thousand, where JPEG decoders may differ in rounding


def main(pictures, expected):
    with open(expected, encoding="utf-8") as file:
        expected = json.load(file)
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(os.path.join(pictures, "val.tar")) as tar:
            members = [member for member in tar if member.isfile()][:: expected["every"]]
            for member in members:
                path = os.path.join(folder, member.name)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "wb") as file:
                    file.write(tar.extractfile(member).read())
        done = subprocess.run([os.environ["FOVEA_PROGRAM"], "classify", "--model", "embedded", "--json", "--top-k", "1",
                               "--batch", "8", folder], stdout=subprocess.PIPE, check=True)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        right = sum(row["topk"][0]["index"] == int(os.path.relpath(row["path"], folder).split("/")[0]) for row in rows)
    top1 = 100 * right / len(rows)
    print(f"{len(rows)} pictures, top-1 {top1:.2f} %, PyTorch {expected['top1']:.2f} %")
    if len(rows) != len(members) or abs(top1 - expected["top1"]) > MOST_APART:
        sys.exit(f"validation_test: want {len(members)} pictures and at most {MOST_APART} points between them")


if __name__ == "__main__":
    main(*sys.argv[1:])
