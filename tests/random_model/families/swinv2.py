"""Swin v2, from timm's sources."""
import numpy as np
from operations import (attend, count, gelu, heads_of, joined, relative_position_bias, relu, shift_mask, sigmoid,
                        windowed)
from parts import pair

MILLIONS = dict(
    swinv2_tiny_window8_256=28.35, swinv2_small_window8_256=49.73, swinv2_base_window8_256=87.92,
    swinv2_base_window12_192=109.28, swinv2_large_window12to16_192to256=196.74)
SMALL = [
    ("swinv2_tiny_window8_256", dict(embed_dim=24, depths=[2, 2], num_heads=[2, 4], img_size=64), {}, 64),
    ("swinv2_base_window12to16_192to256", dict(embed_dim=12, depths=[2, 1, 1, 2], num_heads=[1, 2, 3, 4], img_size=128),
     {}, 128),
]


def log_spaced(side, trained):
    x = 8 * np.arange(1 - side, side) / (trained - 1)
    return np.sign(x) * np.log2(abs(x) + 1) / np.log2(8)


def continuous_bias(w, window, trained):
    """[heads, tokens, tokens] of an MLP over offsets, which are counted in windows of the training."""
    rows, cols = window
    y, x = (log_spaced(side, trained or side) for side in window)
    offsets = np.stack(np.meshgrid(y, x, indexing="ij"), -1).reshape(-1, 2)
    table = w.linear(relu(w.linear(offsets, "cpb_mlp.0")), "cpb_mlp.2")
    return 16 * sigmoid(relative_position_bias(table, rows, cols))


def cosine_attention(w, x, bias):
    width = x.shape[-1]
    both = np.concatenate([w["q_bias"], np.zeros(width), w["v_bias"]])
    heads = len(w["logit_scale"])
    q, k, v = (heads_of(part, heads) for part in np.split(w.linear(x, "qkv") + both, 3, -1))
    q, k = (part / np.maximum(np.linalg.norm(part, axis=-1, keepdims=True), 1e-12) for part in (q, k))
    factors = np.exp(np.minimum(w["logit_scale"], np.log(100)))
    return w.linear(joined(attend(q * factors, k, v, bias, scale=1.0)), "proj")


def block(w, x, target, trained, shifted):
    n, rows, cols, width = x.shape
    window = [min(sides) for sides in zip((rows, cols), target)]
    shift = [size // 2 if shifted and side > size else 0 for side, size in zip((rows, cols), target)]
    bias = continuous_bias(w / "attn", window, trained) + np.tile(shift_mask(rows, cols, window, shift), (n, 1, 1, 1))
    y = np.roll(x, [-by for by in shift], (1, 2))
    y = windowed(y, window, lambda tiles: cosine_attention(w / "attn", tiles, bias))
    x = x + w.layer_norm(np.roll(y, shift, (1, 2)), "norm1")
    return x + w.layer_norm(w.mlp(x, "mlp", gelu), "norm2")


def forward(w, x, args):
    x = w.layer_norm(w.conv(x, "patch_embed.proj", 4, 0), "patch_embed.norm")
    for stage in range(len(args["depths"])):
        at = w / "layers" / stage
        if stage > 0:
            x = np.concatenate([x[:, i::2, j::2] for j in (0, 1) for i in (0, 1)], -1)
            x = at.layer_norm(at.linear(x, "downsample.reduction"), "downsample.norm")
        for i in range(count(at, "blocks")):
            x = block(at / "blocks" / i, x, pair(args["window_size"]), args["pretrained_window_sizes"][stage],
                      i % 2 == 1)
    return w.linear(w.layer_norm(x, "norm").mean((1, 2)), "head.fc")
