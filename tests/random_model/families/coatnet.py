"""CoAtNet, from timm's sources."""
import numpy as np
from operations import (attend, count, gelu, heads_of, joined, mean_pool, relative_position_bias, relu, silu,
                        squeeze_excite)

MILLIONS = dict(
    coatnet_nano_rw_224=15.14, coatnet_0_rw_224=27.44, coatnet_1_rw_224=41.72, coatnet_2_rw_224=73.87)
NARROW = dict(embed_dim=[16, 32, 64, 96], stem_width=[8, 16])
SMALL = [
    ("coatnet_nano_rw_224", dict(NARROW, depths=[1, 2, 1, 1]), dict(pre_norm_act=True, gate="relu"), 96),
    ("coatnet_nano_rw_224", {}, dict(NARROW, depths=[1, 2, 1, 1]), 96),
    ("coatnet_0_rw_224", dict(NARROW, depths=[2, 1, 2, 1]), {}, 64),
    ("coatnet_1_rw_224", dict(NARROW, depths=[1, 2, 1, 1]), {}, 64),
    ("coatnet_2_rw_224", dict(NARROW, depths=[1, 1, 1, 2]), {}, 64),
]
SILENT = {"coatnet_mini": dict(pre_norm_act=True, gate="relu")}  # not put together as the published one


def downsampled(w, x):
    x = mean_pool(x)
    return w.linear(x, "shortcut.expand") if "shortcut.expand" in w else x


def conv_block(w, x, stride, args):
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


def transformer_block(w, x, stride):
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


def forward(w, x, args):
    x = w.conv(silu(w.batch_norm(w.conv(x, "stem.conv1", 2), "stem.norm1")), "stem.conv2")
    for stage in range(4):
        for i in range(count(w, f"stages.{stage}.blocks")):
            at, stride = w / "stages" / stage / "blocks" / i, 1 if i else 2
            x = conv_block(at, x, stride, args) if stage < 2 else transformer_block(at, x, stride)
    return w.linear(w.layer_norm(x, "norm", 1e-6).mean((1, 2)), "head.fc")
