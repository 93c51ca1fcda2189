"""Forward passes of Swin v1 and v2, TinyViT and PVT v2, written from timm's sources."""
import numpy as np
from forwards import count
from operations import (adaptive_mean, attend, gelu, heads_of, joined, relative_position_bias, relu,
                        self_attention, sigmoid, windowed)
from parts import pair


def shift_mask(rows, cols, window, shift):
    """[windows, 1, tokens, tokens]: -100 between tokens that the rolling brought together."""
    region = np.zeros((1, rows, cols, 1))
    for axis, (side, size, by) in enumerate(zip((rows, cols), window, shift), 1):
        step = np.zeros(side)
        if by:
            step[-size:], step[-by:] = 1, 2
        region = region * 3 + step.reshape([1, -1, 1, 1] if axis == 1 else [1, 1, -1, 1])
    h, w = window
    tiles = region.reshape(rows // h, h, cols // w, w).transpose(0, 2, 1, 3).reshape(-1, 1, h * w)
    return np.where(tiles == tiles.transpose(0, 2, 1), 0.0, -100.0)[:, None]


def swin_block(w, x, heads, target, shifted):
    n, rows, cols, width = x.shape
    window = [min(side, target) for side in (rows, cols)]
    shift = [target // 2 if shifted and side > target else 0 for side in (rows, cols)]
    bias = relative_position_bias(w["attn.relative_position_bias_table"], *window)
    mask = np.tile(shift_mask(rows, cols, window, shift), (n, 1, 1, 1))
    y = np.roll(w.layer_norm(x, "norm1"), [-by for by in shift], (1, 2))
    y = windowed(y, window, lambda tiles: self_attention(w / "attn", tiles, heads, bias + mask))
    x = x + np.roll(y, shift, (1, 2))
    return x + w.mlp(w.layer_norm(x, "norm2"), "mlp", gelu)


def swin(w, x, args):
    x = w.layer_norm(w.conv(x, "patch_embed.proj", 4, 0), "patch_embed.norm")
    for stage, heads in enumerate(args["num_heads"]):
        at = w / "layers" / stage
        if stage > 0:
            x = np.concatenate([x[:, i::2, j::2] for j in (0, 1) for i in (0, 1)], -1)
            x = at.linear(at.layer_norm(x, "downsample.norm"), "downsample.reduction")
        for i in range(count(at, "blocks")):
            x = swin_block(at / "blocks" / i, x, heads, args["window_size"], i % 2 == 1)
    return w.linear(w.layer_norm(x, "norm").mean((1, 2)), "head.fc")


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


def swinv2_block(w, x, target, trained, shifted):
    n, rows, cols, width = x.shape
    window = [min(sides) for sides in zip((rows, cols), target)]
    shift = [size // 2 if shifted and side > size else 0 for side, size in zip((rows, cols), target)]
    bias = continuous_bias(w / "attn", window, trained) + np.tile(shift_mask(rows, cols, window, shift), (n, 1, 1, 1))
    y = np.roll(x, [-by for by in shift], (1, 2))
    y = windowed(y, window, lambda tiles: cosine_attention(w / "attn", tiles, bias))
    x = x + w.layer_norm(np.roll(y, shift, (1, 2)), "norm1")
    return x + w.layer_norm(w.mlp(x, "mlp", gelu), "norm2")


def swinv2(w, x, args):
    x = w.layer_norm(w.conv(x, "patch_embed.proj", 4, 0), "patch_embed.norm")
    for stage in range(len(args["depths"])):
        at = w / "layers" / stage
        if stage > 0:
            x = np.concatenate([x[:, i::2, j::2] for j in (0, 1) for i in (0, 1)], -1)
            x = at.layer_norm(at.linear(x, "downsample.reduction"), "downsample.norm")
        for i in range(count(at, "blocks")):
            x = swinv2_block(at / "blocks" / i, x, pair(args["window_size"]), args["pretrained_window_sizes"][stage],
                             i % 2 == 1)
    return w.linear(w.layer_norm(x, "norm").mean((1, 2)), "head.fc")


def tiny_attention(w, x, heads, window):
    """x [windows, tokens, width]; biases by the distances in rows and columns."""
    r, c = (grid.ravel() for grid in np.mgrid[0:window, 0:window])
    bias = w["attention_biases"][:, abs(r[:, None] - r[None]) * window + abs(c[:, None] - c[None])]
    parts = heads_of(w.linear(w.layer_norm(x, "norm"), "qkv"), heads)
    return w.linear(joined(attend(*np.split(parts, 3, -1), bias)), "proj")


def tiny_block(w, x, heads, window):
    rows, cols = x.shape[1:3]
    padded = np.pad(x, ((0, 0), (0, -rows % window), (0, -cols % window), (0, 0)))
    y = windowed(padded, (window, window), lambda tiles: tiny_attention(w / "attn", tiles, heads, window))
    x = w.conv_bn(x + y[:, :rows, :cols], "local_conv")
    return x + w.mlp(w.layer_norm(x, "mlp.norm"), "mlp", gelu)


def tiny_vit(w, x, args):
    x = w.conv_bn(w.conv_bn(x, "patch_embed.conv1", 2, gelu), "patch_embed.conv2", 2)
    for stage in range(4):
        at = w / "stages" / stage
        if stage > 0:
            x = at.conv_bn(x, "downsample.conv1", act=gelu)
            x = at.conv_bn(at.conv_bn(x, "downsample.conv2", 2, gelu), "downsample.conv3")
        for i in range(count(at, "blocks")):
            block = at / "blocks" / i
            if stage == 0:
                y = block.conv_bn(block.conv_bn(x, "conv1", act=gelu), "conv2", act=gelu)
                x = gelu(x + block.conv_bn(y, "conv3"))
            else:
                x = tiny_block(block, x, args["num_heads"][stage], args["window_sizes"][stage])
    return w.linear(w.layer_norm(x.mean((1, 2)), "head.norm"), "head.fc")


def pvt_attention(w, x, heads, reduction, linear):
    n, rows, cols, width = x.shape
    few = x
    if linear:
        few = gelu(w.layer_norm(w.conv(adaptive_mean(x, 7), "sr"), "norm"))
    elif reduction > 1:
        few = w.layer_norm(w.conv(x, "sr", reduction, 0), "norm")
    keys, values = np.split(w.linear(few.reshape(n, -1, width), "kv"), 2, -1)
    q = heads_of(w.linear(x.reshape(n, -1, width), "q"), heads)
    y = joined(attend(q, heads_of(keys, heads), heads_of(values, heads)))
    return w.linear(y, "proj").reshape(x.shape)


def pvt(w, x, args):
    for stage, heads in enumerate(args["num_heads"]):
        at = w / "stages" / stage
        embed, stride = (at / "downsample", 2) if stage else (w / "patch_embed", 4)
        x = embed.layer_norm(embed.conv(x, "proj", stride), "norm")
        for i in range(count(at, "blocks")):
            block = at / "blocks" / i
            x = x + pvt_attention(block / "attn", block.layer_norm(x, "norm1", 1e-6), heads,
                                  args["sr_ratios"][stage], args["linear"])
            y = block.linear(block.layer_norm(x, "norm2", 1e-6), "mlp.fc1")
            y = block.conv(relu(y) if args["linear"] else y, "mlp.dwconv")
            x = x + block.linear(gelu(y), "mlp.fc2")
        x = at.layer_norm(x, "norm", 1e-6)
    return w.linear(x.mean((1, 2)), "head")
