"""BoTNet, from timm's sources."""
import numpy as np
from operations import attend, count, heads_of, joined, max_pool, mean_pool, relu

MILLIONS = dict(botnet26t_256=12.49)
SMALL = [
    ("botnet26t_256", {}, dict(stem=16, channels=[32, 64, 96, 128]), 96),
]
SILENT = {"botnet26t_mini": dict(stem=16, channels=[32, 64, 128, 128])}


def bottleneck_attention(w, x, heads=4):
    n, rows, cols, _ = x.shape
    q, k, v = (heads_of(part, heads) for part in np.split(w.linear(x, "qkv").reshape(n, rows * cols, -1), 3, -1))
    r, c = (grid.ravel() for grid in np.mgrid[0:rows, 0:cols])
    down = w["pos_embed.height_rel"][r[None] - r[:, None] + rows - 1]  # [query, key, d]
    across = w["pos_embed.width_rel"][c[None] - c[:, None] + cols - 1]
    bias = np.einsum("nhqd,qkd->nhqk", q, down + across, optimize=True)
    return joined(attend(q, k, v, bias)).reshape(n, rows, cols, -1)


def forward(w, x, args):
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
