"""Builds timm's architectures, cut to what a processor computes in a second.

A cut keeps what no weight shows: windows, the order of layers, and widths where the number of heads follows from them. It
shortens depth and narrows convolutions, which the weights tell, and shrinks the input, which config.json tells.
"""
import contextlib
import io
import re
import warnings

import timm
import torch
from timm.layers import weight_init
from timm.models import _registry

CLASSES = 12
GRID = 6  # patches along each side, for models that see their input in patches

# By timm's module: constructor arguments that cut a model. Two blocks where a second one differs from the first.
CUTS = {
    "beit": dict(depth=2),
    "cait": dict(depth=2),
    "convnext": dict(depths=(1, 1, 2, 1), dims=(32, 48, 64, 96)),
    "davit": dict(depths=(1, 1, 2, 1)),
    "deit": dict(depth=2),
    "edgenext": dict(depths=(1, 2, 2, 2)),
    "eva": dict(depth=2),
    "fastvit": dict(layers=(1, 1, 2, 1)),
    "maxxvit": dict(depths=(1, 2, 2, 1), embed_dim=(32, 64, 96, 128)),
    "mvitv2": dict(depths=(1, 2, 2, 1)),
    "naflexvit": dict(depth=2),
    "pvt_v2": dict(depths=(1, 2, 1, 1)),
    "resnet": dict(layers=(2, 1, 2, 1), channels=(16, 32, 48, 64)),
    "resnetv2": dict(layers=(2, 1, 2, 1)),
    "senet": dict(layers=(2, 1, 2, 1)),
    "swin_transformer": dict(depths=(2, 2, 2, 2), embed_dim=32, num_heads=(1, 2, 4, 8)),  # 32 channels a head, as ever
    "swin_transformer_v2": dict(depths=(2, 2, 2, 2), embed_dim=32, num_heads=(1, 2, 4, 8)),
    "tiny_vit": dict(depths=(1, 2, 2, 1)),
    "vision_transformer": dict(depth=2),
    "vision_transformer_relpos": dict(depth=2),
    "xcit": dict(depth=2),
}
IN_PATCHES = {"beit", "deit", "eva", "vision_transformer", "vision_transformer_relpos", "cait", "naflexvit", "xcit"}
# Networks that take any size: the remainder by their stride stays, as padding depends on it.
CONVOLUTIONAL = {"convnext", "davit", "edgenext", "efficientnet", "fastvit", "mobilenetv3", "pvt_v2", "repvit", "resnet",
                 "resnetv2", "senet", "swiftformer"}
SIDE = {"maxxvit": 128, "mobilevit": 128}  # smallest with windows, or patches, of more than a cell in every stage


def names():
    return timm.list_models()


def module_of(name):
    return _registry._model_to_module[name]


def small_side(name, side):
    module = module_of(name)
    if module in IN_PATCHES:
        patch = re.search(r"patch(\d+)|_p(\d+)(?:_|$)", name)
        return GRID * int(patch[1] or patch[2]) if patch else side
    if module in CONVOLUTIONAL:
        return min(side, 64 + side % 32)
    return min(side, SIDE.get(module, side))


def pretrained_cfg(name):
    return timm.get_pretrained_cfg(name, allow_unregistered=False)


def arguments(name):
    """Of timm.create_model, most cut first: some architectures refuse an argument that their cousins take."""
    cfg = pretrained_cfg(name)
    side = small_side(name, cfg.input_size[-1])
    classes = {"num_classes": min(CLASSES, cfg.num_classes)} if cfg.num_classes else {}
    size = {"pretrained_cfg_overlay": {"input_size": (3, side, side)}} if side != cfg.input_size[-1] else {}
    img_size = {"img_size": side} if size else {}
    cut = CUTS.get(module_of(name), {})
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
        except (TypeError, AssertionError, RuntimeError, KeyError, ValueError) as caught:
            error = caught
    raise error


def random_input(model, random):
    channels, rows, cols = model.pretrained_cfg["input_size"]
    return torch.randn(1, channels, rows, cols, generator=random) + torch.randn(1, channels, 1, 1, generator=random)
