"""ViT, DeiT, DeiT III, CLIP, SigLIP and DINOv2 (timm/models/vision_transformer.py, deit.py)."""
from parts import BRANCH, normal, pair

SIZES = {"tiny": (192, 12, 3), "small": (384, 12, 6), "base": (768, 12, 12), "large": (1024, 24, 16)}
INCEPTION = dict(mean=[0.5] * 3, std=[0.5] * 3)
CLIP = dict(mean=[0.48145466, 0.4578275, 0.40821073], std=[0.26862954, 0.26130258, 0.27577711], num_classes=512)


def _args(size, **more):
    width, depth, heads = SIZES[size]
    return dict(embed_dim=width, depth=depth, num_heads=heads, patch_size=16, **more)


def _square(side, **more):
    return dict(input_size=[3, side, side], **more)


VARIANTS = {}
for _size in SIZES:
    VARIANTS[f"vit_{_size}_patch16_224"] = (_args(_size), INCEPTION)
    VARIANTS[f"vit_{_size}_patch16_384"] = (_args(_size), _square(384, crop_pct=1.0, **INCEPTION))
for _size in ("tiny", "small", "base"):
    VARIANTS[f"deit_{_size}_patch16_224"] = (_args(_size), {})
    VARIANTS[f"deit_{_size}_distilled_patch16_224"] = (_args(_size, distilled=True), dict(
        classifier=["head", "head_dist"]))
for _size in ("small", "base", "large"):
    VARIANTS[f"deit3_{_size}_patch16_224"] = (_args(_size, no_embed_class=True, init_values=1e-6), {})
    _dino = dict(_args(_size, init_values=1e-5), patch_size=14, num_classes=0)
    _cfg = _square(518, crop_pct=1.0, num_classes=0)
    VARIANTS[f"vit_{_size}_patch14_dinov2"] = (_dino, _cfg)
    VARIANTS[f"vit_{_size}_patch14_reg4_dinov2"] = (dict(_dino, reg_tokens=4, no_embed_class=True), _cfg)
VARIANTS["vit_giant_patch14_dinov2"] = (dict(
    embed_dim=1536, depth=40, num_heads=24, patch_size=14, init_values=1e-5, mlp_ratio=2.66667 * 2, swiglu=True,
    num_classes=0), _square(518, crop_pct=1.0, num_classes=0))
for _patch in (16, 32):
    VARIANTS[f"vit_base_patch{_patch}_clip_224"] = (dict(_args("base", pre_norm=True), patch_size=_patch), CLIP)
VARIANTS["vit_base_patch16_siglip_224"] = (_args("base", class_token=False, global_pool="map", num_classes=0),
                                           dict(num_classes=0, **INCEPTION))
VARIANTS["vit_wee_patch16_reg1_gap_256"] = (dict(
    embed_dim=256, depth=14, num_heads=4, patch_size=16, init_values=1e-5, mlp_ratio=5, class_token=False,
    no_embed_class=True, reg_tokens=1, global_pool="avg"), _square(256, crop_pct=0.95, **INCEPTION))
DEFAULTS = dict(crop_pct=0.9, fixed_input_size=True, first_conv="patch_embed.proj", classifier="head")


def block(at, width, args):
    at.layer_norm("norm1", width)
    at.linear("attn.qkv", width, 3 * width)
    at.linear("attn.proj", width, width, gain=BRANCH)
    at.layer_norm("norm2", width)
    at.mlp("mlp", width, int(width * args.get("mlp_ratio", 4)), gate=args.get("swiglu", False))
    if args.get("init_values"):
        at.add("ls1.gamma", (width,), normal(1, 0.2))
        at.add("ls2.gamma", (width,), normal(1, 0.2))


def attention_pool(at, width):
    at.add("latent", (1, 1, width), normal(0, 1))
    at.linear("q", width, width)
    at.linear("kv", width, 2 * width)
    at.linear("proj", width, width)
    at.layer_norm("norm", width)
    at.mlp("mlp", width, 4 * width)


def build(net, args):
    width, patch = args["embed_dim"], pair(args["patch_size"])
    pool = args.get("global_pool", "token")
    positions = (args["img_size"][0] // patch[0]) * (args["img_size"][1] // patch[1])
    prefix = {"cls_token": int(args.get("class_token", True)), "dist_token": int(args.get("distilled", False)),
              "reg_token": args.get("reg_tokens", 0)}
    for name, tokens in prefix.items():
        if tokens:
            net.add(name, (1, tokens, width), normal(0, 0.5))
    if not args.get("no_embed_class"):
        positions += sum(prefix.values())
    net.add("pos_embed", (1, positions, width), normal(0, 0.3))
    net.conv("patch_embed.proj", 3, width, patch, bias=not args.get("pre_norm"))
    if args.get("pre_norm"):
        net.layer_norm("norm_pre", width)
    for i in range(args["depth"]):
        block(net / "blocks" / i, width, args)
    net.layer_norm("fc_norm" if pool == "avg" else "norm", width)
    if pool == "map":
        attention_pool(net / "attn_pool", width)
    for head in ("head", "head_dist") if args.get("distilled") else ("head",):
        if args["num_classes"]:
            net.linear(head, width, args["num_classes"])
    return width
