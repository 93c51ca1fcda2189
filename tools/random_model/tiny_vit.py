"""TinyViT (timm/models/tiny_vit.py)."""
import numpy as np
from parts import BRANCH, GELU, normal

BIG = dict(embed_dims=[96, 192, 384, 576], depths=[2, 2, 6, 2], num_heads=[3, 6, 12, 18], window_sizes=[7, 7, 14, 7])
VARIANTS = {
    "tiny_vit_5m_224": (dict(BIG, embed_dims=[64, 128, 160, 320], num_heads=[2, 4, 5, 10]), {}),
    "tiny_vit_11m_224": (dict(BIG, embed_dims=[64, 128, 256, 448], num_heads=[2, 4, 8, 14]), {}),
    "tiny_vit_21m_224": (BIG, {}),
    "tiny_vit_21m_384": (dict(BIG, window_sizes=[12, 12, 24, 12]),
                         dict(input_size=[3, 384, 384], pool_size=[12, 12], crop_pct=1.0)),
    "tiny_vit_21m_512": (dict(BIG, window_sizes=[16, 16, 32, 16]),
                         dict(input_size=[3, 512, 512], pool_size=[16, 16], crop_pct=1.0, crop_mode="squash")),
}
DEFAULTS = dict(crop_pct=0.95, first_conv="patch_embed.conv1.conv", classifier="head.fc")


def conv_block(at, width):
    at.conv_bn("conv1", width, 4 * width)
    at.conv_bn("conv2", 4 * width, 4 * width, 3, groups=4 * width, gain=GELU)
    at.conv_bn("conv3", 4 * width, width, gain=GELU, branch=True)


def downsample(at, inputs, columns):
    at.conv_bn("conv1", inputs, columns)
    at.conv_bn("conv2", columns, columns, 3, groups=columns, gain=GELU)
    at.conv_bn("conv3", columns, columns, gain=GELU)


def block(at, width, heads, window, old_buffers):
    at.layer_norm("attn.norm", width)
    # One bias for each pair of distances (rows, columns) within the window.
    at.add("attn.attention_biases", (heads, window * window), normal(0, 0.5))
    if old_buffers:
        at.add("attn.attention_bias_idxs", (window ** 2, window ** 2), lambda random, shape: np.zeros(shape), "I64")
    at.linear("attn.qkv", width, 3 * width)
    at.linear("attn.proj", width, width, gain=BRANCH)
    at.conv_bn("local_conv", width, width, 3, groups=width)
    at.layer_norm("mlp.norm", width)
    at.mlp("mlp", width, 4 * width)


def build(net, args):
    widths = args["embed_dims"]
    net.conv_bn("patch_embed.conv1", 3, widths[0] // 2, 3)
    net.conv_bn("patch_embed.conv2", widths[0] // 2, widths[0], 3, gain=GELU)
    for stage, (width, depth) in enumerate(zip(widths, args["depths"])):
        at = net / "stages" / stage
        if stage > 0:
            downsample(at / "downsample", widths[stage - 1], width)
        for i in range(depth):
            if stage == 0:
                conv_block(at / "blocks" / i, width)
            else:
                block(at / "blocks" / i, width, args["num_heads"][stage], args["window_sizes"][stage], net.old_buffers)
    net.layer_norm("head.norm", widths[-1])
    net.linear("head.fc", widths[-1], args["num_classes"])
    return widths[-1]
