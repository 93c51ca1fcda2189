"""BEiT and BEiT v2 (timm/models/beit.py)."""
import numpy as np
from parts import BRANCH, normal, pair, uniform

BASE = dict(embed_dim=768, depth=12, num_heads=12, patch_size=16, use_rel_pos_bias=True, use_shared_rel_pos_bias=False,
            use_abs_pos_emb=False, init_values=0.1, mlp_ratio=4, swiglu_mlp=False, global_pool="avg")
LARGE = dict(BASE, embed_dim=1024, depth=24, num_heads=16, init_values=1e-5)
INCEPTION = dict(mean=[0.5] * 3, std=[0.5] * 3)


def _square(side, **more):
    return dict(input_size=[3, side, side], crop_pct=1.0, **more)


VARIANTS = {
    "beit_base_patch16_224": (BASE, INCEPTION),
    "beit_base_patch16_384": (BASE, _square(384, **INCEPTION)),
    "beit_large_patch16_224": (LARGE, INCEPTION),
    "beit_large_patch16_384": (LARGE, _square(384, **INCEPTION)),
    "beit_large_patch16_512": (LARGE, _square(512, **INCEPTION)),
    "beitv2_base_patch16_224": (dict(BASE, init_values=1e-5), {}),
    "beitv2_large_patch16_224": (LARGE, dict(crop_pct=0.95)),
}
DEFAULTS = dict(crop_pct=0.9, fixed_input_size=True, first_conv="patch_embed.proj", classifier="head")


def position_bias(at, grid, heads):
    offsets = (2 * grid[0] - 1) * (2 * grid[1] - 1) + 3
    at.add("relative_position_bias_table", (offsets, heads), normal(0, 0.5))


def block(at, width, args, grid):
    at.layer_norm("norm1", width)
    at.linear("attn.qkv", width, 3 * width, bias=False)
    at.add("attn.q_bias", (width,), normal(0, 0.3))
    at.add("attn.v_bias", (width,), normal(0, 0.3))
    if args["use_rel_pos_bias"]:
        position_bias(at / "attn", grid, args["num_heads"])
    at.linear("attn.proj", width, width, gain=BRANCH)
    at.layer_norm("norm2", width)
    hidden = int(width * args["mlp_ratio"])
    if args["swiglu_mlp"]:
        for name in ("fc1_g", "fc1_x"):
            at.linear(f"mlp.{name}", width, hidden)
        at.linear("mlp.fc2", hidden, width, gain=BRANCH)
    else:
        at.mlp("mlp", width, hidden)
    if args["init_values"]:
        at.add("gamma_1", (width,), uniform(0.5, 1.5))
        at.add("gamma_2", (width,), uniform(0.5, 1.5))
    if at.old_buffers and args["use_rel_pos_bias"]:
        tokens = grid[0] * grid[1] + 1
        at.add("attn.relative_position_index", (tokens, tokens), lambda random, shape: np.zeros(shape), "I64")


def build(net, args):
    width, patch = args["embed_dim"], pair(args["patch_size"])
    grid = [side // size for side, size in zip(args["img_size"], patch)]
    net.add("cls_token", (1, 1, width), normal(0, 0.5))
    if args["use_abs_pos_emb"]:
        net.add("pos_embed", (1, grid[0] * grid[1] + 1, width), normal(0, 0.3))
    if args["use_shared_rel_pos_bias"]:
        position_bias(net / "rel_pos_bias", grid, args["num_heads"])
    net.conv("patch_embed.proj", 3, width, patch, bias=True)
    for i in range(args["depth"]):
        block(net / "blocks" / i, width, args, grid)
    net.layer_norm("fc_norm" if args["global_pool"] == "avg" else "norm", width)
    if args["num_classes"]:
        net.linear("head", width, args["num_classes"])
    return width
