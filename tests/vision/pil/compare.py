#!/usr/bin/env python3
"""Compares Fovea's preprocessing with PIL's, bit for bit.

Usage: compare.py PIL_PROBE [MODEL_FOLDER IMAGE_FOLDER]
With the folders also: the first photographs against pixels_u8_nchw.first8 of the reference.
"""
import json
import math
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

RGB, BGR, GRAY = range(3)
FILTERS = {  # fovea::io::Interpolation
    0: Image.NEAREST, 1: Image.BILINEAR, 2: Image.BICUBIC, 3: Image.LANCZOS, 4: Image.BOX, 5: Image.HAMMING}
CENTER, SQUASH, BORDER = range(3)
WHOLE = 64 << 20


def keep_ratio(picture, target, longest):
    ratios = [picture.height / target[0], picture.width / target[1]]
    ratio = max(ratios) if longest else min(ratios)
    return [max(round(side / ratio), 1) for side in (picture.height, picture.width)]


def expected(picture, resample, mode, crop_pct, size, mean):
    """timm's evaluation transform with PIL, [3, H, W]."""
    target = [math.floor(side / crop_pct) for side in size]
    fill = 0
    if mode == SQUASH:
        resized = target
    elif mode == BORDER:
        resized = keep_ratio(picture, target, True)
        fill = round(255 * mean)
    elif target[0] == target[1]:
        short, long = sorted((picture.height, picture.width))
        far = int(target[0] * long / short)
        resized = [target[0], far] if picture.height <= picture.width else [far, target[0]]
    else:
        resized = keep_ratio(picture, target, False)
        resample = Image.BILINEAR
    picture = picture.resize((resized[1], resized[0]), resample)
    pad = [max(size[1] - picture.width, 0), max(size[0] - picture.height, 0)]
    if any(pad):
        border = (pad[0] // 2, pad[1] // 2, (pad[0] + 1) // 2, (pad[1] + 1) // 2)
        picture = ImageOps.expand(picture, border, (fill,) * 3)
    top, left = round((picture.height - size[0]) / 2), round((picture.width - size[1]) / 2)
    picture = picture.crop((left, top, left + size[1], top + size[0]))
    return np.asarray(picture).transpose(2, 0, 1)


class Probe:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __call__(self, raw, width, height, row_bytes, pixel_format, interpolation, mode, crop_pct, size, mean,
                 strip):
        line = (f"{width} {height} {row_bytes} {pixel_format} {interpolation} {mode} {crop_pct!r} {size[0]} "
                f"{size[1]} {mean} {strip}\n")
        self.process.stdin.write(line.encode() + raw)
        self.process.stdin.flush()
        out = self.process.stdout.read(3 * size[0] * size[1])
        if len(out) != 3 * size[0] * size[1]:
            sys.exit(f"the probe stopped at: {line}")
        return np.frombuffer(out, np.uint8).reshape(3, *size)

    def close(self):
        self.process.stdin.close()
        if self.process.wait() != 0:
            sys.exit("the probe failed")


def picture_of(rng, width, height, kind):
    if kind == "noise":
        return rng.integers(0, 256, (height, width, 3), np.uint8)
    if kind == "black_and_white":  # overshoots the most
        return rng.integers(0, 2, (height, width, 3), np.uint8) * np.uint8(255)
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 7 % 256, y * 5 % 256, (x + y) * 3 % 256], -1).astype(np.uint8)


def cases():
    for size in [(1, 1), (1, 300), (300, 1), (2, 3), (7, 13), (31, 97), (248, 248), (224, 224), (248, 500),
                 (333, 248), (375, 500), (1000, 30), (10000, 200), (200, 10000), (601, 799)]:
        for interpolation in FILTERS:
            yield size, interpolation, CENTER, 0.9, (224, 224), RGB, 0, "noise", WHOLE
    for interpolation in FILTERS:
        for size in [(5, 9), (64, 64), (119, 203), (500, 77)]:
            for mode in (CENTER, SQUASH, BORDER):
                for target in [(32, 32), (33, 47), (64, 64), (61, 30)]:
                    for crop_pct in (1.0, 0.875):
                        yield size, interpolation, mode, crop_pct, target, BGR, 5, "black_and_white", WHOLE
    for pixel_format in (RGB, BGR, GRAY):
        for padding in (0, 1, 7):
            for size in [(15, 17), (111, 64), (90, 260)]:
                yield size, 2, CENTER, 0.95, (48, 48), pixel_format, padding, "ramp", WHOLE
    for strip in (7000, 12000, 50000):  # in strips and bands
        for interpolation in (0, 2, 3):
            yield (60, 70), interpolation, CENTER, 0.9, (29, 29), RGB, 1, "noise", strip
            yield (150, 40), interpolation, BORDER, 1.0, (29, 35), GRAY, 0, "noise", strip
            yield (150, 333), interpolation, SQUASH, 1.0, (50, 50), BGR, 2, "noise", strip
    # Words into a reader's canvas, whose mean colour is between two values.
    for size in [(32, 160), (33, 161), (30, 200), (200, 30), (64, 64), (17, 39), (1, 500), (400, 1), (90, 450), (121, 400)]:
        for target in [(32, 160), (22, 54)]:
            for kind in ("noise", "black_and_white"):
                yield size, 2, BORDER, 1.0, target, RGB, 0, kind, WHOLE, 0.5
    yield (1, 65535), 2, CENTER, 0.9, (32, 32), RGB, 0, "noise", WHOLE
    yield (65535, 1), 2, BORDER, 0.9, (32, 32), RGB, 0, "noise", WHOLE
    yield (2, 65535), 3, SQUASH, 1.0, (32, 32), RGB, 0, "noise", WHOLE


def run_case(probe, rng, size, interpolation, mode, crop_pct, target, pixel_format, padding, kind, strip,
             mean=0.45):
    height, width = size
    rgb = picture_of(rng, width, height, kind)
    if pixel_format == GRAY:
        rgb = np.repeat(rgb[:, :, :1], 3, axis=2)
    stored = {RGB: rgb, BGR: rgb[:, :, ::-1], GRAY: rgb[:, :, :1]}[pixel_format]
    rows = stored.reshape(height, -1)
    rows = np.concatenate([rows, np.full((height, padding), 77, np.uint8)], 1)
    got = probe(rows.tobytes(), width, height, rows.shape[1], pixel_format, interpolation, mode, crop_pct,
                target, mean, strip)
    want = expected(Image.fromarray(rgb), FILTERS[interpolation], mode, crop_pct, target, mean)
    if np.array_equal(got, want):
        return True
    where = np.argwhere(got != want)
    first = tuple(where[0])
    print(f"{width} × {height} format {pixel_format} interpolation {interpolation} mode {mode} crop_pct "
          f"{crop_pct} to {target}, strips of {strip}: {len(where)} values differ, first at {first}: "
          f"{got[first]} instead of {want[first]}")
    return False


def reference_pixels(model):
    with open(model / "reference.safetensors", "rb") as file:
        header_bytes = struct.unpack("<Q", file.read(8))[0]
        entry = json.loads(file.read(header_bytes))["pixels_u8_nchw.first8"]
        begin, end = entry["data_offsets"]
        file.seek(8 + header_bytes + begin)
        return np.frombuffer(file.read(end - begin), np.uint8).reshape(entry["shape"])


def compare_photographs(probe, model, images):
    wanted = reference_pixels(model)
    names = json.loads((model / "reference_images.json").read_text())
    same = 0
    for want, name in zip(wanted, names):
        rgb = np.asarray(ImageOps.exif_transpose(Image.open(images / name)).convert("RGB"))
        got = probe(rgb.tobytes(), rgb.shape[1], rgb.shape[0], rgb.shape[1] * 3, RGB, 2, CENTER, 0.9,
                    want.shape[1:], 0.5, WHOLE)
        if np.array_equal(got, want):
            same += 1
        else:
            print(f"{name}: {np.count_nonzero(got != want)} values differ from the reference")
    print(f"{same} of {len(wanted)} photographs equal the reference")
    return same == len(wanted)


def main():
    probe = Probe(sys.argv[1])
    rng = np.random.default_rng(1)
    results = [run_case(probe, rng, *case) for case in cases()]
    print(f"{sum(results)} of {len(results)} pictures equal PIL's")
    good = all(results)
    if len(sys.argv) > 3:
        good = compare_photographs(probe, Path(sys.argv[2]), Path(sys.argv[3])) and good
    probe.close()
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
