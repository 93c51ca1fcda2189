"""Forward passes of the hybrids, written from timm's sources: weights and an input [n, rows, cols, 3] to logits."""
import numpy as np
from operations import (attend, gelu, heads_of, joined, max_pool, mean_pool, relative_position_bias, relu, resize,
                        self_attention, sigmoid, silu)


def count(w, name):
    return next(i for i in range(10000) if f"{name}.{i}." not in w)


def squeeze_excite(w, x, act=relu):
    return x * sigmoid(w.linear(act(w.linear(x.mean((1, 2), keepdims=True), "fc1")), "fc2"))


def cbam(w, x):
    def channels(pooled):
        return w.linear(relu(w.linear(pooled, "channel.fc1")), "channel.fc2")
    x = x * sigmoid(channels(x.mean((1, 2), keepdims=True)) + channels(x.max((1, 2), keepdims=True)))
    maps = np.concatenate([x.mean(-1, keepdims=True), x.max(-1, keepdims=True)], -1)
    return x * sigmoid(w.conv_bn(maps, "spatial.conv"))


def resnet_block(w, x, stride, legacy):
    convs = 3 if "conv3" in w else 2
    strided = 2 if convs == 3 and not legacy else 1
    y = x
    for i in range(1, convs + 1):
        y = w.batch_norm(w.conv(y, f"conv{i}", stride if i == strided else 1), f"bn{i}")
        if i < convs or (legacy and convs == 2):  # the older basic block has a ReLU before its gate
            y = relu(y)
    if "se_module" in w:
        y = squeeze_excite(w / "se_module", y)
    elif "se.channel" in w:
        y = cbam(w / "se", y)
    elif "se" in w:
        y = squeeze_excite(w / "se", y)
    if "downsample" in w:
        x = w.batch_norm(w.conv(x, "downsample.0", stride), "downsample.1")
    return relu(x + y)


def resnet(w, x, args):
    legacy = "layer0" in w
    stem = w / "layer0" if legacy else w
    x = relu(stem.batch_norm(stem.conv(x, "conv1", 2), "bn1"))
    x = max_pool(x, pad=0, ceil=True) if legacy else max_pool(x)
    for stage in range(1, 5):
        for i in range(count(w, f"layer{stage}")):
            x = resnet_block(w / f"layer{stage}" / i, x, 2 if stage > 1 and i == 0 else 1, legacy)
    return w.linear(x.mean((1, 2)), "last_linear" if legacy else "fc")


def inverted_residual(w, x, stride):
    y = w.conv_bn(x, "conv1_1x1", act=silu)
    y = w.conv_bn(y, "conv2_kxk", stride, act=silu)
    y = w.conv_bn(y, "conv3_1x1")
    return x + y if y.shape == x.shape else y


def fold(x):
    """2x2 patches: [n, rows, cols, c] -> [n, place in the patch, patch, c]"""
    n, rows, cols, c = x.shape
    return x.reshape(n, rows // 2, 2, cols // 2, 2, c).transpose(0, 2, 4, 1, 3, 5).reshape(n, 4, -1, c)


def unfold(x, rows, cols):
    n, _, _, c = x.shape
    return x.reshape(n, 2, 2, rows // 2, cols // 2, c).transpose(0, 3, 1, 4, 2, 5).reshape(n, rows, cols, c)


def even(x):
    return tuple(side + side % 2 for side in x.shape[1:3])


def mobilevit_block(w, x):
    shortcut, size = x, even(x)
    x = w.linear(w.conv_bn(x, "conv_kxk", act=silu), "conv_1x1")
    odd = x.shape[1:3] if x.shape[1:3] != size else None
    x = fold(resize(x, *size, corners=False) if odd else x)
    n, places, tokens, width = x.shape
    x = x.reshape(n * places, tokens, width)
    for i in range(count(w, "transformer")):
        at = w / "transformer" / i
        x = x + self_attention(at / "attn", at.layer_norm(x, "norm1"), 4)
        x = x + at.mlp(at.layer_norm(x, "norm2"), "mlp", silu)
    x = unfold(w.layer_norm(x, "norm").reshape(n, places, tokens, width), *size)
    x = w.conv_bn(resize(x, *odd, corners=False) if odd else x, "conv_proj", act=silu)
    return w.conv_bn(np.concatenate([shortcut, x], -1), "conv_fusion", act=silu)


def mobilevitv2_block(w, x):
    size, image = even(x), (1, 2, 3)
    if x.shape[1:3] != size:
        x = resize(x, *size, corners=True)
    x = fold(w.linear(w.conv_bn(x, "conv_kxk", act=silu), "conv_1x1"))
    for i in range(count(w, "transformer")):
        at = w / "transformer" / i
        projected = at.linear(at.layer_norm(x, "norm1", axes=image), "attn.qkv_proj")
        query, key, value = np.split(projected, [1, 1 + x.shape[-1]], -1)
        score = np.exp(query - query.max(2, keepdims=True))
        context = (key * score / score.sum(2, keepdims=True)).sum(2, keepdims=True)
        x = x + at.linear(relu(value) * context, "attn.out_proj")
        x = x + at.mlp(at.layer_norm(x, "norm2", axes=image), "mlp", silu)
    return w.conv_bn(unfold(w.layer_norm(x, "norm", axes=image), *size), "conv_proj")


def mobilevit(w, x, args):
    x = w.conv_bn(x, "stem", 2, silu)
    for stage in range(5):
        for i in range(count(w, f"stages.{stage}")):
            at = w / "stages" / stage / i
            if "conv_fusion" in at:
                x = mobilevit_block(at, x)
            elif "transformer" in at:
                x = mobilevitv2_block(at, x)
            else:
                x = inverted_residual(at, x, 2 if stage > 0 and i == 0 else 1)
    if "final_conv" in w:
        x = w.conv_bn(x, "final_conv", act=silu)
    return w.linear(x.mean((1, 2)), "head.fc")


def bottleneck_attention(w, x, heads=4):
    n, rows, cols, _ = x.shape
    q, k, v = (heads_of(part, heads) for part in np.split(w.linear(x, "qkv").reshape(n, rows * cols, -1), 3, -1))
    r, c = (grid.ravel() for grid in np.mgrid[0:rows, 0:cols])
    down = w["pos_embed.height_rel"][r[None] - r[:, None] + rows - 1]  # [query, key, d]
    across = w["pos_embed.width_rel"][c[None] - c[:, None] + cols - 1]
    bias = np.einsum("nhqd,qkd->nhqk", q, down + across, optimize=True)
    return joined(attend(q, k, v, bias)).reshape(n, rows, cols, -1)


def botnet(w, x, args):
    for i, stride in enumerate((2, 1, 1), 1):
        x = w.conv_bn(x, f"stem.conv{i}", stride, relu)
    x = max_pool(x)
    for stage in range(4):
        for i in range(count(w, f"stages.{stage}")):
            at, stride = w / "stages" / stage / i, 2 if stage > 0 and i == 0 else 1
            y = at.conv_bn(x, "conv1_1x1", act=relu)
            if "self_attn" in at:
                y = bottleneck_attention(at / "self_attn", y)
                y = relu(at.batch_norm(mean_pool(y) if stride == 2 else y, "post_attn"))
            else:
                y = at.conv_bn(y, "conv2_kxk", stride, relu)
            y = at.conv_bn(y, "conv3_1x1")
            x = relu(y + (at.conv_bn(x, "shortcut", stride) if "shortcut" in at else x))
    return w.linear(x.mean((1, 2)), "head.fc")


def downsampled(w, x):
    x = mean_pool(x)
    return w.linear(x, "shortcut.expand") if "shortcut.expand" in w else x


def coatnet_conv(w, x, stride, args):
    gate, strided = {"relu": relu, "silu": silu}[args["gate"]], args["stride_mode"] == "dw"
    shortcut = downsampled(w, x) if stride == 2 else x
    y = w.batch_norm(x, "pre_norm")
    if args["pre_norm_act"]:
        y = silu(y)
    if stride == 2 and not strided:
        y = mean_pool(y)
    y = silu(w.batch_norm(w.conv(y, "conv1_1x1"), "norm1"))
    y = w.conv(y, "conv2_kxk", stride if strided else 1)
    if "se_early" in w:
        y = squeeze_excite(w / "se_early", y, gate)
    y = silu(w.batch_norm(y, "norm2"))
    if "se." in w:
        y = squeeze_excite(w / "se", y, gate)
    return shortcut + w.conv(y, "conv3_1x1")


def coatnet_transformer(w, x, stride):
    y = w.layer_norm(x, "norm1.norm" if stride == 2 else "norm1", 1e-6)
    if stride == 2:
        x, y = downsampled(w, x), mean_pool(y)
    n, rows, cols, width = y.shape
    # Each head has its query, key and value side by side.
    parts = heads_of(w.linear(y, "attn.qkv").reshape(n, rows * cols, -1), width // 32)
    bias = relative_position_bias(w["attn.rel_pos.relative_position_bias_table"], rows, cols)
    y = joined(attend(*np.split(parts, 3, -1), bias)).reshape(n, rows, cols, -1)
    x = x + w.linear(y, "attn.proj")
    return x + w.mlp(w.layer_norm(x, "norm2", 1e-6), "mlp", gelu)


def coatnet(w, x, args):
    x = w.conv(silu(w.batch_norm(w.conv(x, "stem.conv1", 2), "stem.norm1")), "stem.conv2")
    for stage in range(4):
        for i in range(count(w, f"stages.{stage}.blocks")):
            at, stride = w / "stages" / stage / "blocks" / i, 1 if i else 2
            x = coatnet_conv(at, x, stride, args) if stage < 2 else coatnet_transformer(at, x, stride)
    return w.linear(w.layer_norm(x, "norm", 1e-6).mean((1, 2)), "head.fc")
