#!/usr/bin/env python3
"""Writes a ViT model folder with random weights, for timing sizes whose trained weights are not at hand.

Usage: random_vit.py FOLDER [--size tiny|small|base|large] [--image 224] [--patch 16] [--classes 1000]
"""
import argparse
import json
import struct
from pathlib import Path

import numpy as np

WIDTHS = {"tiny": (192, 12, 3), "small": (384, 12, 6), "base": (768, 12, 12), "large": (1024, 24, 16)}


def tensors(width, depth, image, patch, classes):
    """Names and shapes as timm has them; normalisation weights around one, the rest small."""
    tokens = (image // patch) ** 2 + 1
    yield "cls_token", (1, 1, width), 0.02
    yield "pos_embed", (1, tokens, width), 0.02
    yield "patch_embed.proj.weight", (width, 3, patch, patch), 0.02
    yield "patch_embed.proj.bias", (width,), 0.02
    for i in range(depth):
        block = f"blocks.{i}."
        for norm in ("norm1", "norm2"):
            yield block + norm + ".weight", (width,), None
            yield block + norm + ".bias", (width,), 0.02
        for name, out, into in (("attn.qkv", 3 * width, width), ("attn.proj", width, width),
                                ("mlp.fc1", 4 * width, width), ("mlp.fc2", width, 4 * width)):
            yield block + name + ".weight", (out, into), 0.02
            yield block + name + ".bias", (out,), 0.02
    yield "norm.weight", (width,), None
    yield "norm.bias", (width,), 0.02
    yield "head.weight", (classes, width), 0.02
    yield "head.bias", (classes,), 0.02


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", choices=WIDTHS, default="tiny")
    parser.add_argument("--image", type=int, default=224)
    parser.add_argument("--patch", type=int, default=16)
    parser.add_argument("--classes", type=int, default=1000)
    args = parser.parse_args()
    width, depth, heads = WIDTHS[args.size]
    args.folder.mkdir(parents=True, exist_ok=True)

    random = np.random.default_rng(0)
    header, blobs, at = {}, [], 0
    for name, shape, deviation in tensors(width, depth, args.image, args.patch, args.classes):
        values = random.standard_normal(shape, dtype=np.float32)
        blob = (1 + 0.1 * values if deviation is None else deviation * values).astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + len(blob)]}
        at += len(blob)
        blobs.append(blob)
    text = json.dumps(header).encode()
    with open(args.folder / "model.safetensors", "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        out.writelines(blobs)
    config = {"architecture": f"vit_{args.size}_patch{args.patch}_{args.image}", "num_classes": args.classes,
              "model_args": {"img_size": args.image, "num_heads": heads},
              "pretrained_cfg": {"input_size": [3, args.image, args.image], "crop_pct": 0.9,
                                 "interpolation": "bicubic", "mean": [0.5] * 3, "std": [0.5] * 3}}
    (args.folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")


if __name__ == "__main__":
    main()
