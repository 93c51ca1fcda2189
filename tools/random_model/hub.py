"""A hub folder: config.json and model.safetensors of an architecture."""
import importlib
import json
import struct
from pathlib import Path

import numpy as np

from parts import Tensors, pair


def variants():
    """Family by architecture, of the modules beside this one that have such a table."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem in (__name__, "__main__"):
            continue
        family = importlib.import_module(path.stem)
        for architecture in getattr(family, "VARIANTS", ()):
            assert architecture not in found, f"{found[architecture].__name__} and {path.stem} both have {architecture}"
            found[architecture] = family
    return found


VARIANTS = variants()
# timm's defaults; families and variants differ in what they say themselves.
PRETRAINED = dict(
    num_classes=1000, input_size=[3, 224, 224], fixed_input_size=False, interpolation="bicubic", crop_mode="center",
    mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225], pool_size=[7, 7])


class Model:
    """An architecture with what was asked to be different: `args` is told in config.json, `silent` is not."""

    def __init__(self, architecture, args=None, silent=None, classes=None, input_size=None):
        self.architecture, self.family, self.args = architecture, VARIANTS[architecture], dict(args or {})
        own_args, own_pretrained = self.family.VARIANTS[architecture]
        asked = {**self.args, **(silent or {})}
        known = {name for variant, _ in self.family.VARIANTS.values() for name in variant}
        unknown = asked.keys() - known - {"img_size", "num_classes", "act_layer"}
        if unknown:
            raise ValueError(f"{architecture} has no argument {', '.join(sorted(unknown))}")

        self.pretrained = {**PRETRAINED, **self.family.DEFAULTS, **own_pretrained}
        if classes is not None:
            self.pretrained["num_classes"] = asked["num_classes"] = classes
        if "img_size" in asked or input_size:
            self.pretrained["input_size"] = [3, *pair(asked.get("img_size", input_size))]
        self.all_args = {"num_classes": self.pretrained["num_classes"], **own_args, **asked,
                         "img_size": self.pretrained["input_size"][1:]}

    def tensors(self, **options):
        """name -> (shape, dtype, values), in the order of a file that safetensors wrote; and the features' width."""
        net = Tensors(**options)
        features = self.family.build(net, self.all_args)
        order = sorted(net.collected.items(), key=lambda item: (item[1][1] != "I64", item[0]))
        return dict(order), features

    def config(self, features):
        if hasattr(self.family, "config"):  # a hub folder of transformers'
            return self.family.config(self.all_args)
        return {"architecture": self.architecture, "num_classes": self.all_args["num_classes"],
                "num_features": features, **({"model_args": self.args} if self.args else {}),
                "pretrained_cfg": self.pretrained}


def write_safetensors(path, tensors, random):
    """Values are made as they are written: a large model need not fit in memory."""
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, (shape, dtype, _) in tensors.items():
        size = int(np.prod(shape, dtype=np.int64)) * (8 if dtype == "I64" else 4)
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for shape, dtype, values in tensors.values():
            out.write(np.asarray(values(random, shape), "<i8" if dtype == "I64" else "<f4").tobytes())
    return at


def write(model, folder, seed=0, **options):
    """Writes the folder and returns its weights' size in bytes."""
    tensors, features = model.tensors(**options)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(model.config(features), indent=2) + "\n")
    return write_safetensors(folder / "model.safetensors", tensors, np.random.default_rng(seed))
