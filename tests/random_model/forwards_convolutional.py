"""Forward passes of networks of convolutions, written from timm's sources: weights and an input to logits."""
import numpy as np
from forwards import count
from operations import gelu


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
