"""Forward passes of networks of convolutions, written from timm's sources: weights and an input to logits."""
import numpy as np
from forwards import count
from operations import gelu, relu, sigmoid, silu


def relu6(x):
    return np.clip(x, 0, 6)


def hard_sigmoid(x):
    return relu6(x + 3) / 6


ACTIVATIONS = {"relu": relu, "relu6": relu6, "silu": silu, "hard_swish": lambda x: x * hard_sigmoid(x), "gelu": gelu}
CODES = {"nre": "relu", "nr6": "relu6", "nhs": "hard_swish", "nsw": "silu"}


def global_response_norm(w, x):
    length = np.sqrt((x ** 2).sum((1, 2), keepdims=True))
    return x + w["bias"] + w["weight"] * x * length / (length.mean(-1, keepdims=True) + 1e-6)


def convnext_block(w, x, epsilon):
    y = w.layer_norm(w.conv(x, "conv_dw"), "norm", epsilon)
    y = gelu(w.linear(y, "mlp.fc1"))
    if "mlp.grn" in w:
        y = global_response_norm(w / "mlp.grn", y)
    y = w.linear(y, "mlp.fc2")
    return x + (w["gamma"] * y if "gamma" in w else y)


def convnext(w, x, args):
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
            x = convnext_block(at / "blocks" / i, x, epsilon)
    if "norm_pre" in w:
        y = w.layer_norm(x, "norm_pre", epsilon).mean((1, 2))
    else:
        y = w.layer_norm(x.mean((1, 2)), "head.norm", epsilon)
    if "head.pre_logits" in w:
        y = gelu(w.linear(y, "head.pre_logits.fc"))
    return w.linear(y, "head.fc")


def mobile_gate(w, x, act, args):
    if "se.conv_reduce" not in w:
        return x
    squeeze = ACTIVATIONS[args["gate_act"]] if args["gate_act"] else act
    gate = {"sigmoid": sigmoid, "hard_sigmoid": hard_sigmoid}[args["gate"]]
    pooled = x.mean((1, 2), keepdims=True)
    return x * gate(w.linear(squeeze(w.linear(pooled, "se.conv_reduce")), "se.conv_expand"))


def mobile_block(w, x, text, stride, args):
    """One of timm's notation, such as ir_r2_k3_s2_e6_c24_se0.25_nre."""
    kind, *parts = text.split("_")
    codes = [CODES[part] for part in parts if part in CODES]
    act = ACTIVATIONS[codes[0] if codes else args["act_layer"]]

    def step(x, conv, bn, stride=1, act=lambda x: x):
        pad = "same" if args["pad_type"] == "same" else None
        return act(w.batch_norm(w.conv(x, conv, stride, pad), bn, args["bn_eps"]))

    if kind == "ir":
        y = step(step(x, "conv_pw", "bn1", act=act), "conv_dw", "bn2", stride, act)
        y = step(mobile_gate(w, y, act, args), "conv_pwl", "bn3")
    elif kind == "er":
        y = step(mobile_gate(w, step(x, "conv_exp", "bn1", stride, act), act, args), "conv_pwl", "bn2")
    elif kind == "cn":
        y = step(x, "conv", "bn1", stride, act)
    else:
        y = mobile_gate(w, step(x, "conv_dw", "bn1", stride, act), act, args)
        y = step(y, "conv_pw", "bn2", act=act if kind == "dsa" else lambda x: x)
    skips = "skip" in parts if kind == "cn" else kind != "dsa" and "noskip" not in parts
    return x + y if skips and stride == 1 and x.shape == y.shape else y


def efficientnet(w, x, args):
    act = ACTIVATIONS[args["act_layer"]]
    pad = "same" if args["pad_type"] == "same" else None
    x = act(w.batch_norm(w.conv(x, "conv_stem", 2, pad), "bn1", args["bn_eps"]))
    for stage, texts in enumerate(args["arch_def"]):
        # Blocks of a stage that are not told apart by their weights are alike in all published networks.
        stride = 2 if "_s2_" in texts[0] + "_" else 1
        for i in range(count(w, f"blocks.{stage}")):
            x = mobile_block(w / "blocks" / stage / i, x, texts[0], stride if i == 0 else 1, args)
    if args["pools_first"]:
        return w.linear(act(w.linear(x.mean((1, 2)), "conv_head")), "classifier")
    if "conv_head" in w:
        x = act(w.batch_norm(w.linear(x, "conv_head"), "bn2", args["bn_eps"]))
    return w.linear(x.mean((1, 2)), "classifier")
