"""Measures a model folder on the validation pictures and writes what the model's card shows.

    python3 tools/train/evaluate.py --data ../shared/data/things100 --model MODEL --out FOLDER

FOLDER/card.json: top-1, top-5, accuracy by class, the pairs most often confused, and where attention peaks;
classes.png: a bar for each class; validation.json: what tests/apps/embedded compares the program with; parity/: 100
pictures as PNG with their inputs and logits, for comparing the library with torch. The pictures may not be
redistributed, so FOLDER lies outside the repository.
"""

import argparse
import json
import os

import numpy as np
import torch
from PIL import Image, ImageDraw

import data
import model
import safetensors


SAMPLED = 5  # tests/apps/embedded takes every fifth validation picture


def write_json(values, path):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(values, file, indent=1, ensure_ascii=False)
        file.write("\n")


def load(folder):
    """The network of a model folder, with the weights as stored, and its class names."""
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    net = model.EarlyConvVit(config["num_classes"], **config["model_args"])
    missing, unknown = net.load_state_dict(safetensors.load(os.path.join(folder, "model.safetensors")), strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unknown:
        raise SystemExit(f"[evaluate] {folder}: missing {missing}, unknown {unknown}")
    return net.eval(), config["label_names"], config["model_args"]["img_size"]


@torch.no_grad()
def all_logits(net, pictures, size, batch=100):
    return torch.cat([net(data.evaluation_batch(part, size)) for part in pictures.split(batch)])


def measure(logits, labels, names):
    """The card's figures; accuracies in per cent."""
    best = logits.argsort(1, descending=True)
    right = best[:, 0] == labels
    confusion = torch.zeros(len(names), len(names), dtype=torch.long)
    confusion.index_put_((labels, best[:, 0]), torch.tensor(1), accumulate=True)
    each = 100 * confusion.diag() / confusion.sum(1)
    wrong = confusion.clone().fill_diagonal_(0)
    order = wrong.flatten().argsort(descending=True)[:20]
    pairs = [(int(i) // len(names), int(i) % len(names)) for i in order]
    return {
        "pictures": len(labels),
        "top1": 100 * right.float().mean().item(),
        "top5": 100 * (best[:, :5] == labels[:, None]).any(1).float().mean().item(),
        "classes": {name: each[i].item() for i, name in enumerate(names)},
        "confused": [{"is": names[a], "taken_for": names[b], "times": int(wrong[a, b])} for a, b in pairs],
    }


@torch.no_grad()
def peaks(net, pictures, size, batch=50):
    """Cells [N, 2] (row, column) that the class token attends to most: in the last layer, heads averaged, and by
    rollout over all layers (Abnar & Zuidema 2020)."""
    found = {"raw": [], "rollout": []}
    for part in pictures.split(batch):
        taps = []
        net.features(data.evaluation_batch(part, size), taps)
        layers = [tap.mean(1) for tap in taps]
        rolled = torch.eye(layers[0].shape[-1])
        for layer in layers:
            rolled = (layer + torch.eye(layer.shape[-1])) / 2 @ rolled
        for name, map_ in (("raw", layers[-1]), ("rollout", rolled)):
            at = map_[:, 0, 1:].argmax(1)
            found[name].append(torch.stack([at // net.grid[1], at % net.grid[1]], 1))
    return {name: torch.cat(parts) for name, parts in found.items()}


def central(cells, grid, share=0.6):
    """Per cent of cells whose centres lie within the central `share` of height and of width."""
    centres = (cells + 0.5) / torch.tensor(grid)
    return 100 * ((centres - 0.5).abs() <= share / 2).all(1).float().mean().item()


def pointing(net, pictures, size):
    """Share of pictures whose attention peaks within the central 60 %, beside what a uniform map would give."""
    every = torch.cartesian_prod(torch.arange(net.grid[0]), torch.arange(net.grid[1]))
    figures = {name: central(cells, net.grid) for name, cells in peaks(net, pictures, size).items()}
    return {**figures, "uniform": central(every, net.grid)}


def draw_bars(accuracies, path):
    """Classes from best to worst in two columns, a bar each."""
    rows = sorted(accuracies.items(), key=lambda item: -item[1])
    half, pitch, column, bar = (len(rows) + 1) // 2, 14, 460, 240
    picture = Image.new("RGB", (2 * column, half * pitch + 8), "white")
    draw = ImageDraw.Draw(picture)
    for i, (name, share) in enumerate(rows):
        left, top = i // half * column + 8, i % half * pitch + 4
        draw.text((left, top), name[:26], fill="black")
        draw.rectangle((left + 170, top + 2, left + 170 + bar, top + pitch - 3), fill=(235, 235, 235))
        draw.rectangle((left + 170, top + 2, left + 170 + bar * share / 100, top + pitch - 3), fill=(46, 98, 160))
        draw.text((left + 176 + bar, top), f"{share:.0f}", fill="black")
    picture.save(path)


@torch.no_grad()
def write_parity(net, pictures, labels, size, folder, count=100):
    """`count` pictures evenly over the set, as PNG, with the input and logits that belong to each."""
    os.makedirs(folder, exist_ok=True)
    chosen = torch.arange(count) * len(pictures) // count
    for i, index in enumerate(chosen):
        Image.fromarray(np.asarray(pictures[index].permute(1, 2, 0))).save(os.path.join(folder, f"{i:03d}.png"))
    inputs = data.evaluation_batch(pictures[chosen], size)
    tensors = {"input": inputs, "logits": net(inputs), "label": labels[chosen].float()}
    safetensors.save(os.path.join(folder, "reference.safetensors"), tensors)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of val.tar and classes.tsv")
    parser.add_argument("--model", required=True, help="what export.py wrote")
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    net, names, size = load(args.model)
    pictures, labels, _ = data.load(args.data, "val", args.out)
    logits = all_logits(net, pictures, size)
    figures = {**measure(logits, labels, names), "pointing": pointing(net, pictures, size)}
    sample = measure(logits[::SAMPLED], labels[::SAMPLED], names)
    write_json(figures, os.path.join(args.out, "card.json"))
    write_json({"every": SAMPLED, "top1": sample["top1"]}, os.path.join(args.out, "validation.json"))
    draw_bars(figures["classes"], os.path.join(args.out, "classes.png"))
    write_parity(net, pictures, labels, size, os.path.join(args.out, "parity"))
    print(f"top-1 {figures['top1']:.2f} %, top-5 {figures['top5']:.2f} % of {figures['pictures']} pictures at {size}")
    print("peaks within the central 60 %: " + ", ".join(f"{k} {v:.1f} %" for k, v in figures["pointing"].items()))


if __name__ == "__main__":
    main()
