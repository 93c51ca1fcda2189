"""ResNet with and without SE or CBAM (timm/models/resnet.py), and the older SE-ResNet (timm/models/senet.py)."""
from parts import RELU, divisible

DEPTHS = {18: [2, 2, 2, 2], 34: [3, 4, 6, 3], 50: [3, 4, 6, 3], 101: [3, 4, 23, 3], 152: [3, 8, 36, 3]}
FINE_TUNED = dict(crop_pct=0.95, test_input_size=[3, 288, 288], test_crop_pct=1.0)
PLAIN = dict(crop_pct=0.875, test_input_size=[3, 288, 288], test_crop_pct=0.95)

VARIANTS = {}
for _depth, _layers in DEPTHS.items():
    _args = dict(layers=_layers, channels=[64, 128, 256, 512], expansion=4 if _depth >= 50 else 1)
    VARIANTS[f"resnet{_depth}"] = (_args, FINE_TUNED)
    VARIANTS[f"seresnet{_depth}"] = (dict(_args, block_args=dict(attn_layer="se")),
                                     FINE_TUNED if _depth == 50 else PLAIN)
    VARIANTS[f"legacy_seresnet{_depth}"] = (dict(_args, legacy=True), dict(
        crop_pct=0.875, interpolation="bicubic" if _depth == 18 else "bilinear",
        first_conv="layer0.conv1", classifier="last_linear"))
# Not in timm's list: its ResNet with its CBAM, as model_args make it.
VARIANTS["cbam_resnet50"] = (dict(VARIANTS["resnet50"][0], block_args=dict(attn_layer="cbam")), PLAIN)
DEFAULTS = dict(first_conv="conv1", classifier="fc")


def gate(at, kind, channels):
    if kind == "se":
        hidden = divisible(channels / 16, 8, floor=0)
        at.conv("se.fc1", channels, hidden, bias=True)
        at.conv("se.fc2", hidden, channels, bias=True, gain=RELU)
    elif kind == "cbam":
        hidden = divisible(channels / 16, 1, floor=0)
        at.conv("se.channel.fc1", channels, hidden)
        at.conv("se.channel.fc2", hidden, channels, gain=RELU)
        at.conv_bn("se.spatial.conv", 2, 1, 7)
    elif kind:
        raise ValueError(f"attn_layer {kind} is not known here: se, cbam")


def block(at, inputs, width, args, downsample):
    columns = width * args["expansion"]
    kernels = [1, 3, 1] if args["expansion"] == 4 else [3, 3]
    before = inputs
    for i, kernel in enumerate(kernels, 1):
        after = columns if i == len(kernels) else width
        at.conv(f"conv{i}", before, after, kernel, gain=RELU)
        at.batch_norm(f"bn{i}", after, branch=i == len(kernels))
        before = after
    if args.get("legacy"):
        at.conv("se_module.fc1", columns, columns // 16, bias=True)
        at.conv("se_module.fc2", columns // 16, columns, bias=True, gain=RELU)
    else:
        gate(at, args.get("block_args", {}).get("attn_layer"), columns)
    if downsample:
        at.conv("downsample.0", inputs, columns, gain=RELU)
        at.batch_norm("downsample.1", columns)
    return columns


def build(net, args):
    stem = net / "layer0" if args.get("legacy") else net
    stem.conv("conv1", 3, 64, 7)
    stem.batch_norm("bn1", 64)
    inputs = 64
    for stage, (width, depth) in enumerate(zip(args["channels"], args["layers"])):
        for i in range(depth):
            reshaped = i == 0 and (stage > 0 or inputs != width * args["expansion"])
            inputs = block(net / f"layer{stage + 1}" / i, inputs, width, args, reshaped)
    net.linear("last_linear" if args.get("legacy") else "fc", inputs, args["num_classes"])
    return inputs
