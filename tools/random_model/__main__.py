#!/usr/bin/env python3
"""Writes a model folder as timm's hub folders are, with random weights: any architecture at full size or made smaller.

Usage: random_model ARCHITECTURE FOLDER [OPTION...]
       random_model --list

Names and shapes follow timm's sources, not Fovea's: what this writes is what the loaders have to understand.
"""
import argparse
import json
from pathlib import Path

from hub import VARIANTS, Model, write


def setting(text):
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text} is not NAME=VALUE")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


class List(argparse.Action):
    def __call__(self, parser, *_):
        print("\n".join(VARIANTS))
        parser.exit()


def main():
    parser = argparse.ArgumentParser(prog="random_model", description=__doc__.splitlines()[0])
    parser.add_argument("architecture", choices=VARIANTS, metavar="ARCHITECTURE", help="as timm calls it; see --list")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--list", nargs=0, action=List, help="name the architectures and leave")
    parser.add_argument("--arg", type=setting, action="append", default=[], metavar="NAME=VALUE",
                        help="an argument of timm's model, told in config.json, such as depths=[1,1,1,1]")
    parser.add_argument("--silent", type=setting, action="append", default=[], metavar="NAME=VALUE",
                        help="the same, but config.json does not tell: a loader has the weights' shapes alone")
    parser.add_argument("--input", type=int, metavar="SIDE", help="pixels a side, where the model takes any")
    parser.add_argument("--classes", type=int, help="instead of the architecture's own number")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-counters", action="store_true", help="leave out num_batches_tracked")
    parser.add_argument("--old-buffers", action="store_true",
                        help="with what old files also hold: attn_mask, relative_position_index, attention_bias_idxs")
    options = parser.parse_args()
    try:
        model = Model(options.architecture, dict(options.arg), dict(options.silent), options.classes, options.input)
    except ValueError as error:
        parser.error(str(error))
    size = write(model, options.folder, options.seed, counters=not options.no_counters,
                 old_buffers=options.old_buffers)
    print(f"{options.folder}: {options.architecture}, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
