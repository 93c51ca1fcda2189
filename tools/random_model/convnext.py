"""ConvNeXt and ConvNeXt V2 (timm/models/convnext.py)."""
from parts import GELU, BRANCH, normal

# Depths, first width (it doubles from stage to stage), 1x1 convolutions in place of linear layers.
SIZES = dict(
    atto=([2, 2, 6, 2], 40, True), femto=([2, 2, 6, 2], 48, True), pico=([2, 2, 6, 2], 64, True),
    nano=([2, 2, 8, 2], 80, True), tiny=([3, 3, 9, 3], 96, False), small=([3, 3, 27, 3], 96, False),
    base=([3, 3, 27, 3], 128, False), large=([3, 3, 27, 3], 192, False), xlarge=([3, 3, 27, 3], 256, False),
    xxlarge=([3, 4, 30, 3], 384, False))
V2_SIZES = {**{size: SIZES[size] for size in ("femto", "pico", "nano", "tiny", "small", "base", "large")},
            "atto": SIZES["atto"], "huge": ([3, 3, 27, 3], 352, False)}


def variant(depths, width, conv_mlp, **more):
    return dict(depths=depths, dims=[width << stage for stage in range(4)], conv_mlp=conv_mlp, use_grn=False,
                patch_size=4, stem_type="patch", head_norm_first=False, head_hidden_size=None, **more)


VARIANTS = {f"convnext_{size}": (variant(*args), {}) for size, args in SIZES.items()}
VARIANTS |= {f"convnextv2_{size}": (dict(variant(*args), use_grn=True), {}) for size, args in V2_SIZES.items()}
for _size, _stem in dict(atto="overlap_tiered", femto="overlap_tiered", pico="overlap_tiered", nano="overlap").items():
    VARIANTS[f"convnext_{_size}_ols"] = (dict(variant(*SIZES[_size]), stem_type=_stem), {})
VARIANTS["convnext_tiny_hnf"] = (dict(variant([3, 3, 9, 3], 96, True), head_norm_first=True), {})
VARIANTS["convnext_large_mlp"] = (dict(variant(*SIZES["large"]), head_hidden_size=1536), {})
DEFAULTS = dict(first_conv="stem.0", classifier="head.fc")


def stem(at, width, args):
    if args["stem_type"] == "patch":
        at.conv("0", 3, width, args["patch_size"], bias=True)
        return at.layer_norm("1", width)
    middle = width // 2 if args["stem_type"] == "overlap_tiered" else width
    at.conv("0", 3, middle, 3, bias=True)
    at.conv("1", middle, width, 3, bias=True)
    return at.layer_norm("2", width)


def block(at, width, args):
    at.conv("conv_dw", width, width, 7, groups=width, bias=True)
    at.layer_norm("norm", width)
    at.mlp("mlp", width, 4 * width, conv=args["conv_mlp"])
    if args["use_grn"]:
        at.add("mlp.grn.weight", (4 * width,), normal(0, 0.3))
        at.add("mlp.grn.bias", (4 * width,), normal(0, 0.05))
    else:
        at.add("gamma", (width,), normal(BRANCH, 0.02))


def build(net, args):
    dims = args["dims"]
    stem(net / "stem", dims[0], args)
    width = dims[0]
    for stage, depth in enumerate(args["depths"]):
        at = net / "stages" / stage
        if stage > 0:
            at.layer_norm("downsample.0", width)
            at.conv("downsample.1", width, dims[stage], 2, bias=True)
            width = dims[stage]
        for i in range(depth):
            block(at / "blocks" / i, width, args)
    net.layer_norm("norm_pre" if args["head_norm_first"] else "head.norm", width)
    if args["head_hidden_size"]:
        net.linear("head.pre_logits.fc", width, args["head_hidden_size"])
        width = args["head_hidden_size"]
    if args["num_classes"]:
        net.linear("head.fc", width, args["num_classes"], gain=GELU if args["head_hidden_size"] else 1.0)
    return width
