"""Swin (timm/models/swin_transformer.py)."""
import numpy as np
from parts import BRANCH, normal, pair

BASE = dict(embed_dim=128, depths=[2, 2, 18, 2], num_heads=[4, 8, 16, 32], window_size=7)
VARIANTS = {
    "swin_tiny_patch4_window7_224": (dict(BASE, embed_dim=96, depths=[2, 2, 6, 2], num_heads=[3, 6, 12, 24]), {}),
    "swin_small_patch4_window7_224": (dict(BASE, embed_dim=96, num_heads=[3, 6, 12, 24]), {}),
    "swin_base_patch4_window7_224": (BASE, {}),
    "swin_base_patch4_window12_384": (dict(BASE, window_size=12),
                                      dict(input_size=[3, 384, 384], pool_size=[12, 12], crop_pct=1.0)),
}
DEFAULTS = dict(crop_pct=0.9, fixed_input_size=True, first_conv="patch_embed.proj", classifier="head.fc")


def old_buffers(at, size, window, shifted):
    """Older files also hold what the window's size implies; wrong values here show that a loader leaves them be."""
    tokens = window[0] * window[1]
    at.add("attn.relative_position_index", (tokens, tokens), lambda random, shape: np.zeros(shape), "I64")
    if shifted:
        windows = (size[0] // window[0]) * (size[1] // window[1])
        at.add("attn_mask", (windows, tokens, tokens), lambda random, shape: np.full(shape, -100.0))


def block(at, width, heads, window):
    at.layer_norm("norm1", width)
    at.add("attn.relative_position_bias_table", ((2 * window[0] - 1) * (2 * window[1] - 1), heads), normal(0, 0.5))
    at.linear("attn.qkv", width, 3 * width)
    at.linear("attn.proj", width, width, gain=BRANCH)
    at.layer_norm("norm2", width)
    at.mlp("mlp", width, 4 * width)


def build(net, args):
    width = args["embed_dim"]
    net.conv("patch_embed.proj", 3, width, 4, bias=True)
    net.layer_norm("patch_embed.norm", width)
    size = [side // 4 for side in args["img_size"]]
    for stage, (depth, heads) in enumerate(zip(args["depths"], args["num_heads"])):
        at = net / "layers" / stage
        if stage > 0:
            at.layer_norm("downsample.norm", 4 * width)
            at.linear("downsample.reduction", 4 * width, 2 * width, bias=False)
            width, size = 2 * width, [side // 2 for side in size]
        # A map no larger than the window is one window, and nothing is shifted along it.
        window = [min(pair) for pair in zip(size, pair(args["window_size"]))]
        for i in range(depth):
            block(at / "blocks" / i, width, heads, window)
            if net.old_buffers:
                old_buffers(at / "blocks" / i, size, window, shifted=i % 2 == 1 and size != window)
    net.layer_norm("norm", width)
    net.linear("head.fc", width, args["num_classes"])
    return width
