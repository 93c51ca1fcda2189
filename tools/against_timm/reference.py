#!/usr/bin/env python3
"""Makes hub folders of timm's architectures with the logits that timm computes. Started by __main__.py, in a system that
has torch and timm; both talk in lines on standard input and output.

Says at the start {"timm", "torch", "names"}. Then takes a line of JSON {"name", "seed", "folder"} at a time and answers
{"name", "cut"} or {"name", "error"}; the folder then holds config.json, model.safetensors, input.safetensors and
reference.safetensors. {"configs": FOLDER} writes config.json alone, for all names.
"""
import json
import os
import sys
import zlib
from pathlib import Path

sys.dont_write_bytecode = True
out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what libraries print is no answer

import safetensors.torch  # noqa: E402
import timm  # noqa: E402
import torch  # noqa: E402
from models import build, module_of, names, pretrained_cfg, random_input  # noqa: E402
from scramble import scramble  # noqa: E402
from timm.models import _hub  # noqa: E402


def say(answer):
    out.write(json.dumps(answer) + "\n")
    out.flush()


def write_config(name, folder):
    """As a hub's file without weights behind it would be."""
    cfg = {key: value for key, value in pretrained_cfg(name).to_dict(remove_source=True).items() if value is not None}
    cfg.pop("architecture", None)
    folder.mkdir(parents=True)
    config = {"architecture": name, "num_classes": cfg.get("num_classes", 0), "pretrained_cfg": cfg}
    (folder / "config.json").write_text(json.dumps(config))


def make(name, seed, folder):
    random = torch.Generator().manual_seed(zlib.crc32(f"{name} {seed}".encode()))
    model, cut = build(name)
    image = random_input(model, random)
    scramble(model, image, random)
    with torch.no_grad():
        logits = model(image)
    if not torch.is_tensor(logits):
        raise TypeError(f"the answer is a {type(logits).__name__}, not logits")
    if not torch.isfinite(logits).all() or logits.abs().max() == 0:
        raise ValueError("the scrambled model's logits are not finite, or all zero")
    folder.mkdir(parents=True)
    _hub.save_config_for_hf(model, folder / "config.json")
    weights = {key: tensor.detach().contiguous().clone() for key, tensor in model.state_dict().items()}
    safetensors.torch.save_file(weights, folder / "model.safetensors")
    safetensors.torch.save_file({"input": image}, folder / "input.safetensors")
    safetensors.torch.save_file({"logits": logits.float()}, folder / "reference.safetensors")
    return cut


def answer(request):
    if "configs" in request:
        for name in names():
            write_config(name, Path(request["configs"]) / name)
        return {}
    name = request["name"]
    try:
        return {"name": name, "cut": make(name, request["seed"], Path(request["folder"]))}
    except Exception as error:  # whatever an architecture says about its own limits
        return {"name": name, "error": f"{type(error).__name__}: {error}"}


def main():
    torch.set_num_threads(1)
    say({"timm": timm.__version__, "torch": torch.__version__, "names": names(),
         "modules": {name: module_of(name) for name in names()}})
    for line in sys.stdin:
        say(answer(json.loads(line)))


if __name__ == "__main__":
    main()
