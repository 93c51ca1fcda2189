"""TinyViT, from timm's sources."""
import numpy as np
from operations import attend, count, gelu, heads_of, joined, windowed

MILLIONS = dict(
    tiny_vit_5m_224=5.39, tiny_vit_11m_224=11.00, tiny_vit_21m_224=21.20, tiny_vit_21m_384=21.23,
    tiny_vit_21m_512=21.27)
NARROW = dict(embed_dims=[16, 32, 40, 80], depths=[1, 1, 2, 1], num_heads=[1, 2, 2, 4])
SMALL = [
    ("tiny_vit_5m_224", dict(NARROW, img_size=112), {}, 112),
    ("tiny_vit_21m_384", dict(NARROW, window_sizes=[12, 12, 24, 12], img_size=96), {}, 96),
]


def attention(w, x, heads, window):
    """x [windows, tokens, width]; biases by the distances in rows and columns."""
    r, c = (grid.ravel() for grid in np.mgrid[0:window, 0:window])
    bias = w["attention_biases"][:, abs(r[:, None] - r[None]) * window + abs(c[:, None] - c[None])]
    parts = heads_of(w.linear(w.layer_norm(x, "norm"), "qkv"), heads)
    return w.linear(joined(attend(*np.split(parts, 3, -1), bias)), "proj")


def attention_block(w, x, heads, window):
    rows, cols = x.shape[1:3]
    padded = np.pad(x, ((0, 0), (0, -rows % window), (0, -cols % window), (0, 0)))
    y = windowed(padded, (window, window), lambda tiles: attention(w / "attn", tiles, heads, window))
    x = w.conv_bn(x + y[:, :rows, :cols], "local_conv")
    return x + w.mlp(w.layer_norm(x, "mlp.norm"), "mlp", gelu)


def forward(w, x, args):
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
                x = attention_block(block, x, args["num_heads"][stage], args["window_sizes"][stage])
    return w.linear(w.layer_norm(x.mean((1, 2)), "head.norm"), "head.fc")
