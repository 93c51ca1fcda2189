"""PVT v2 (timm/models/pvt_v2.py)."""
from parts import BRANCH, GELU

B2 = dict(embed_dims=[64, 128, 320, 512], depths=[3, 4, 6, 3], num_heads=[1, 2, 5, 8], sr_ratios=[8, 4, 2, 1],
          mlp_ratios=[8, 8, 4, 4], linear=False)
VARIANTS = {
    "pvt_v2_b0": (dict(B2, embed_dims=[32, 64, 160, 256], depths=[2, 2, 2, 2]), {}),
    "pvt_v2_b1": (dict(B2, depths=[2, 2, 2, 2]), {}),
    "pvt_v2_b2": (B2, {}),
    "pvt_v2_b2_li": (dict(B2, linear=True), {}),
    "pvt_v2_b3": (dict(B2, depths=[3, 4, 18, 3]), {}),
    "pvt_v2_b4": (dict(B2, depths=[3, 8, 27, 3]), {}),
    "pvt_v2_b5": (dict(B2, depths=[3, 6, 40, 3], mlp_ratios=[4, 4, 4, 4]), {}),
}
DEFAULTS = dict(crop_pct=0.9, first_conv="patch_embed.proj", classifier="head")


def patch_embed(at, inputs, columns, kernel):
    at.conv("proj", inputs, columns, kernel, bias=True)
    at.layer_norm("norm", columns)


def block(at, width, reduction, ratio, linear):
    at.layer_norm("norm1", width)
    at.linear("attn.q", width, width)
    at.linear("attn.kv", width, 2 * width)
    at.linear("attn.proj", width, width, gain=BRANCH)
    if linear or reduction > 1:  # keys and values at less resolution: strided, or pooled to 7x7 first
        at.conv("attn.sr", width, width, 1 if linear else reduction, bias=True)
        at.layer_norm("attn.norm", width)
    hidden = int(width * ratio)
    at.layer_norm("norm2", width)
    at.linear("mlp.fc1", width, hidden)
    at.conv("mlp.dwconv", hidden, hidden, 3, groups=hidden, bias=True)
    at.linear("mlp.fc2", hidden, width, gain=GELU * BRANCH)


def build(net, args):
    widths = args["embed_dims"]
    patch_embed(net / "patch_embed", 3, widths[0], 7)
    for stage, (width, depth) in enumerate(zip(widths, args["depths"])):
        at = net / "stages" / stage
        if stage > 0:
            patch_embed(at / "downsample", widths[stage - 1], width, 3)
        for i in range(depth):
            block(at / "blocks" / i, width, args["sr_ratios"][stage], args["mlp_ratios"][stage], args["linear"])
        at.layer_norm("norm", width)
    net.linear("head", widths[-1], args["num_classes"])
    return widths[-1]
