"""Writes a checkpoint of train.py as a model folder of Fovea: config.json and model.safetensors in fp16.

    python3 tools/train/export.py --data ../shared/data/things100 --cache FOLDER --checkpoint FOLDER/last.pt --out MODEL

Normalisations get their statistics from training pictures at the size of evaluation: those of smaller pictures,
on which most of the training runs, do not fit there (Touvron et al. 2019).
"""

import argparse
import json
import os

import torch

import data
import model
import safetensors


def config(classes, args, names):
    """config.json; the whole picture is resized to the input, as in training."""
    sides = [args["img_size"]] * 2 if isinstance(args["img_size"], int) else args["img_size"]
    found = {
        "architecture": model.ARCHITECTURE,
        "num_classes": classes,
        "num_features": args["embed_dim"],
        "global_pool": "token",
        "model_args": args,
        "pretrained_cfg": {
            "input_size": [3, *sides],
            "fixed_input_size": True,
            "interpolation": "bicubic",
            "crop_pct": 1.0,
            "crop_mode": "center",
            "mean": list(data.MEAN),
            "std": list(data.STD),
            "num_classes": classes,
        },
    }
    if names:
        found["label_names"] = names
    return found


def weights(net):
    """The tensors that a forward pass reads; normalisations keep their statistics."""
    return {name: tensor for name, tensor in net.state_dict().items() if not name.endswith("num_batches_tracked")}


def load(path, classes):
    """The averaged network of a checkpoint."""
    saved = torch.load(path, map_location="cpu")
    net = model.EarlyConvVit(classes, **saved["model_args"])
    net.load_state_dict(saved["ema"])
    return net.eval(), saved


@torch.no_grad()
def calibrate(net, pictures, size, count=1024, batch=64):
    """Plain means of the statistics over `count` pictures, spread over the set."""
    norms = [module for module in net.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a mean over all batches
        norm.train()
    chosen = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(1))[:count]
    for part in chosen.split(batch):
        net.stem(data.evaluation_batch(pictures[part], size))
    net.eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of train.tar and classes.tsv")
    parser.add_argument("--cache", required=True, help="folder of the decoded pictures")
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--out", required=True, help="the model's folder")
    args = parser.parse_args()
    names = [name for _, name, _ in data.classes(args.data)]
    net, saved = load(args.checkpoint, len(names))
    pictures, _, _ = data.load(args.data, "train", args.cache)
    calibrate(net, pictures, saved["model_args"]["img_size"])
    os.makedirs(args.out, exist_ok=True)
    with open(os.path.join(args.out, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config(len(names), saved["model_args"], names), file, indent=1, ensure_ascii=False)
        file.write("\n")
    safetensors.save(os.path.join(args.out, "model.safetensors"), weights(net), "F16")


if __name__ == "__main__":
    main()
