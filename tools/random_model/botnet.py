"""BoTNet (timm/models/byoanet.py over byobnet.py, timm/layers/bottleneck_attn.py)."""
from parts import RELU, normal

VARIANTS = {"botnet26t_256": (dict(
    stem=64, channels=[256, 512, 1024, 2048], num_heads=4,
    attention=[[False, False], [False, False], [False, True], [True, True]]), {})}
DEFAULTS = dict(input_size=[3, 256, 256], pool_size=[8, 8], crop_pct=0.95, fixed_input_size=True,
                first_conv="stem.conv1.conv", classifier="head.fc")


def self_attention(at, width, heads, size):
    at.conv("qkv", width, 3 * width, gain=RELU)
    for name, side in zip(("height_rel", "width_rel"), size):
        at.add(f"pos_embed.{name}", (2 * side - 1, width // heads), normal(0, (width // heads) ** -0.5))


def block(at, inputs, columns, attends, heads, size, reshaped):
    width = columns // 4
    if reshaped:
        at.conv_bn("shortcut", inputs, columns, gain=RELU)
    at.conv_bn("conv1_1x1", inputs, width, gain=RELU)
    if attends:
        self_attention(at / "self_attn", width, heads, size)
        at.batch_norm("post_attn", width)
    else:
        at.conv_bn("conv2_kxk", width, width, 3, gain=RELU)
    at.conv_bn("conv3_1x1", width, columns, gain=RELU, branch=True)


def build(net, args):
    stem = args["stem"]
    net.conv_bn("stem.conv1", 3, 3 * stem // 8, 3)
    net.conv_bn("stem.conv2", 3 * stem // 8, stem // 2, 3, gain=RELU)
    net.conv_bn("stem.conv3", stem // 2, stem, 3, gain=RELU)
    inputs, size = stem, [side // 4 for side in args["img_size"]]
    for stage, (columns, attention) in enumerate(zip(args["channels"], args["attention"])):
        for i, attends in enumerate(attention):
            stride = 2 if i == 0 and stage > 0 else 1
            # Attention works at its input's size and pools afterwards.
            block(net / "stages" / stage / i, inputs, columns, attends, args["num_heads"], size,
                  reshaped=stride == 2 or inputs != columns)
            inputs, size = columns, [side // stride for side in size]
    net.linear("head.fc", inputs, args["num_classes"])
    return inputs
