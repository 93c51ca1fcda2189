"""BEiT and BEiT v2, from timm's sources."""
import numpy as np
from operations import attend, count, gelu, heads_of, joined, relative_position_bias, silu
from parts import pair

MILLIONS = dict(
    beit_base_patch16_224=86.53, beit_base_patch16_384=86.74, beit_large_patch16_224=304.43,
    beit_large_patch16_512=305.67, beitv2_large_patch16_224=304.43)
SMALL = [
    ("beit_base_patch16_224", dict(embed_dim=48, depth=2, num_heads=3, img_size=96), {}, 96),
    ("beit_base_patch16_224", dict(embed_dim=40, depth=2, num_heads=4, use_abs_pos_emb=True, global_pool="token",
                                   use_rel_pos_bias=False, use_shared_rel_pos_bias=True, init_values=0.0),
     {}, (64, 96)),
    ("beitv2_large_patch16_224", dict(embed_dim=48, depth=2, num_heads=3, swiglu_mlp=True), {}, 64),
]


def position_bias(table, rows, cols):
    """[heads, tokens, tokens]: the last three rows are class token to patch, patch to it, and itself."""
    tokens = rows * cols + 1
    bias = np.empty((table.shape[1], tokens, tokens))
    bias[:, 1:, 1:] = relative_position_bias(table[:-3], rows, cols)
    bias[:, 0, :], bias[:, :, 0], bias[:, 0, 0] = table[-3][:, None], table[-2][:, None], table[-1]
    return bias


def attention(w, x, heads, bias):
    both = np.concatenate([w["q_bias"], np.zeros(x.shape[-1]), w["v_bias"]])
    q, k, v = (heads_of(part, heads) for part in np.split(w.linear(x, "qkv") + both, 3, -1))
    return w.linear(joined(attend(q, k, v, bias)), "proj")


def mlp(w, x):
    if "fc1_g" in w:
        return w.linear(silu(w.linear(x, "fc1_g")) * w.linear(x, "fc1_x"), "fc2")
    return w.linear(gelu(w.linear(x, "fc1")), "fc2")


def forward(w, x, args):
    x = w.conv(x, "patch_embed.proj", pair(args["patch_size"])[0], 0)
    n, rows, cols, width = x.shape
    x = np.concatenate([np.tile(w["cls_token"], (n, 1, 1)), x.reshape(n, -1, width)], 1)
    if "pos_embed" in w:
        x = x + w["pos_embed"]
    shared = position_bias(w["rel_pos_bias.relative_position_bias_table"], rows, cols) if "rel_pos_bias" in w else 0.0
    for i in range(count(w, "blocks")):
        block = w / "blocks" / i
        bias = shared
        if "attn.relative_position_bias_table" in block:
            bias = bias + position_bias(block["attn.relative_position_bias_table"], rows, cols)
        gammas = (block["gamma_1"], block["gamma_2"]) if "gamma_1" in block else (1.0, 1.0)
        x = x + gammas[0] * attention(block / "attn", block.layer_norm(x, "norm1", 1e-6), args["num_heads"], bias)
        x = x + gammas[1] * mlp(block / "mlp", block.layer_norm(x, "norm2", 1e-6))
    if args["global_pool"] == "avg":
        return w.linear(w.layer_norm(x[:, 1:].mean(1), "fc_norm", 1e-6), "head")
    return w.linear(w.layer_norm(x, "norm", 1e-6)[:, 0], "head")
