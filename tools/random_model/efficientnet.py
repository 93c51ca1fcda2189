"""EfficientNet, MobileNet V1 to V3 and their likes (timm/models/efficientnet.py, mobilenetv3.py)."""
import math
import re

from parts import RELU, SILU, divisible

# The published networks in timm's notation.
B = ["ds_r1_k3_s1_e1_c16_se0.25", "ir_r2_k3_s2_e6_c24_se0.25", "ir_r2_k5_s2_e6_c40_se0.25", "ir_r3_k3_s2_e6_c80_se0.25",
     "ir_r3_k5_s1_e6_c112_se0.25", "ir_r4_k5_s2_e6_c192_se0.25", "ir_r1_k3_s1_e6_c320_se0.25"]
LITE = [block.replace("_se0.25", "") for block in B]
EDGE = ["er_r1_k3_s1_e4_c24_fc24_noskip", "er_r2_k3_s2_e8_c32", "er_r4_k3_s2_e8_c48", "ir_r5_k5_s2_e8_c96",
        "ir_r4_k5_s1_e8_c144", "ir_r2_k5_s2_e8_c192"]
V2_S = ["cn_r2_k3_s1_e1_c24_skip", "er_r4_k3_s2_e4_c48", "er_r4_k3_s2_e4_c64", "ir_r6_k3_s2_e4_c128_se0.25",
        "ir_r9_k3_s1_e6_c160_se0.25", "ir_r15_k3_s2_e6_c256_se0.25"]
V2_B = ["cn_r1_k3_s1_e1_c16_skip", "er_r2_k3_s2_e4_c32", "er_r2_k3_s2_e4_c48", "ir_r3_k3_s2_e4_c96_se0.25",
        "ir_r5_k3_s1_e6_c112_se0.25", "ir_r8_k3_s2_e6_c192_se0.25"]
MOBILE_V1 = ["dsa_r1_k3_s1_c64", "dsa_r2_k3_s2_c128", "dsa_r2_k3_s2_c256", "dsa_r6_k3_s2_c512", "dsa_r2_k3_s2_c1024"]
MOBILE_V2 = ["ds_r1_k3_s1_c16", "ir_r2_k3_s2_e6_c24", "ir_r3_k3_s2_e6_c32", "ir_r4_k3_s2_e6_c64", "ir_r3_k3_s1_e6_c96",
             "ir_r3_k3_s2_e6_c160", "ir_r1_k3_s1_e6_c320"]
MNAS = ["ds_r1_k3_s1_c16_noskip", "ir_r3_k3_s2_e3_c24", "ir_r3_k5_s2_e3_c40", "ir_r3_k5_s2_e6_c80", "ir_r2_k3_s1_e6_c96",
        "ir_r4_k5_s2_e6_c192", "ir_r1_k3_s1_e6_c320_noskip"]
LARGE = ["ds_r1_k3_s1_e1_c16_nre", ["ir_r1_k3_s2_e4_c24_nre", "ir_r1_k3_s1_e3_c24_nre"], "ir_r3_k5_s2_e3_c40_se0.25_nre",
         ["ir_r1_k3_s2_e6_c80", "ir_r1_k3_s1_e2.5_c80", "ir_r2_k3_s1_e2.3_c80"], "ir_r2_k3_s1_e6_c112_se0.25",
         "ir_r3_k5_s2_e6_c160_se0.25", "cn_r1_k1_s1_c960"]
SMALL = ["ds_r1_k3_s2_e1_c16_se0.25_nre", ["ir_r1_k3_s2_e4.5_c24_nre", "ir_r1_k3_s1_e3.67_c24_nre"],
         ["ir_r1_k5_s2_e4_c40_se0.25", "ir_r2_k5_s1_e6_c40_se0.25"], "ir_r2_k5_s1_e3_c48_se0.25",
         "ir_r3_k5_s2_e6_c96_se0.25", "cn_r1_k1_s1_c576"]


def network(arch_def, act_layer, width=1.0, depth=1.0, **more):
    """timm's own defaults; `more` says what is different."""
    args = dict(arch_def=[stage if isinstance(stage, list) else [stage] for stage in arch_def], act_layer=act_layer,
                channel_multiplier=width, depth_multiplier=depth, stem_size=32, fix_stem=False, fix_ends=False,
                num_features=None, round_limit=0.9, pools_first=False, gate="sigmoid", gate_act=None, bn_eps=1e-5, pad_type="")
    return dict(args, **more)


def mobilenet_v3(arch_def, width=1.0, **more):
    small = arch_def is SMALL
    return network(arch_def, "hard_swish", width, **{**dict(
        stem_size=16, fix_stem=width < 0.75, num_features=1024 if small else 1280, pools_first=True, gate="hard_sigmoid",
        gate_act="relu"), **more})


TF = dict(bn_eps=1e-3, pad_type="same")
# Width, depth, and the input's side without and with TensorFlow's padding.
SCALES = dict(b0=(1.0, 1.0, 224, 224), b1=(1.0, 1.1, 240, 240), b2=(1.1, 1.2, 256, 260), b3=(1.2, 1.4, 288, 300),
              b4=(1.4, 1.8, 320, 380), b5=(1.6, 2.2, 448, 456), b6=(1.8, 2.6, 528, 528), b7=(2.0, 3.1, 600, 600))
VARIANTS = {}
for _name, (_width, _depth, *_sides) in SCALES.items():
    for _prefix, _more, _side in (("", {}, _sides[0]), ("tf_", TF, _sides[1])):
        VARIANTS[f"{_prefix}efficientnet_{_name}"] = (network(B, "silu", _width, _depth, **_more),
                                                      dict(input_size=[3, _side, _side]))
VARIANTS |= {
    "efficientnet_lite0": (network(LITE, "relu6", num_features=1280, fix_stem=True, fix_ends=True), {}),
    "efficientnet_es": (network(EDGE, "relu"), {}),
    "efficientnetv2_s": (network(V2_S, "silu", stem_size=24), dict(input_size=[3, 288, 288])),
    "tf_efficientnetv2_b0": (network(V2_B, "silu", round_limit=0.0, **TF), dict(input_size=[3, 192, 192])),
    "mobilenetv1_100": (network(MOBILE_V1, "relu6", num_features=0), {}),
    "mobilenetv2_100": (network(MOBILE_V2, "relu6"), {}),
    "mobilenetv2_140": (network(MOBILE_V2, "relu6", 1.4), {}),
    "mnasnet_100": (network(MNAS, "relu"), {}),
    "mobilenetv3_large_075": (mobilenet_v3(LARGE, 0.75), {}),
    "mobilenetv3_large_100": (mobilenet_v3(LARGE), {}),
    "mobilenetv3_small_050": (mobilenet_v3(SMALL, 0.5), {}),
    "mobilenetv3_small_075": (mobilenet_v3(SMALL, 0.75), {}),
    "mobilenetv3_small_100": (mobilenet_v3(SMALL), {}),
    "tf_mobilenetv3_large_100": (mobilenet_v3(LARGE, **TF), {}),
    "tf_mobilenetv3_small_100": (mobilenet_v3(SMALL, **TF), {})}
DEFAULTS = dict(first_conv="conv_stem", classifier="classifier", crop_pct=0.875)


def decoded(text):
    """A block's kind, numbers by their letters, and words: ir_r2_k3_noskip -> ir, {r: 2, k: 3}, {noskip}."""
    kind, *parts = text.split("_")
    numbers, words = {}, set()
    for part in parts:
        split = re.fullmatch(r"([a-z]+)(\d.*)", part)
        if split and not part.startswith("n"):
            numbers[split[1]] = float(split[2])
        else:
            words.add(part)
    return kind, numbers, words


def repeats(blocks, multiplier):
    """How often each block of a stage comes: their sum is scaled, and later blocks get theirs first."""
    left = sum(blocks)
    scaled = math.ceil(left * multiplier)
    out = []
    for count in reversed(blocks):
        out.insert(0, max(1, round(count / left * scaled)))
        left, scaled = left - count, scaled - out[0]
    return out


def stages(args):
    """Lists of blocks as decoded() has them; only a stage's first has its stride."""
    for i, texts in enumerate(args["arch_def"]):
        blocks = [decoded(text) for text in texts]
        ends = args["fix_ends"] and i in (0, len(args["arch_def"]) - 1)
        counts = repeats([int(numbers["r"]) for _, numbers, _ in blocks], 1.0 if ends else args["depth_multiplier"])
        all_blocks = [block for block, count in zip(blocks, counts) for _ in range(count)]
        yield [(kind, dict(numbers, s=numbers["s"] if j == 0 else 1), words)
               for j, (kind, numbers, words) in enumerate(all_blocks)]


def rounded(width, args):
    return divisible(width * args["channel_multiplier"], 8, floor=args["round_limit"])


def squeeze_excite(at, width, numbers, args):
    if not numbers.get("se"):
        return
    if args["pools_first"]:  # MobileNetV3 counts from the expanded width, in eights
        hidden = divisible(width * numbers["se"])
    else:
        hidden = round(width * numbers["se"] / numbers.get("e", 1.0))
    at.conv("se.conv_reduce", width, hidden, bias=True)
    at.conv("se.conv_expand", hidden, width, bias=True, gain=RELU)


def block(at, inputs, kind, numbers, args):
    columns, kernel = rounded(numbers["c"], args), int(numbers["k"])
    forced = rounded(numbers["fc"], args) if "fc" in numbers else inputs
    wide = divisible(forced * numbers.get("e", 1.0)) if kind in ("ir", "er") else inputs
    if kind == "cn":
        at.conv("conv", inputs, columns, kernel, gain=SILU)
        at.batch_norm("bn1", columns)
        return columns
    if kind == "ir":
        at.conv("conv_pw", inputs, wide)
        at.batch_norm("bn1", wide)
    if kind == "er":
        at.conv("conv_exp", inputs, wide, kernel)
    else:
        at.conv("conv_dw", wide, wide, kernel, groups=wide, gain=SILU)
    at.batch_norm("bn2" if kind == "ir" else "bn1", wide)
    squeeze_excite(at, wide, numbers, args)
    at.conv("conv_pwl" if kind in ("ir", "er") else "conv_pw", wide, columns, gain=2 * SILU if "se" in numbers else SILU)
    at.batch_norm("bn3" if kind == "ir" else "bn2", columns, branch=inputs == columns and numbers["s"] == 1)
    return columns


def build(net, args):
    width = args["stem_size"] if args["fix_stem"] else rounded(args["stem_size"], args)
    net.conv("conv_stem", 3, width, 3)
    net.batch_norm("bn1", width)
    for i, blocks in enumerate(stages(args)):
        for j, (kind, numbers, _) in enumerate(blocks):
            width = block(net / "blocks" / i / j, width, kind, numbers, args)
    features = args["num_features"]
    if features is None:
        features = rounded(1280, args)
        if args["arch_def"][0] == [MOBILE_V2[0]]:  # its head does not become narrower
            features = max(1280, features)
    if features:
        net.conv("conv_head", width, features, bias=args["pools_first"], gain=SILU)
        if not args["pools_first"]:
            net.batch_norm("bn2", features)
        width = features
    net.linear("classifier", width, args["num_classes"], gain=0.1)  # the features of the deepest are large
    return width
