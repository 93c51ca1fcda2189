"""Swin, from timm's sources."""
import numpy as np
from operations import count, gelu, relative_position_bias, self_attention, shift_mask, windowed

MILLIONS = dict(
    swin_tiny_patch4_window7_224=28.29, swin_small_patch4_window7_224=49.61, swin_base_patch4_window7_224=87.77,
    swin_base_patch4_window12_384=87.90)
SMALL = [
    ("swin_tiny_patch4_window7_224", dict(embed_dim=24, depths=[2, 2], num_heads=[2, 4], img_size=56), {}, 56),
    ("swin_base_patch4_window12_384", dict(embed_dim=12, depths=[2, 2], num_heads=[1, 2], img_size=96), {}, 96),
]


def block(w, x, heads, target, shifted):
    n, rows, cols, width = x.shape
    window = [min(side, target) for side in (rows, cols)]
    shift = [target // 2 if shifted and side > target else 0 for side in (rows, cols)]
    bias = relative_position_bias(w["attn.relative_position_bias_table"], *window)
    mask = np.tile(shift_mask(rows, cols, window, shift), (n, 1, 1, 1))
    y = np.roll(w.layer_norm(x, "norm1"), [-by for by in shift], (1, 2))
    y = windowed(y, window, lambda tiles: self_attention(w / "attn", tiles, heads, bias + mask))
    x = x + np.roll(y, shift, (1, 2))
    return x + w.mlp(w.layer_norm(x, "norm2"), "mlp", gelu)


def forward(w, x, args):
    x = w.layer_norm(w.conv(x, "patch_embed.proj", 4, 0), "patch_embed.norm")
    for stage, heads in enumerate(args["num_heads"]):
        at = w / "layers" / stage
        if stage > 0:
            x = np.concatenate([x[:, i::2, j::2] for j in (0, 1) for i in (0, 1)], -1)
            x = at.linear(at.layer_norm(x, "downsample.norm"), "downsample.reduction")
        for i in range(count(at, "blocks")):
            x = block(at / "blocks" / i, x, heads, args["window_size"], i % 2 == 1)
    return w.linear(w.layer_norm(x, "norm").mean((1, 2)), "head.fc")
