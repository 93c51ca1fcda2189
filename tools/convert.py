#!/usr/bin/env python3
"""Makes a model folder for Fovea of weights that predate safetensors.

Usage: convert.py WEIGHTS FOLDER --architecture NAME [OPTION...]
       convert.py WEIGHTS FOLDER --config config.json

WEIGHTS is a checkpoint of torch (.pth, .pt, .bin, .pth.tar; torch is not needed and nothing in the file is run), or the
.npz of a Vision Transformer of Google's jax code, or any other .npz that has timm's names. FOLDER gets config.json and
model.safetensors. Needs numpy.
"""
import argparse
import json
import sys
import zipfile
from pathlib import Path

sys.dont_write_bytecode = True
import numpy as np  # noqa: E402

from checkpoints import jax_vit, torch_files  # noqa: E402
from checkpoints.tensors import Refused, Tensor, from_numpy, write_safetensors  # noqa: E402

# Where checkpoints keep the weights, best first: an average over training is what was measured.
WRAPPERS = ("model_ema", "state_dict_ema", "state_dict", "model", "model_state", "module", "net", "params")
PREFIXES = ("module.", "_orig_mod.")  # DistributedDataParallel, torch.compile
HALF, IMAGENET = ((0.5,) * 3, (0.5,) * 3), ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def state_in(checkpoint, key):
    """The dictionary of tensors, and the keys that led to it."""
    path = []
    while True:
        if not isinstance(checkpoint, dict):
            raise Refused(f"{'.'.join(path) or 'it'} is no dictionary of tensors but a {type(checkpoint).__name__}")
        if key:
            if not isinstance(checkpoint.get(key), dict):
                raise Refused(f"it has no dictionary {key}; it has {', '.join(map(str, list(checkpoint)[:12]))}")
            path, checkpoint, key = [*path, key], checkpoint[key], None
        if any(isinstance(value, Tensor) for value in checkpoint.values()):
            return checkpoint, path
        inner = next((name for name in WRAPPERS if isinstance(checkpoint.get(name), dict)), None)
        if inner is None:
            raise Refused(f"no weights among {', '.join(map(str, list(checkpoint)[:12])) or 'nothing'}; "
                          "--key says where")
        path, checkpoint = [*path, inner], checkpoint[inner]


def read_torch(path, key):
    state, where = state_in(torch_files.read(path), key)
    if where:
        print(f"taking {'.'.join(where)}")
    tensors = {name: value for name, value in state.items() if isinstance(name, str) and isinstance(value, Tensor)}
    for prefix in PREFIXES:
        if all(name.startswith(prefix) for name in tensors):
            tensors = {name[len(prefix):]: value for name, value in tensors.items()}
    return tensors


def read_npz(path):
    """The tensors, and whether they are Google's."""
    with zipfile.ZipFile(path) as archive:
        if any(info.file_size > 1 << 36 for info in archive.infolist()):
            raise Refused("an array of it claims more than 64 GiB")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: from_numpy(name, file[name]) for name in file.files}
    except ValueError as error:
        raise Refused(f"it is damaged or holds more than arrays: {error}") from None
    google = jax_vit.is_one(arrays)
    return (jax_vit.to_timm(arrays) if google else arrays), google


def classes_of(tensors):
    for name in ("head.weight", "head.fc.weight", "fc.weight", "classifier.weight", "head.l.weight"):
        if name in tensors:
            return tensors[name].values.shape[0]
    return None


def config_for(options, tensors, google):
    mean, std = HALF if google else IMAGENET
    args = json.loads(options.model_args) if options.model_args else {}
    if not isinstance(args, dict):
        raise Refused(f"--model-args {options.model_args} is no JSON object")
    pretrained = {"mean": options.mean or mean, "std": options.std or std, "crop_pct": options.crop_pct,
                  "interpolation": options.interpolation}
    if options.size:
        pretrained["input_size"] = [3, options.size, options.size]
    config = {"architecture": options.architecture, "model_args": args, "pretrained_cfg": pretrained}
    classes = classes_of(tensors)
    if classes is not None:
        config["num_classes"] = pretrained["num_classes"] = classes
    if options.labels:
        config["label_names"] = options.labels.read_text(encoding="utf-8").splitlines()
    return config


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0], epilog=__doc__.split("\n\n")[2],
                                     usage="%(prog)s WEIGHTS FOLDER (--architecture NAME | --config FILE) [options]")
    parser.add_argument("weights", type=Path)
    parser.add_argument("folder", type=Path)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--architecture", metavar="NAME", help="timm's name, such as vit_tiny_patch16_224")
    which.add_argument("--config", type=Path, metavar="FILE", help="a config.json to take instead")
    parser.add_argument("--key", help="what to take of a checkpoint that holds several, such as state_dict")
    parser.add_argument("--model-args", metavar="JSON", help="what differs from the architecture's defaults")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="the classes' names, one a line")
    parser.add_argument("--size", type=int, help="input size in pixels, where the architecture's is another")
    parser.add_argument("--crop-pct", type=float, default=0.9, help="part of the picture that is kept (%(default)s)")
    parser.add_argument("--interpolation", default="bicubic", help="(%(default)s)")
    for name in ("mean", "std"):
        parser.add_argument(f"--{name}", type=float, nargs=3, metavar=("R", "G", "B"),
                            help="of pixels from 0 to 1 (ImageNet's; 0.5 for Google's .npz)")
    return parser.parse_args()


def convert(options):
    is_npz = options.weights.suffix == ".npz"
    tensors, google = read_npz(options.weights) if is_npz else (read_torch(options.weights, options.key), False)
    if not tensors:
        raise Refused("it holds no tensors")
    if options.config:
        config = options.config.read_text(encoding="utf-8")
        json.loads(config)
    else:
        config = json.dumps(config_for(options, tensors, google), indent=2) + "\n"
    options.folder.mkdir(parents=True, exist_ok=True)
    write_safetensors(options.folder / "model.safetensors", dict(sorted(tensors.items())))
    (options.folder / "config.json").write_text(config, encoding="utf-8")
    numbers = sum(tensor.values.size for tensor in tensors.values())
    print(f"{options.folder}: {len(tensors)} tensors, {numbers / 1e6:.1f} M numbers")


def main():
    options = parsed()
    try:
        convert(options)
    except (Refused, OSError, ValueError, zipfile.BadZipFile) as error:
        sys.exit(f"convert.py: {options.weights}: {error}")


if __name__ == "__main__":
    main()
