"""CoAtNet, the "rw" variants (timm/models/maxxvit.py)."""
from parts import BRANCH, SILU, divisible, normal

# conv_bias: in the convolutions' last layer and shortcut. early: the gate before the second normalisation.
# No shape tells of these: stride_mode (pool before the block or stride in the depthwise convolution), pre_norm_act
# (an activation after the first normalisation) and gate (the activation within the gate).
SMALL, WIDE = [64, 128, 256, 512], [96, 192, 384, 768]
ZERO = dict(embed_dim=WIDE, depths=[2, 3, 7, 2], stem_width=[32, 64], conv_bias=False, shortcut_bias=False,
            early=True, stride_mode="pool", pre_norm_act=True, gate="relu")
VARIANTS = {
    "coatnet_nano_rw_224": (dict(ZERO, embed_dim=SMALL, depths=[3, 4, 6, 3], conv_bias=True, shortcut_bias=True,
                                 early=False, pre_norm_act=False, gate="silu"), dict(crop_pct=0.9)),
    "coatnet_0_rw_224": (ZERO, {}),
    "coatnet_1_rw_224": (dict(ZERO, depths=[2, 6, 14, 2], stride_mode="dw"), {}),
    "coatnet_2_rw_224": (dict(ZERO, embed_dim=[128, 256, 512, 1024], depths=[2, 6, 14, 2], stem_width=[64, 128],
                              shortcut_bias=True, early=False, stride_mode="dw", gate="silu"), {}),
}
DEFAULTS = dict(crop_pct=0.95, mean=[0.5] * 3, std=[0.5] * 3, fixed_input_size=True, first_conv="stem.conv1",
                classifier="head.fc")
HEAD = 32


def conv_block(at, inputs, columns, stride, args):
    hidden = divisible(4 * inputs)
    if stride == 2 and inputs != columns:
        at.conv("shortcut.expand", inputs, columns, bias=args["conv_bias"])
    at.batch_norm("pre_norm", inputs)
    at.conv("conv1_1x1", inputs, hidden)
    at.batch_norm("norm1", hidden)
    at.conv("conv2_kxk", hidden, hidden, 3, groups=hidden, gain=SILU)
    se = "se_early" if args["early"] else "se"
    at.conv(f"{se}.fc1", hidden, hidden // 4, bias=True)
    at.conv(f"{se}.fc2", hidden // 4, hidden, bias=True, gain=SILU)
    at.batch_norm("norm2", hidden)
    at.conv("conv3_1x1", hidden, columns, bias=args["conv_bias"], gain=SILU * BRANCH)


def transformer_block(at, inputs, columns, stride, size, args):
    if stride == 2 and inputs != columns:
        at.conv("shortcut.expand", inputs, columns, bias=args["shortcut_bias"])
    at.layer_norm("norm1.norm" if stride == 2 else "norm1", inputs)
    # Attention is as wide as its input; the output projection widens.
    at.conv("attn.qkv", inputs, 3 * inputs, bias=True)
    at.add("attn.rel_pos.relative_position_bias_table", ((2 * size[0] - 1) * (2 * size[1] - 1), inputs // HEAD),
           normal(0, 0.5))
    at.conv("attn.proj", inputs, columns, bias=True, gain=BRANCH)
    at.layer_norm("norm2", columns)
    at.mlp("mlp", columns, 4 * columns, conv=True)


def build(net, args):
    first, inputs = args["stem_width"]
    net.conv("stem.conv1", 3, first, 3)
    net.batch_norm("stem.norm1", first)
    net.conv("stem.conv2", first, inputs, 3, gain=SILU)
    size = [side // 2 for side in args["img_size"]]
    for stage, (columns, depth) in enumerate(zip(args["embed_dim"], args["depths"])):
        size = [-(-side // 2) for side in size]
        for i in range(depth):
            at, stride = net / "stages" / stage / "blocks" / i, 1 if i else 2
            if stage < 2:
                conv_block(at, inputs, columns, stride, args)
            else:
                transformer_block(at, inputs, columns, stride, size, args)
            inputs = columns
    net.layer_norm("norm", inputs)
    net.linear("head.fc", inputs, args["num_classes"])
    return inputs
