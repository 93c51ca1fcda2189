"""Swin v2 (timm/models/swin_transformer_v2.py)."""
import numpy as np
from parts import BRANCH, normal, pair, uniform

TINY = dict(embed_dim=96, depths=[2, 2, 6, 2], num_heads=[3, 6, 12, 24], pretrained_window_sizes=[0, 0, 0, 0])
SMALL = dict(TINY, depths=[2, 2, 18, 2])
BASE = dict(SMALL, embed_dim=128, num_heads=[4, 8, 16, 32])
LARGE = dict(SMALL, embed_dim=192, num_heads=[6, 12, 24, 48])


def _square(side, **more):
    return dict(input_size=[3, side, side], pool_size=[side // 32, side // 32], **more)


def _tuned(size, window):
    """Trained at 192 pixels in windows of 12, as far as the grid goes."""
    return dict(size, window_size=window, pretrained_window_sizes=[12, 12, 12, 6])


VARIANTS = {}
for _name, _size in (("tiny", TINY), ("small", SMALL), ("base", BASE)):
    for _window in (8, 16):
        VARIANTS[f"swinv2_{_name}_window{_window}_256"] = (dict(_size, window_size=_window), _square(256))
for _name, _size in (("base", BASE), ("large", LARGE)):
    VARIANTS[f"swinv2_{_name}_window12_192"] = (dict(_size, window_size=12), _square(192, num_classes=21841))
    VARIANTS[f"swinv2_{_name}_window12to16_192to256"] = (_tuned(_size, 16), _square(256))
    VARIANTS[f"swinv2_{_name}_window12to24_192to384"] = (_tuned(_size, 24), _square(384, crop_pct=1.0))
DEFAULTS = dict(crop_pct=0.9, fixed_input_size=True, first_conv="patch_embed.proj", classifier="head.fc")


def old_buffers(at, size, window, shifted):
    """Files of the authors also hold what the window's size implies."""
    tokens = window[0] * window[1]
    at.add("attn.relative_position_index", (tokens, tokens), lambda random, shape: np.zeros(shape), "I64")
    at.add("attn.relative_coords_table", (1, 2 * window[0] - 1, 2 * window[1] - 1, 2), normal(0, 1))
    if shifted:
        windows = (size[0] // window[0]) * (size[1] // window[1])
        at.add("attn_mask", (windows, tokens, tokens), lambda random, shape: np.full(shape, -100.0))


def block(at, width, heads):
    at.add("attn.logit_scale", (heads, 1, 1), uniform(1, 5))  # timm clamps at log 100 = 4.6
    at.linear("attn.cpb_mlp.0", 2, 512)
    at.linear("attn.cpb_mlp.2", 512, heads, bias=False)
    at.linear("attn.qkv", width, 3 * width, bias=False)
    at.add("attn.q_bias", (width,), normal(0, 0.3))
    at.add("attn.v_bias", (width,), normal(0, 0.3))
    at.linear("attn.proj", width, width)
    at.layer_norm("norm1", width)
    at.mlp("mlp", width, 4 * width)
    at.layer_norm("norm2", width)


def build(net, args):
    width = args["embed_dim"]
    net.conv("patch_embed.proj", 3, width, 4, bias=True)
    net.layer_norm("patch_embed.norm", width)
    size = [side // 4 for side in args["img_size"]]
    for stage, (depth, heads) in enumerate(zip(args["depths"], args["num_heads"])):
        at = net / "layers" / stage
        if stage > 0:
            at.linear("downsample.reduction", 4 * width, 2 * width, bias=False, gain=BRANCH)
            at.layer_norm("downsample.norm", 2 * width)
            width, size = 2 * width, [side // 2 for side in size]
        window = [min(sides) for sides in zip(size, pair(args["window_size"]))]
        for i in range(depth):
            block(at / "blocks" / i, width, heads)
            if net.old_buffers:
                old_buffers(at / "blocks" / i, size, window, shifted=i % 2 == 1 and size != window)
    net.layer_norm("norm", width)
    net.linear("head.fc", width, args["num_classes"])
    return width
