"""Writes the golden folders that the library's tests compare with.

    python3 tools/train/golden.py tests/golden/early_conv_vit_mini             # small, random, on an odd grid
    python3 tools/train/golden.py tests/golden/embedded --model models/registry/embedded
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import torch
from PIL import Image

import data
import evaluate
import export
import model
import safetensors

ARGS = {
    "img_size": [72, 56],
    "stem_widths": [8, 12, 40],
    "stem_blocks": [0, 1, 1],
    "embed_dim": 40,
    "depth": 2,
    "num_heads": 2,
    "mlp_ratio": 1.5,
}
CLASSES = 10


@torch.no_grad()
def randomise(net, rng):
    """Statistics, scales and shifts too: with means of 0 and variances of 1 a mistake hides."""
    for name, tensor in net.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        if name.endswith("running_var") or (tensor.ndim == 1 and name.endswith("weight")):
            tensor.uniform_(0.5, 1.5, generator=rng)
        elif tensor.ndim == 1:
            tensor.uniform_(-0.3, 0.3, generator=rng)
        elif name in ("cls_token", "pos_embed"):
            tensor.normal_(0, 0.5, generator=rng)
        else:
            tensor.normal_(0, 1.5 / tensor[0].numel() ** 0.5, generator=rng)


def drawn_scenes(size):
    """Pictures of tools/draw_scene.py as input of a model."""
    draw = os.path.join(os.path.dirname(__file__), os.pardir, "draw_scene.py")
    pictures = []
    with tempfile.TemporaryDirectory() as folder:
        for scene in ("lighthouse", "wall_clock"):
            path = os.path.join(folder, scene + ".png")
            subprocess.run([sys.executable, draw, "--scene", scene, "--size", "96x96", "--out", path], check=True)
            pictures.append(torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1))
    return data.evaluation_batch(torch.stack(pictures), size)


def write_reference(net, pictures, folder, intermediate):
    attention = []
    features = net.features(pictures, attention)
    reference = {"logits": net.head(features[:, 0])}
    if intermediate:
        reference.update({"features": features, **{f"attn.{i}": values for i, values in enumerate(attention)}})
    safetensors.save(os.path.join(folder, "reference.safetensors"), {"input": pictures, **reference})


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--model", help="a model's folder; its logits of drawn scenes alone are written")
    args = parser.parse_args()
    os.makedirs(args.folder, exist_ok=True)
    if args.model:
        net, _, size = evaluate.load(args.model)
        write_reference(net, drawn_scenes(size), args.folder, intermediate=False)
        return
    rng = torch.Generator().manual_seed(7)
    net = model.EarlyConvVit(CLASSES, **ARGS)
    randomise(net, rng)
    net.eval()
    config = export.config(CLASSES, ARGS, None)
    with open(os.path.join(args.folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file, indent=1)
        file.write("\n")
    safetensors.save(os.path.join(args.folder, "model.safetensors"), export.weights(net))
    write_reference(net, torch.randn(2, 3, *ARGS["img_size"], generator=rng), args.folder, intermediate=True)


if __name__ == "__main__":
    main()
