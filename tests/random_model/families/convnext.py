"""ConvNeXt and ConvNeXt V2, from timm's sources."""
import numpy as np
from operations import count, gelu

MILLIONS = dict(
    convnext_atto=3.70, convnext_femto=5.22, convnext_pico=9.05, convnext_nano=15.59, convnext_tiny=28.59,
    convnext_small=50.22, convnext_base=88.59, convnext_large=197.77, convnext_xlarge=350.20, convnext_xxlarge=846.47,
    convnextv2_femto=5.23, convnextv2_pico=9.07, convnextv2_nano=15.62, convnextv2_tiny=28.64, convnextv2_small=50.32,
    convnextv2_base=88.72, convnextv2_large=197.96, convnextv2_atto=3.71, convnextv2_huge=660.29,
    convnext_atto_ols=3.70, convnext_femto_ols=5.23, convnext_pico_ols=9.06, convnext_nano_ols=15.65,
    convnext_tiny_hnf=28.59, convnext_large_mlp=200.13)
NARROW = dict(dims=[16, 24, 32, 48], depths=[1, 1, 2, 1])
SMALL = [
    ("convnext_tiny", NARROW, {}, (64, 99)),
    ("convnext_tiny_hnf", NARROW, {}, 64),
    ("convnext_pico_ols", NARROW, {}, (67, 64)),
    ("convnext_large_mlp", dict(NARROW, head_hidden_size=24), {}, 64),
    ("convnextv2_atto", NARROW, {}, 71),
]


def global_response_norm(w, x):
    length = np.sqrt((x ** 2).sum((1, 2), keepdims=True))
    return x + w["bias"] + w["weight"] * x * length / (length.mean(-1, keepdims=True) + 1e-6)


def block(w, x, epsilon):
    y = w.layer_norm(w.conv(x, "conv_dw"), "norm", epsilon)
    y = gelu(w.linear(y, "mlp.fc1"))
    if "mlp.grn" in w:
        y = global_response_norm(w / "mlp.grn", y)
    y = w.linear(y, "mlp.fc2")
    return x + (w["gamma"] * y if "gamma" in w else y)


def forward(w, x, args):
    # Of the published sizes the largest alone has another epsilon.
    epsilon = 1e-5 if args["dims"][0] == 384 else 1e-6
    if args["stem_type"] == "patch":
        x = w.layer_norm(w.conv(x, "stem.0", args["patch_size"], pad=0), "stem.1", epsilon)
    else:
        x = w.layer_norm(w.conv(w.conv(x, "stem.0", 2), "stem.1", 2), "stem.2", epsilon)
    for stage in range(4):
        at = w / "stages" / stage
        if "downsample" in at:
            x = at.conv(at.layer_norm(x, "downsample.0", epsilon), "downsample.1", 2, pad=0)
        for i in range(count(w, f"stages.{stage}.blocks")):
            x = block(at / "blocks" / i, x, epsilon)
    if "norm_pre" in w:
        y = w.layer_norm(x, "norm_pre", epsilon).mean((1, 2))
    else:
        y = w.layer_norm(x.mean((1, 2)), "head.norm", epsilon)
    if "head.pre_logits" in w:
        y = gelu(w.linear(y, "head.pre_logits.fc"))
    return w.linear(y, "head.fc")
