#!/usr/bin/env python3
"""Whether two programs compute the same, bit for bit.

    tools/same_bits.py OLD-PROGRAM NEW-PROGRAM MODEL-FOLDER…

Runs each model on its reference.safetensors' `input` (or on drawn noise of its size where there is none) with both
programs, with every attention, and compares the hashes of all tensors. A tensor that differs is listed with its
largest difference. Exit code 1 where one does.
"""
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np


def read(path):
    """Tensors of a safetensors file: {name: float32 array}."""
    data = pathlib.Path(path).read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + size])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        tensors[name] = np.frombuffer(data[begin:end], np.float32).reshape(entry["shape"])
    return tensors


def write(path, tensors):
    header, body = {}, b""
    for name, values in tensors.items():
        raw = np.ascontiguousarray(values, np.float32).tobytes()
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    pathlib.Path(path).write_bytes(len(text).to_bytes(8, "little") + text + body)


def input_of(folder):
    reference = folder / "reference.safetensors"
    if reference.exists():
        tensors = read(reference)
        for name in ("input", "pixel_values"):
            if name in tensors:
                return tensors[name]
    config = json.loads((folder / "config.json").read_text())
    size = config.get("pretrained_cfg", config).get("input_size", [3, 224, 224])
    return np.random.default_rng(1).standard_normal([2, *size]).astype(np.float32)


def outputs(program, folder, given, work):
    out = work / "out.safetensors"
    subprocess.run([program, "run", "--model", folder, "--dtype", "fp32", "--input", given, "--output", out,
                    "--attention", "all"], check=True, stdout=subprocess.DEVNULL)
    return read(out)


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    old, new = sys.argv[1:3]
    differing = 0
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        for folder in map(pathlib.Path, sys.argv[3:]):
            write(work / "in.safetensors", {"input": input_of(folder)})
            before, after = (outputs(program, folder, work / "in.safetensors", work) for program in (old, new))
            total = hashlib.sha256()
            for name in sorted(before):
                total.update(before[name].tobytes())
                if name not in after or before[name].tobytes() != after[name].tobytes():
                    differing += 1
                    apart = np.abs(before[name] - after[name]).max() if name in after else "is missing"
                    print(f"{folder.name}: {name} differs: {apart}")
            print(f"{folder.name}: {len(before)} tensors, {total.hexdigest()[:16]}")
    sys.exit(1 if differing else 0)


if __name__ == "__main__":
    main()
