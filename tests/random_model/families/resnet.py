"""ResNet with and without SE or CBAM, and the older SE-ResNet, from timm's sources."""
import numpy as np
from operations import count, max_pool, relu, sigmoid, squeeze_excite

MILLIONS = dict(
    resnet18=11.69, resnet34=21.80, resnet50=25.56, resnet101=44.55, resnet152=60.19, seresnet18=11.78,
    seresnet34=21.96, seresnet50=28.09, seresnet101=49.33, seresnet152=66.82, legacy_seresnet18=11.78,
    legacy_seresnet34=21.96, legacy_seresnet50=28.09, legacy_seresnet101=49.33, legacy_seresnet152=66.82)
SMALL = [
    ("resnet18", dict(layers=[1, 2, 1, 1], channels=[8, 16, 24, 36]), {}, 72),
    ("resnet50", dict(layers=[1, 1, 2, 1], channels=[8, 12, 16, 20]), {}, (56, 88)),
    ("seresnet34", dict(layers=[1, 1, 2, 1], channels=[8, 16, 24, 36]), {}, 65),
    ("seresnet50", dict(layers=[1, 2, 1, 1], channels=[8, 12, 16, 20]), {}, 64),
    ("cbam_resnet50", dict(layers=[1, 1, 2, 1], channels=[8, 12, 16, 20]), {}, 72),
    ("legacy_seresnet18", {}, {}, 64),
    ("legacy_seresnet50", {}, {}, 66),
]


def cbam(w, x):
    def channels(pooled):
        return w.linear(relu(w.linear(pooled, "channel.fc1")), "channel.fc2")
    x = x * sigmoid(channels(x.mean((1, 2), keepdims=True)) + channels(x.max((1, 2), keepdims=True)))
    maps = np.concatenate([x.mean(-1, keepdims=True), x.max(-1, keepdims=True)], -1)
    return x * sigmoid(w.conv_bn(maps, "spatial.conv"))


def block(w, x, stride, legacy):
    convs = 3 if "conv3" in w else 2
    strided = 2 if convs == 3 and not legacy else 1
    y = x
    for i in range(1, convs + 1):
        y = w.batch_norm(w.conv(y, f"conv{i}", stride if i == strided else 1), f"bn{i}")
        if i < convs or (legacy and convs == 2):  # the older basic block has a ReLU before its gate
            y = relu(y)
    if "se_module" in w:
        y = squeeze_excite(w / "se_module", y)
    elif "se.channel" in w:
        y = cbam(w / "se", y)
    elif "se" in w:
        y = squeeze_excite(w / "se", y)
    if "downsample" in w:
        x = w.batch_norm(w.conv(x, "downsample.0", stride), "downsample.1")
    return relu(x + y)


def forward(w, x, args):
    legacy = "layer0" in w
    stem = w / "layer0" if legacy else w
    x = relu(stem.batch_norm(stem.conv(x, "conv1", 2), "bn1"))
    x = max_pool(x, pad=0, ceil=True) if legacy else max_pool(x)
    for stage in range(1, 5):
        for i in range(count(w, f"layer{stage}")):
            x = block(w / f"layer{stage}" / i, x, 2 if stage > 1 and i == 0 else 1, legacy)
    return w.linear(x.mean((1, 2)), "last_linear" if legacy else "fc")
