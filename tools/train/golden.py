"""Writes the golden folder that the library's tests compare with: small, random, on an odd grid.

    python3 tools/train/golden.py tests/golden/early_conv_vit_mini
"""

import argparse
import json
import os

import torch

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


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    args = parser.parse_args()
    rng = torch.Generator().manual_seed(7)
    net = model.EarlyConvVit(CLASSES, **ARGS)
    randomise(net, rng)
    net.eval()
    os.makedirs(args.folder, exist_ok=True)
    config = export.config(CLASSES, ARGS, None)
    with open(os.path.join(args.folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file, indent=1)
        file.write("\n")
    safetensors.save(os.path.join(args.folder, "model.safetensors"), export.weights(net))

    pictures = torch.randn(2, 3, *ARGS["img_size"], generator=rng)
    attention = []
    features = net.features(pictures, attention)
    reference = {"input": pictures, "features": features, "logits": net.head(features[:, 0])}
    reference.update({f"attn.{i}": values for i, values in enumerate(attention)})
    safetensors.save(os.path.join(args.folder, "reference.safetensors"), reference)


if __name__ == "__main__":
    main()
