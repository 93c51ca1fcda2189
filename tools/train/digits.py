"""Trains the model of examples/digits: an LSTM reads a handwritten digit row by row, attention pools what it saw.

    python3 tools/train/digits.py --data ../shared/data/digits10k --out examples/digits/model

A minute on one core. Digits are moved, turned and scaled a little, so that photographs cut out by hand read too.
"""

import argparse
import json
import math
import os
import struct

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import safetensors

SIDE, HIDDEN, CLASSES, BATCH, SEED = 28, 64, 10, 64, 0


class Digits(nn.Module):
    """Names as in config.json's system `lstm_attention_classifier`."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(SIDE, HIDDEN, batch_first=True)
        self.attention = nn.Linear(HIDDEN, 1)
        self.classifier = nn.Linear(HIDDEN, CLASSES)

    def forward(self, rows):
        seen, _ = self.lstm(rows)
        weights = self.attention(seen).softmax(1)
        return self.classifier((weights * seen).sum(1))


def read_idx(path):
    with open(path, "rb") as file:
        data = file.read()
    dims = data[3]
    shape = struct.unpack(f">{dims}I", data[4:4 + 4 * dims])
    return torch.from_numpy(np.frombuffer(data, np.uint8, offset=4 + 4 * dims).reshape(shape).copy())


def read(folder, part):
    pictures = read_idx(os.path.join(folder, f"{part}-images-idx3-ubyte")).float() / 255
    return pictures, read_idx(os.path.join(folder, f"{part}-labels-idx1-ubyte")).long()


def moved(pictures):
    """Each one turned by up to 12 degrees, scaled by up to a tenth and moved by up to two pixels."""
    count = len(pictures)
    spread = lambda most: (torch.rand(count) * 2 - 1) * most
    angle, scale = spread(math.radians(12)), 1 + spread(0.1)
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    matrix = torch.stack([cos, -sin, spread(4 / SIDE), sin, cos, spread(4 / SIDE)], 1).reshape(count, 2, 3)
    grid = F.affine_grid(matrix, (count, 1, SIDE, SIDE), align_corners=False)
    return F.grid_sample(pictures[:, None], grid, align_corners=False)[:, 0]


def accuracy(model, pictures, labels):
    with torch.inference_mode():
        return (model(pictures).argmax(1) == labels).float().mean().item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--epochs", type=int, default=40)
    args = parser.parse_args()
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    pictures, labels = read(args.data, "train")
    held_out = read(args.data, "val")
    model = Digits()
    steps = args.epochs * (len(pictures) // BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3, weight_decay=0.01)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for epoch in range(args.epochs):
        for chosen in torch.randperm(len(pictures)).split(BATCH)[:len(pictures) // BATCH]:
            loss = F.cross_entropy(model(moved(pictures[chosen])), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            rate.step()
        print(f"epoch {epoch + 1}: loss {loss.item():.3f}, {100 * accuracy(model, *held_out):.2f} %", flush=True)

    os.makedirs(args.out, exist_ok=True)
    safetensors.save(os.path.join(args.out, "model.safetensors"), model.state_dict(), "F16")
    config = {"system": "lstm_attention_classifier", "input_size": SIDE, "hidden_size": HIDDEN,
              "bidirectional": False, "num_classes": CLASSES, "label_names": [str(i) for i in range(CLASSES)]}
    with open(os.path.join(args.out, "config.json"), "w") as file:
        json.dump(config, file, indent=2)
        file.write("\n")


if __name__ == "__main__":
    main()
