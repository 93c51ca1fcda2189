"""Vision Transformers of Google's jax code (https://github.com/google-research/vision_transformer) under timm's names.

flax keeps a linear layer as inputs x outputs and attention's projections as width x heads x width of a head; timm
keeps outputs x inputs.
"""
import re

import numpy as np

from .tensors import Refused, Tensor

PREFIXES = ("opt/target/", "params/")
OF_TRAINING = re.compile(r"^opt/(?!target/)|^(step|extra|chrono)\b")
BLOCK = re.compile(r"^Transformer/encoderblock_(\d+)/(.+)$")
NORMS = {"scale": "weight", "bias": "bias"}


def linear(kernel):
    return np.ascontiguousarray(kernel.T)


def outside_blocks(name, value):
    if name == "cls":
        return "cls_token", value
    if name == "Transformer/posembed_input/pos_embedding":
        return "pos_embed", value
    if name == "embedding/kernel":  # rows, columns, inputs, outputs
        return "patch_embed.proj.weight", np.ascontiguousarray(value.transpose(3, 2, 0, 1))
    if name == "embedding/bias":
        return "patch_embed.proj.bias", value
    if name == "head/kernel":
        return "head.weight", linear(value)
    if name == "head/bias":
        return "head.bias", value
    module, _, kind = name.rpartition("/")
    if module == "Transformer/encoder_norm" and kind in NORMS:
        return f"norm.{NORMS[kind]}", value
    return None


def inside_block(name, value):
    """The first norm and attention have one number, the second norm another: 0, 1 and 2 by the age of the code."""
    module, _, kind = name.rpartition("/")
    if re.fullmatch(r"LayerNorm_[012]", module) and kind in NORMS:
        return f"{'norm1' if module.endswith('0') else 'norm2'}.{NORMS[kind]}", value
    dense = re.fullmatch(r"MlpBlock_\d/Dense_([01])", module)
    if dense:
        layer = f"mlp.fc{int(dense[1]) + 1}"
        return (f"{layer}.weight", linear(value)) if kind == "kernel" else (f"{layer}.bias", value)
    if re.fullmatch(r"MultiHeadDotProductAttention_\d/out", module):
        if kind == "bias":
            return "attn.proj.bias", value
        return "attn.proj.weight", linear(value.reshape(-1, value.shape[-1]))
    return None


def projection(name, value):
    """("attn.qkv.weight", 0) and the rows that queries have in it, 1 and 2 for keys and values."""
    found = re.fullmatch(r"MultiHeadDotProductAttention_\d/(query|key|value)/(kernel|bias)", name)
    if not found:
        return None
    place = ("query", "key", "value").index(found[1])
    if found[2] == "bias":
        return "attn.qkv.bias", place, value.reshape(-1)
    return "attn.qkv.weight", place, linear(value.reshape(value.shape[0], -1))


def is_one(names):
    return any(name.endswith("Transformer/posembed_input/pos_embedding") for name in names)


def to_timm(arrays):
    """From names to Tensors to the same."""
    prefix = next((p for p in PREFIXES if any(name.startswith(p) for name in arrays)), "")
    result, rows, unknown = {}, {}, []
    for full, tensor in arrays.items():
        if prefix and not full.startswith(prefix) or OF_TRAINING.match(full):
            continue
        name, value = full[len(prefix):], tensor.values
        block = BLOCK.match(name)
        scope = f"blocks.{int(block[1])}." if block else ""
        part = projection(block[2], value) if block else None
        if part:
            rows.setdefault(scope + part[0], {})[part[1]] = Tensor(tensor.kind, part[2])
            continue
        found = inside_block(block[2], value) if block else outside_blocks(name, value)
        if not found:
            unknown.append(full)
            continue
        result[scope + found[0]] = Tensor(tensor.kind, found[1])
    if unknown:
        raise Refused(f"{len(unknown)} of its arrays have no place in a ViT of timm, among them {unknown[0]}")
    for name, parts in rows.items():
        if sorted(parts) != [0, 1, 2]:
            raise Refused(f"{name} lacks its queries, keys or values")
        values = np.concatenate([parts[place].values for place in range(3)])
        result[name] = Tensor(parts[0].kind, values)
    return result
