"""timm's Eva class: EVA, EVA-02, DINOv3, RoPE-ViT and Perception Encoder (timm/models/eva.py)."""
from parts import BRANCH, GELU, SILU, normal, pair
from vit import attention_pool

SIZES = {"tiny": (192, 12, 3), "small": (384, 12, 6), "base": (768, 12, 12), "large": (1024, 24, 16),
         "giant": (1408, 40, 16), "enormous": (1792, 64, 16), "gigantic": (1536, 50, 16), "huge_plus": (1280, 32, 20),
         "7b": (4096, 40, 32), "medium": (512, 12, 8), "mediumd": (512, 20, 8), "betwixt": (640, 12, 10)}
CLIP = dict(mean=[0.48145466, 0.4578275, 0.40821073], std=[0.26862954, 0.26130258, 0.27577711])
HALF = dict(mean=[0.5] * 3, std=[0.5] * 3)
DEFAULTS = dict(crop_pct=0.9, fixed_input_size=True, first_conv="patch_embed.proj", classifier="head")


def _args(size, patch, **more):
    width, depth, heads = SIZES[size]
    return {**dict(embed_dim=width, depth=depth, num_heads=heads, patch_size=patch), **more}


def _square(side, **more):
    return dict(input_size=[3, side, side], **more)


VARIANTS = {}
for _side in (224, 336, 560):
    VARIANTS[f"eva_giant_patch14_{_side}"] = (_args("giant", 14, mlp_ratio=6144 / 1408), _square(_side, **CLIP))
VARIANTS["eva_giant_patch14_clip_224"] = (_args("giant", 14, mlp_ratio=6144 / 1408, global_pool="token"),
                                          dict(num_classes=1024, **CLIP))
_GATED = dict(mlp_ratio=4 * 2 / 3, swiglu_mlp=True, use_rot_pos_emb=True)
_SPLIT = dict(_GATED, qkv_fused=False, scale_mlp=True)
for _size, _sides, _mlp in (("tiny", (224, 336), _GATED), ("small", (224, 336), _GATED), ("base", (224, 448), _SPLIT),
                            ("large", (224, 448), _SPLIT)):
    for _side in _sides:
        _head = dict(num_classes=0) if _side == 224 else {}
        VARIANTS[f"eva02_{_size}_patch14_{_side}"] = (_args(_size, 14, **_mlp, **_head), _square(_side, **_head, **CLIP))
_TOWER = dict(_SPLIT, scale_attn_inner=True, global_pool="token")
for _name, _size, _patch, _side, _classes in (("base_patch16_clip_224", "base", 16, 224, 512),
                                              ("large_patch14_clip_224", "large", 14, 224, 768),
                                              ("large_patch14_clip_336", "large", 14, 336, 768)):
    VARIANTS[f"eva02_{_name}"] = (_args(_size, _patch, **_TOWER), _square(_side, num_classes=_classes, **CLIP))
VARIANTS["eva02_enormous_patch14_clip_224"] = (
    _args("enormous", 14, mlp_ratio=15360 / 1792, use_post_norm=True, global_pool="token"),
    dict(num_classes=1024, **CLIP))

_TOKENS = dict(qkv_fused=True, use_rot_pos_emb=True, use_abs_pos_emb=False, init_values=1e-5)
for _size, _registers, _bias in (("medium", 1, True), ("mediumd", 1, False), ("betwixt", 4, True), ("base", 1, True)):
    VARIANTS[f"vit_{_size}_patch16_rope_reg{_registers}_gap_256"] = (
        _args(_size, 16, class_token=False, num_reg_tokens=_registers, qkv_bias=_bias, **_TOKENS),
        _square(256, crop_pct=0.95, **HALF))
_ROPE = dict(_TOKENS, attn_type="rope", global_pool="token")
for _size in ("small", "base", "large"):
    for _mixed in ({}, dict(rope_type="mixed")):
        for _ape in ({}, dict(use_abs_pos_emb=True, no_embed_class=True)):
            _name = f"vit_{_size}_patch16_rope{'_mixed' if _mixed else ''}{'_ape' if _ape else ''}_224"
            VARIANTS[_name] = (_args(_size, 16, **{**_ROPE, **_mixed, **_ape}), {})

_PE = dict(attn_type="rope", use_pre_transformer_norm=True, use_rot_pos_emb=True)
_PE_CFG = dict(crop_pct=1.0, **HALF)
for _size, _patch, _side, _classes in (("tiny", 16, 384, 512), ("small", 16, 384, 512), ("base", 16, 224, 1024),
                                       ("large", 14, 336, 1024), ("gigantic", 14, 448, 1280)):
    _big = dict(mlp_ratio=8960 / 1536, class_token=False) if _size == "gigantic" else {}
    VARIANTS[f"vit_pe_core_{_size}_patch{_patch}_{_side}"] = (
        _args(_size, _patch, global_pool="map", **_PE, **_big), _square(_side, num_classes=_classes, **_PE_CFG))
_PE.update(use_post_transformer_norm=False, use_fc_norm=False)
for _kind, _size, _patch, _side, _more in (
        ("lang", "large", 14, 448, dict(depth=23, init_values=0.1)), ("lang", "gigantic", 14, 448, dict(depth=47)),
        ("spatial", "tiny", 16, 512, {}), ("spatial", "small", 16, 512, {}), ("spatial", "base", 16, 512, {}),
        ("spatial", "large", 14, 448, {}), ("spatial", "gigantic", 14, 448, {})):
    _big = dict(mlp_ratio=8960 / 1536, class_token=False, init_values=0.1) if _size == "gigantic" else {}
    VARIANTS[f"vit_pe_{_kind}_{_size}_patch{_patch}_{_side}"] = (
        _args(_size, _patch, num_classes=0, **{**_PE, **_big, **_more}), _square(_side, num_classes=0, **_PE_CFG))

_DINO = dict(use_rot_pos_emb=True, use_abs_pos_emb=False, init_values=1e-5, num_reg_tokens=4, use_fc_norm=False,
             num_classes=0)
for _size, _plus in (("tiny", {}), ("small", {}), ("small_plus", dict(swiglu_mlp=True, swiglu_align_to=8)), ("base", {}),
                     ("large", {}), ("huge_plus", dict(swiglu_mlp=True, swiglu_align_to=8)),
                     ("7b", dict(swiglu_mlp=True, swiglu_align_to=64, mlp_ratio=2))):
    for _bias in (False, True):
        if (_size, _bias) in (("tiny", False), ("7b", True)):
            continue
        _width = _size if _size in SIZES else _size.removesuffix("_plus")
        VARIANTS[f"vit_{_size}_patch16_dinov3{'_qkvb' if _bias else ''}"] = (
            _args(_width, 16, qkv_bias=_bias, **_DINO, **_plus), _square(256, num_classes=0, crop_pct=1.0))


def attention(at, width, args):
    bias = args.get("qkv_bias", True)
    rope = args.get("attn_type") == "rope"
    if args.get("qkv_fused", True):
        at.linear("qkv", width, 3 * width, bias=bias and rope)
        if bias and not rope:
            at.add("q_bias", (width,), normal(0, 0.05))
            at.add("v_bias", (width,), normal(0, 0.05))
    else:
        for name in ("q_proj", "k_proj", "v_proj"):
            at.linear(name, width, width, bias=bias and (rope or name != "k_proj"))
    if args.get("scale_attn_inner"):
        at.layer_norm("norm", width)
    at.linear("proj", width, width, gain=BRANCH)


def mlp(at, width, args):
    hidden, gated = int(width * args.get("mlp_ratio", 4)), args.get("swiglu_mlp", False)
    align = args.get("swiglu_align_to", 0)
    if gated and (align or args.get("scale_mlp")):
        hidden += -hidden % align if align else 0
        at.linear("fc1_g", width, hidden)
        at.linear("fc1_x", width, hidden)
    else:
        at.linear("fc1", width, (2 if gated else 1) * hidden)
    if args.get("scale_mlp"):
        at.layer_norm("norm", hidden)
    at.linear("fc2", hidden, width, gain=(SILU if gated else GELU) * BRANCH)


def block(at, width, args):
    at.layer_norm("norm1", width)
    attention(at / "attn", width, args)
    at.layer_norm("norm2", width)
    mlp(at / "mlp", width, args)
    if args.get("init_values") and not args.get("use_post_norm"):
        at.add("gamma_1", (width,), normal(1, 0.2))
        at.add("gamma_2", (width,), normal(1, 0.2))


def tokens(net, width, args):
    patch = pair(args["patch_size"])
    patches = (args["img_size"][0] // patch[0]) * (args["img_size"][1] // patch[1])
    prefix = {"cls_token": int(args.get("class_token", True)), "reg_token": args.get("num_reg_tokens", 0)}
    for name, count in prefix.items():
        if count:
            net.add(name, (1, count, width), normal(0, 0.5))
    if args.get("use_abs_pos_emb", True):
        positions = patches + (0 if args.get("no_embed_class") else sum(prefix.values()))
        net.add("pos_embed", (1, positions, width), normal(0, 0.3))
    if args.get("rope_type") == "mixed":
        heads = args["num_heads"]
        net.add("rope.freqs", (2, args["depth"], heads, width // heads // 2), normal(0, 0.5))
    net.conv("patch_embed.proj", 3, width, patch, bias=not args.get("use_pre_transformer_norm"))


def build(net, args):
    width, pool = args["embed_dim"], args.get("global_pool", "avg")
    tokens(net, width, args)
    if args.get("use_pre_transformer_norm"):
        net.layer_norm("norm_pre", width)
    for i in range(args["depth"]):
        block(net / "blocks" / i, width, args)
    fc_norm = args.get("use_fc_norm", pool == "avg")
    if args.get("use_post_transformer_norm", not fc_norm):
        net.layer_norm("norm", width)
    if fc_norm:
        net.layer_norm("fc_norm", width)
    if pool == "map":
        attention_pool(net / "attn_pool", width)
    if args["num_classes"]:
        net.linear("head", width, args["num_classes"])
    return width
