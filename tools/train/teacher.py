"""Soft labels of the training pictures from a ViT of timm's layout that knows these classes among its 1000.

The forward pass follows Dosovitskiy et al. 2021; the position embedding is resampled to the size that is asked for.
"""

import argparse
import json
import os
import time

import torch
import torch.nn.functional as F

import data
import safetensors


class Teacher:
    """A ViT with a class token, from a hub folder."""

    def __init__(self, folder, size):
        with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
            settings = json.load(file)["pretrained_cfg"]
        self.mean = torch.tensor(settings["mean"]).view(1, 3, 1, 1)
        self.std = torch.tensor(settings["std"]).view(1, 3, 1, 1)
        self.size = size
        self.weights = safetensors.load(os.path.join(folder, "model.safetensors"))
        self.depth = 1 + max(int(n.split(".")[1]) for n in self.weights if n.startswith("blocks."))
        self.position = self.resampled_position(size // self.weights["patch_embed.proj.weight"].shape[-1])

    def resampled_position(self, grid):
        position = self.weights["pos_embed"]
        side, width = int((position.shape[1] - 1) ** 0.5), position.shape[2]
        cells = position[:, 1:].reshape(1, side, side, width).permute(0, 3, 1, 2)
        cells = F.interpolate(cells, (grid, grid), mode="bicubic", align_corners=False, antialias=True)
        return torch.cat([position[:, :1], cells.flatten(2).transpose(1, 2)], 1)

    def linear(self, x, name):
        return F.linear(x, self.weights[name + ".weight"], self.weights[name + ".bias"])

    def norm(self, x, name):
        return F.layer_norm(x, x.shape[-1:], self.weights[name + ".weight"], self.weights[name + ".bias"], 1e-6)

    def block(self, x, name):
        batch, tokens, width = x.shape
        qkv = self.linear(self.norm(x, name + ".norm1"), name + ".attn.qkv")
        q, k, v = qkv.view(batch, tokens, 3, width // 64, 64).permute(2, 0, 3, 1, 4)
        attention = (q @ k.transpose(-2, -1) / 8).softmax(-1)
        x = x + self.linear((attention @ v).transpose(1, 2).reshape(batch, tokens, width), name + ".attn.proj")
        hidden = F.gelu(self.linear(self.norm(x, name + ".norm2"), name + ".mlp.fc1"))
        return x + self.linear(hidden, name + ".mlp.fc2")

    @torch.no_grad()
    def logits(self, pictures):
        """uint8 pictures to the logits of all classes of the teacher."""
        x = (data.resize(pictures, self.size) - self.mean) / self.std
        stem = self.weights["patch_embed.proj.weight"]
        x = F.conv2d(x, stem, self.weights["patch_embed.proj.bias"], stride=stem.shape[-1])
        x = x.flatten(2).transpose(1, 2)
        x = torch.cat([self.weights["cls_token"].expand(len(x), -1, -1), x], 1) + self.position
        for i in range(self.depth):
            x = self.block(x, f"blocks.{i}")
        return self.linear(self.norm(x[:, 0], "norm"), "head")


def soft_labels(teacher, pictures, indices, batch=20):
    """Logits [N, classes] over the classes `indices`. Small batches stay in the caches."""
    found = []
    for begin in range(0, len(pictures), batch):
        found.append(teacher.logits(pictures[begin : begin + batch])[:, indices])
        if begin % 5000 == 0:
            print(f"teacher: {begin} of {len(pictures)}", flush=True)
    return torch.cat(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder of train.tar, val.tar and classes.tsv")
    parser.add_argument("--model", required=True, help="hub folder of the teacher")
    parser.add_argument("--cache", required=True, help="folder for decoded pictures and soft_labels.pt")
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--check", type=int, default=0, help="only measure the teacher on so many validation pictures")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    indices = [index for _, _, index in data.classes(args.data)]
    teacher = Teacher(args.model, args.size)
    started = time.time()
    if args.check:
        pictures, labels, _ = data.load(args.data, "val", args.cache)
        chosen = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(1))[: args.check]
        found = soft_labels(teacher, pictures[chosen], indices)
        right = (found.argmax(1) == labels[chosen]).float().mean().item()
        print(f"size {args.size}: top-1 {right:.3f}, {time.time() - started:.0f} s")
        return
    pictures, _, _ = data.load(args.data, "train", args.cache)
    path = os.path.join(args.cache, "soft_labels.pt")
    torch.save(soft_labels(teacher, pictures, indices), path + ".part")
    os.replace(path + ".part", path)
    print(f"teacher: done in {time.time() - started:.0f} s")


if __name__ == "__main__":
    main()
