"""MobileViT and MobileViTv2, from timm's sources."""
import numpy as np
from operations import count, relu, resize, self_attention, silu

MILLIONS = dict(
    mobilevit_xxs=1.27, mobilevit_xs=2.32, mobilevit_s=5.58, mobilevitv2_050=1.37, mobilevitv2_075=2.87,
    mobilevitv2_100=4.90, mobilevitv2_125=7.48, mobilevitv2_150=10.59, mobilevitv2_175=14.25, mobilevitv2_200=18.45)
SMALL = [
    ("mobilevit_xxs", {}, {}, 80),
    ("mobilevit_xs", {}, {}, 64),
    ("mobilevitv2_075", {}, {}, 80),
]


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


def forward(w, x, args):
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
