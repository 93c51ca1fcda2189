"""PVT v2, from timm's sources."""
import numpy as np
from operations import adaptive_mean, attend, count, gelu, heads_of, joined, relu

MILLIONS = dict(
    pvt_v2_b0=3.67, pvt_v2_b1=14.01, pvt_v2_b2=25.36, pvt_v2_b2_li=22.55, pvt_v2_b3=45.24, pvt_v2_b4=62.56,
    pvt_v2_b5=81.96)
NARROW = dict(embed_dims=[8, 16, 40, 64], depths=[1, 2, 1, 1])
SMALL = [
    ("pvt_v2_b0", NARROW, {}, 96),
    ("pvt_v2_b2_li", NARROW, {}, (80, 112)),
    ("pvt_v2_b5", NARROW, {}, 64),
]


def attention(w, x, heads, reduction, linear):
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


def forward(w, x, args):
    for stage, heads in enumerate(args["num_heads"]):
        at = w / "stages" / stage
        embed, stride = (at / "downsample", 2) if stage else (w / "patch_embed", 4)
        x = embed.layer_norm(embed.conv(x, "proj", stride), "norm")
        for i in range(count(at, "blocks")):
            block = at / "blocks" / i
            x = x + attention(block / "attn", block.layer_norm(x, "norm1", 1e-6), heads, args["sr_ratios"][stage],
                              args["linear"])
            y = block.linear(block.layer_norm(x, "norm2", 1e-6), "mlp.fc1")
            y = block.conv(relu(y) if args["linear"] else y, "mlp.dwconv")
            x = x + block.linear(gelu(y), "mlp.fc2")
        x = at.layer_norm(x, "norm", 1e-6)
    return w.linear(x.mean((1, 2)), "head")
