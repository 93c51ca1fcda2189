#!/usr/bin/env python3
"""Compares tools/random_model with the reference implementation: names and shapes, and sizes.

Usage: compare.py RANDOM_MODEL GOLDEN_FOLDER
Folders in GOLDEN_FOLDER hold small models that timm wrote; of an architecture that the tool knows, it must have the same
tensors. The forward passes that Fovea is compared with elsewhere (against_program.py) are checked here against
the logits timm gave. What is known of each family is in families/, a file each.
"""
import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import numpy as np  # noqa: E402
from families import FAMILIES, family_of  # noqa: E402
from hub import VARIANTS, Model  # noqa: E402
from reference import logits, read_safetensors  # noqa: E402

STATISTICS = (".running_mean", ".running_var")


def mini(folder):
    config = json.loads((folder / "config.json").read_text())
    args = config["model_args"]
    silent = getattr(family_of(config["architecture"]), "SILENT", {}).get(folder.name)
    model = Model(config["architecture"], args, silent,
                  None if "num_classes" in args else config["num_classes"], config["pretrained_cfg"]["input_size"][1:])
    weights = read_safetensors(folder / "model.safetensors")
    ours = {name: tensor[0] for name, tensor in model.tensors(counters=False)[0].items()}
    theirs = {name: tensor.shape for name, tensor in weights.items()}
    faults = [f"{folder.name}: {name} is {ours.get(name)}, timm's is {theirs.get(name)}"
              for name in sorted(ours.keys() | theirs.keys()) if ours.get(name) != theirs.get(name)]
    reference = read_safetensors(folder / "reference.safetensors")
    result = None if faults else logits(model, weights, reference["input"])
    if result is not None and np.abs(result - reference["logits"]).max() > 1e-4:
        faults.append(f"{folder.name}: logits {result[0][:3]}, timm's {reference['logits'][0][:3]}")
    return faults


def writes(folder):
    """Of models that write, folders that transformers wrote: names and shapes, but for GPT-2's causal masks."""
    config = json.loads((folder / "config.json").read_text())
    encoder, decoder = config["encoder"], config["decoder"]
    pick = lambda *names: next(decoder[name] for name in names if decoder.get(name) is not None)  # noqa: E731
    width = pick("d_model", "n_embd") if decoder["model_type"] == "trocr" else pick("n_embd")
    args = dict(width=width, depth=pick("decoder_layers", "n_layer"), vocabulary=decoder["vocab_size"],
                hidden=decoder.get("decoder_ffn_dim") or decoder.get("n_inner") or 4 * width,
                positions=pick("max_position_embeddings", "n_positions"), embed_dim=encoder["hidden_size"],
                encoder_depth=encoder["num_hidden_layers"], encoder_hidden=encoder["intermediate_size"])
    model = Model("trocr_small" if decoder["model_type"] == "trocr" else "vit_gpt2", silent=args,
                  input_size=encoder["image_size"])
    ours = {name: tensor[0] for name, tensor in model.tensors()[0].items()}
    theirs = {name: tensor.shape for name, tensor in read_safetensors(folder / "model.safetensors").items()
              if not name.endswith((".attn.bias", "attention.bias", ".masked_bias"))}
    return [f"{folder.name}: {name} is {ours.get(name)}, transformers' is {theirs.get(name)}"
            for name in sorted(ours.keys() | theirs.keys()) if ours.get(name) != theirs.get(name)]


def parameters(architecture):
    total = 0
    for name, (shape, _, _) in Model(architecture).tensors(counters=False)[0].items():
        count = 1
        for extent in shape:
            count *= extent
        total += 0 if name.endswith(STATISTICS) else count
    return total


def main():
    folders = sorted(path.parent for path in Path(sys.argv[2]).glob("*/model.safetensors")
                     if json.loads((path.parent / "config.json").read_text()).get("architecture") in VARIANTS)
    faults = [fault for folder in folders for fault in mini(folder)]
    writers = sorted(path.parent for path in Path(sys.argv[2]).glob("*/config.json")
                     if json.loads(path.read_text()).get("model_type") == "vision-encoder-decoder")
    faults += [fault for folder in writers for fault in writes(folder)]
    sizes = [size for family in FAMILIES.values() for size in family.MILLIONS.items()]
    for architecture, millions in sizes:
        ours = round(parameters(architecture) / 1e6, 2)
        if abs(ours - millions) > 0.006:
            faults.append(f"{architecture} has {ours} M parameters, timm's {millions} M")
    if not folders or not writers:
        faults.append(f"no model in {sys.argv[2]}")
    print("\n".join(faults) or f"{len(folders) + len(writers)} small models and {len(sizes)} sizes agree, of {len(VARIANTS)}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
