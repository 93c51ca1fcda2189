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
    sizes = [size for family in FAMILIES.values() for size in family.MILLIONS.items()]
    for architecture, millions in sizes:
        ours = round(parameters(architecture) / 1e6, 2)
        if abs(ours - millions) > 0.006:
            faults.append(f"{architecture} has {ours} M parameters, timm's {millions} M")
    if not folders:
        faults.append(f"no model in {sys.argv[2]}")
    print("\n".join(faults) or f"{len(folders)} small models and {len(sizes)} sizes agree, of {len(VARIANTS)}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
