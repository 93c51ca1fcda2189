"""Writes a checkpoint of train.py as a model folder of Fovea: config.json and model.safetensors.

    python3 tools/train/reader/export.py --checkpoint FOLDER/last.pt --out MODEL          # fp16
    python3 tools/train/reader/export.py --checkpoint FOLDER/last.pt --out MODEL --float  # fp32

The averaged weights are written, whose norms have averaged statistics too: training sees pictures of the size that
the reader gets, so they fit. With --reference, reference.safetensors holds what torch answers, with the weights as
stored, for held-out pictures, which lie beside it as PNG: for comparing the library with torch.
"""

import argparse
import json
import os
import random
import sys

import torch
from PIL import Image

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))

import model
import safetensors
import sources
import supply

NOTE = (
    "Reads one word or a short line of a picture: fit to 160 x 32 with its aspect ratio kept (bicubic), centred on the "
    "mean colour. Character i of `characters` has the id 3 + i."
)
MOST = 3_000_000  # parameters


def load(folder):
    """The network of a model folder with the weights as stored, and its configuration."""
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    return model.from_stored(config, safetensors.load(os.path.join(folder, "model.safetensors"))), config


@torch.no_grad()
def write_reference(folder, sources_path, count):
    """Plain pictures and as many hard ones, and everything that the stored reader answers."""
    net, config = load(folder)
    drawer, rng = sources.drawer(sources_path, evaluation=True), random.Random("reference")
    drawn = [drawer(rng, hard=i >= count // 2) for i in range(count)]
    pictures = supply.normalise([picture for _, picture, _, _ in drawn]).contiguous()
    longest = max(len(text) for text, *_ in drawn)
    ids = torch.full((count, longest + 1), model.PAD)
    ids[:, 0] = model.START
    for row, (text, picture, _, _) in enumerate(drawn):
        ids[row, 1 : len(text) + 1] = torch.tensor(model.encode_text(text, config["characters"]))
        Image.fromarray(picture).save(os.path.join(folder, f"{row:02d}.png"))
    logits, weights = net(pictures, ids)
    generated, lengths, step_logits, step_weights = net.read(pictures)
    answers = {
        "input": pictures,
        "decoder_input": ids,
        "features": net.stem(pictures),
        "encoder_output": net.encode(net.stem(pictures))[0],
        "logits": logits,
        "weights": weights,
        "generated": generated,
        "generated_length": lengths,
        "step_logits": step_logits,
        "step_weights": step_weights,
    }
    safetensors.save(os.path.join(folder, "reference.safetensors"), answers)
    with open(os.path.join(folder, "texts.tsv"), "w", encoding="utf-8") as file:
        for row, (text, *_) in enumerate(drawn):
            file.write(f"{row:02d}.png\t{text}\t{model.decode_ids(generated[row], config['characters'])}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--out", required=True, help="the model's folder")
    parser.add_argument("--float", action="store_true", help="fp32 weights")
    parser.add_argument("--reference", metavar="SOURCES", help="what sources.py wrote, to draw pictures from")
    parser.add_argument("--pictures", type=int, default=20, help="of the reference")
    args = parser.parse_args()
    saved = torch.load(args.checkpoint, map_location="cpu")
    net = model.Reader(saved["config"])
    net.load_state_dict(saved["ema"])
    count = sum(p.numel() for p in net.parameters())
    if count > MOST:
        raise SystemExit(f"[export] {count} parameters, more than {MOST}")
    os.makedirs(args.out, exist_ok=True)
    config = {**model.stored_config(saved["config"]), "note": NOTE}
    with open(os.path.join(args.out, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file, indent=1, ensure_ascii=False)
        file.write("\n")
    dtype = "F32" if args.float else "F16"
    safetensors.save(os.path.join(args.out, "model.safetensors"), model.weights(net), dtype)
    if args.reference:
        write_reference(args.out, args.reference, args.pictures)
    print(f"step {saved['step']}, {saved['words']} words: {count} parameters, {dtype}")


if __name__ == "__main__":
    main()
