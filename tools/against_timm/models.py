"""Builds timm's architectures, cut to what a processor computes in a second.

A cut keeps what no weight shows: windows, the order of layers, and widths where the number of heads follows from them. It
shortens depth and narrows convolutions, which the weights tell, and shrinks the input, which config.json tells.
"""
import contextlib
import dataclasses
import inspect
import io
import re
import unittest.mock
import warnings

import timm
import torch
from timm.layers import weight_init
from timm.models import _registry

CLASSES = 12
GRID = 6  # patches along each side, for models that see their input in patches

DEPTHS = ("depth", "depths", "layers")  # what constructors call the number of blocks, in all or of each stage
# What no rule tells, by timm's module. Widths that convolutions may have instead of theirs:
WIDTHS = {
    "convnext": dict(dims=(32, 48, 64, 96)),
    "maxxvit": dict(embed_dim=(32, 64, 96, 128)),
    "resnet": dict(channels=(16, 32, 48, 64)),
    "swin_transformer": dict(embed_dim=32, num_heads=(1, 2, 4, 8)),  # 32 channels a head, as ever
    "swin_transformer_v2": dict(embed_dim=32, num_heads=(1, 2, 4, 8)),
}
# Sides that give windows, or patches, of more than a cell in every stage; DaViT pads its windows.
SIDE = {"davit": 64, "maxxvit": 128, "mobilevit": 128}


class Stopped(Exception):
    """The entry point has told its constructor."""


def names():
    return timm.list_models()


def module_of(name):
    return _registry._model_to_module[name]


def constructor_arguments(name):
    """What timm's constructor of an architecture takes, with the values it would get; empty where none are told."""
    values = {}

    def stop(model_class, *_, **given):
        parameters = inspect.signature(model_class).parameters.values()
        values.update({parameter.name: parameter.default for parameter in parameters})
        config = given.get("model_cfg", given.get("cfg"))
        open_ended = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
        if dataclasses.is_dataclass(config) and open_ended:  # what has no parameter of its own replaces a field
            values.update(vars(config))
        values.update(given)
        raise Stopped

    with contextlib.ExitStack() as stack:
        for module in vars(timm.models).values():
            if hasattr(module, "build_model_with_cfg"):
                stack.enter_context(unittest.mock.patch.object(module, "build_model_with_cfg", stop))
        stack.enter_context(contextlib.suppress(Stopped))
        timm.create_model(name, pretrained=False)
    return values


def shortened(depth):
    """Two blocks, or two a stage, as a second one may differ from the first; None where it is no such number."""
    if isinstance(depth, int):
        return min(depth, 2)
    if isinstance(depth, (list, tuple)) and all(isinstance(blocks, int) for blocks in depth):
        return [min(blocks, 2) for blocks in depth]
    return None


def cut_of(name, taken):
    depths = {argument: shortened(taken.get(argument)) for argument in DEPTHS}
    return {**{argument: depth for argument, depth in depths.items() if depth}, **WIDTHS.get(module_of(name), {})}


def small_side(name, cfg, taken):
    side = cfg.input_size[-1]
    patch = re.search(r"patch(\d+)|_p(\d+)(?:_|$)", name)
    if patch and isinstance(taken.get("depth"), int):  # one grid of patches through all blocks
        return GRID * int(patch[1] or patch[2])
    windows = any("window" in argument for argument in taken)
    if not cfg.fixed_input_size and "img_size" not in taken and not windows:
        return min(side, 64 + side % 32)  # padding depends on the remainder by the stride
    return min(side, SIDE.get(module_of(name), side))


def pretrained_cfg(name):
    return timm.get_pretrained_cfg(name, allow_unregistered=False)


def arguments(name):
    """Of timm.create_model, most cut first: some architectures refuse an argument that their cousins take."""
    cfg = pretrained_cfg(name)
    taken = constructor_arguments(name)
    side = small_side(name, cfg, taken)
    classes = {"num_classes": min(CLASSES, cfg.num_classes)} if cfg.num_classes else {}
    size = {"pretrained_cfg_overlay": {"input_size": (3, side, side)}} if side != cfg.input_size[-1] else {}
    img_size = {"img_size": side} if size else {}
    cut = cut_of(name, taken)
    yield {**classes, **size, **img_size, **cut}
    yield {**classes, **size, **cut}
    yield {**classes, **cut}
    yield {**classes, **size, **img_size}
    yield {**classes, **size}
    yield classes


@contextlib.contextmanager
def without_initialisation():
    """Every parameter is scrambled afterwards, and drawing truncated normals takes longer than all the rest."""
    kept = [(place, name, getattr(place, name)) for place in (torch.nn.init, weight_init) for name in vars(place)
            if name.endswith("_") and not name.startswith("__") and callable(getattr(place, name))]
    for place, name, _ in kept:
        setattr(place, name, lambda tensor, *_, **__: tensor)
    try:
        yield
    finally:
        for place, name, function in kept:
            setattr(place, name, function)


def build(name):
    """The model, and how it was cut."""
    error = None
    for args in arguments(name):
        try:
            with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), without_initialisation():
                warnings.simplefilter("ignore")
                return timm.create_model(name, pretrained=False, **args).eval(), args
        except (TypeError, AssertionError, RuntimeError, LookupError, ValueError) as caught:
            error = caught
    raise error


def random_input(model, random):
    channels, rows, cols = model.pretrained_cfg["input_size"]
    return torch.randn(1, channels, rows, cols, generator=random) + torch.randn(1, channels, 1, 1, generator=random)
