"""EfficientNet, MobileNet V1 to V3 and their likes, from timm's sources."""
import numpy as np
from operations import count, gelu, relu, sigmoid, silu

MILLIONS = dict(
    efficientnet_b0=5.29, tf_efficientnet_b0=5.29, efficientnet_b1=7.79, tf_efficientnet_b1=7.79, efficientnet_b2=9.11,
    tf_efficientnet_b2=9.11, efficientnet_b3=12.23, tf_efficientnet_b3=12.23, efficientnet_b4=19.34,
    tf_efficientnet_b4=19.34, efficientnet_b5=30.39, tf_efficientnet_b5=30.39, efficientnet_b6=43.04,
    tf_efficientnet_b6=43.04, efficientnet_b7=66.35, tf_efficientnet_b7=66.35, efficientnet_lite0=4.65,
    efficientnet_es=5.44, efficientnetv2_s=21.46, tf_efficientnetv2_b0=7.14, mobilenetv1_100=4.23, mobilenetv2_100=3.50,
    mobilenetv2_140=6.11, mnasnet_100=4.38, mobilenetv3_large_075=3.99, mobilenetv3_large_100=5.48,
    mobilenetv3_small_050=1.59, mobilenetv3_small_075=2.04, mobilenetv3_small_100=2.54, tf_mobilenetv3_large_100=5.48,
    tf_mobilenetv3_small_100=2.54)
NARROW = dict(channel_multiplier=0.25)
SMALL = [
    ("efficientnet_b0", {}, NARROW, (64, 75)),
    ("tf_efficientnet_b1", {}, NARROW, (66, 75)),
    ("efficientnet_lite0", {}, NARROW, 64),
    ("efficientnet_es", {}, NARROW, 64),
    ("efficientnetv2_s", {}, dict(NARROW, depth_multiplier=0.3), 64),
    ("mobilenetv1_100", {}, NARROW, 64),
    ("mobilenetv2_100", {}, NARROW, 64),
    ("mnasnet_100", {}, NARROW, 64),
    ("mobilenetv3_large_100", {}, NARROW, (64, 67)),
    ("mobilenetv3_small_050", {}, {}, 64),
    ("tf_mobilenetv3_small_100", {}, NARROW, (64, 67)),
]


def relu6(x):
    return np.clip(x, 0, 6)


def hard_sigmoid(x):
    return relu6(x + 3) / 6


ACTIVATIONS = {"relu": relu, "relu6": relu6, "silu": silu, "hard_swish": lambda x: x * hard_sigmoid(x), "gelu": gelu}
CODES = {"nre": "relu", "nr6": "relu6", "nhs": "hard_swish", "nsw": "silu"}


def gated(w, x, act, args):
    if "se.conv_reduce" not in w:
        return x
    squeeze = ACTIVATIONS[args["gate_act"]] if args["gate_act"] else act
    gate = {"sigmoid": sigmoid, "hard_sigmoid": hard_sigmoid}[args["gate"]]
    pooled = x.mean((1, 2), keepdims=True)
    return x * gate(w.linear(squeeze(w.linear(pooled, "se.conv_reduce")), "se.conv_expand"))


def block(w, x, text, stride, args):
    """One of timm's notation, such as ir_r2_k3_s2_e6_c24_se0.25_nre."""
    kind, *parts = text.split("_")
    codes = [CODES[part] for part in parts if part in CODES]
    act = ACTIVATIONS[codes[0] if codes else args["act_layer"]]

    def step(x, conv, bn, stride=1, act=lambda x: x):
        pad = "same" if args["pad_type"] == "same" else None
        return act(w.batch_norm(w.conv(x, conv, stride, pad), bn, args["bn_eps"]))

    if kind == "ir":
        y = step(step(x, "conv_pw", "bn1", act=act), "conv_dw", "bn2", stride, act)
        y = step(gated(w, y, act, args), "conv_pwl", "bn3")
    elif kind == "er":
        y = step(gated(w, step(x, "conv_exp", "bn1", stride, act), act, args), "conv_pwl", "bn2")
    elif kind == "cn":
        y = step(x, "conv", "bn1", stride, act)
    else:
        y = gated(w, step(x, "conv_dw", "bn1", stride, act), act, args)
        y = step(y, "conv_pw", "bn2", act=act if kind == "dsa" else lambda x: x)
    skips = "skip" in parts if kind == "cn" else kind != "dsa" and "noskip" not in parts
    return x + y if skips and stride == 1 and x.shape == y.shape else y


def forward(w, x, args):
    act = ACTIVATIONS[args["act_layer"]]
    pad = "same" if args["pad_type"] == "same" else None
    x = act(w.batch_norm(w.conv(x, "conv_stem", 2, pad), "bn1", args["bn_eps"]))
    for stage, texts in enumerate(args["arch_def"]):
        # Blocks of a stage that are not told apart by their weights are alike in all published networks.
        stride = 2 if "_s2_" in texts[0] + "_" else 1
        for i in range(count(w, f"blocks.{stage}")):
            x = block(w / "blocks" / stage / i, x, texts[0], stride if i == 0 else 1, args)
    if args["pools_first"]:
        return w.linear(act(w.linear(x.mean((1, 2)), "conv_head")), "classifier")
    if "conv_head" in w:
        x = act(w.batch_norm(w.linear(x, "conv_head"), "bn2", args["bn_eps"]))
    return w.linear(x.mean((1, 2)), "classifier")
