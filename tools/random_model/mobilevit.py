"""MobileViT and MobileViTv2 (timm/models/mobilevit.py over byobnet.py)."""
from parts import BRANCH, SILU, divisible

# Channels of the stages, widths of the last three stages' transformers, expansion, channels before the head.
V1 = {"xxs": ([16, 24, 48, 64, 80], [64, 80, 96], 2, 320),
      "xs": ([32, 48, 64, 80, 96], [96, 120, 144], 4, 384),
      "s": ([32, 64, 96, 128, 160], [144, 192, 240], 4, 640)}

VARIANTS = {}
for _name, (_channels, _widths, _expansion, _features) in V1.items():
    VARIANTS[f"mobilevit_{_name}"] = (dict(
        version=1, stem=16, channels=_channels, widths=_widths, expansion=_expansion, num_features=_features,
        repeats=[1, 3, 1, 1, 1], depths=[2, 4, 3]), dict(crop_pct=0.9))
for _percent in (50, 75, 100, 125, 150, 175, 200):
    _channels = [int(c * _percent / 100) for c in (64, 128, 256, 384, 512)]
    VARIANTS[f"mobilevitv2_{_percent:03d}"] = (dict(
        version=2, stem=int(32 * _percent / 100), channels=_channels, widths=[divisible(c / 2) for c in _channels[2:]],
        expansion=2, num_features=0, repeats=[1, 2, 1, 1, 1], depths=[2, 4, 3]), dict(crop_pct=0.888))
DEFAULTS = dict(input_size=[3, 256, 256], pool_size=[8, 8], mean=[0.0] * 3, std=[1.0] * 3, first_conv="stem.conv",
                classifier="head.fc")


def inverted_residual(at, inputs, columns, expansion, shortcut):
    hidden = divisible(inputs * expansion)
    at.conv_bn("conv1_1x1", inputs, hidden)
    at.conv_bn("conv2_kxk", hidden, hidden, 3, groups=hidden, gain=SILU)
    at.conv_bn("conv3_1x1", hidden, columns, gain=SILU, branch=shortcut)


def attention_v1(at, width):
    at.layer_norm("norm1", width)
    at.linear("attn.qkv", width, 3 * width)
    at.linear("attn.proj", width, width, gain=BRANCH)
    at.layer_norm("norm2", width)
    at.mlp("mlp", width, 2 * width)


def attention_v2(at, width):
    at.group_norm("norm1", width)
    at.conv("attn.qkv_proj", width, 1 + 2 * width, bias=True)
    at.conv("attn.out_proj", width, width, bias=True)
    at.group_norm("norm2", width)
    at.mlp("mlp", width, 2 * width, conv=True)


def mobilevit_block(at, channels, width, depth, version):
    at.conv_bn("conv_kxk", channels, channels, 3, groups=1 if version == 1 else channels)
    at.conv("conv_1x1", channels, width, gain=SILU)
    for i in range(depth):
        (attention_v1 if version == 1 else attention_v2)(at / "transformer" / i, width)
    at.layer_norm("norm", width)
    at.conv_bn("conv_proj", width, channels)
    if version == 1:
        at.conv_bn("conv_fusion", 2 * channels, channels, 3, gain=SILU)


def build(net, args):
    net.conv_bn("stem", 3, args["stem"], 3)
    inputs, first = args["stem"], len(args["channels"]) - len(args["widths"])
    for stage, (columns, repeats) in enumerate(zip(args["channels"], args["repeats"])):
        at = net / "stages" / stage
        for i in range(repeats):
            inverted_residual(at / i, inputs, columns, args["expansion"],
                              shortcut=inputs == columns and (i > 0 or stage == 0))
            inputs = columns
        if stage >= first:
            mobilevit_block(at / repeats, columns, args["widths"][stage - first], args["depths"][stage - first],
                            args["version"])
    if args["num_features"]:
        net.conv_bn("final_conv", inputs, args["num_features"])
        inputs = args["num_features"]
    net.linear("head.fc", inputs, args["num_classes"], gain=SILU)
    return inputs
