"""Random weights by which mistakes show.

Attention is far from uniform, so that a wrong number of heads changes it. What reaches a normalisation is small, so that
its epsilon takes part. Half of the hidden units of an MLP sit where GELU and its approximations differ most.
"""
import math
import re

import torch

SMALL = 0.01  # deviation of what a LayerNorm sees: a variance a hundred times its usual epsilon of 1e-6
ASKS = re.compile(r"(qkv|[._]q|[._]k|q_proj|k_proj|query|key|kv|to_qkv)(_bias|\.weight|\.bias|\.conv\.weight)?$")
TABLES = re.compile(r"(^|\.)(pos_embed|pos_embed_\w+|cls_token|reg_token|dist_token|absolute_pos_embed)$")
LAYER_SCALE = re.compile(r"(^|\.)(gamma(_\w+)?|gamma\d|layer_scale\w*(\.\w+)?|ls\d?\.gamma)$")
TURNING_POINT = -2.2  # GELU by tanh is off most near here


def uniform(shape, low, high, random):
    return torch.rand(shape, generator=random) * (high - low) + low


def normal(shape, std, random):
    return torch.randn(shape, generator=random) * std


def signs(shape, random):
    return torch.where(torch.rand(shape, generator=random) < 0.5, -1.0, 1.0)


def value_of(name, old, random):
    leaf = name.rsplit(".", 1)[-1]
    if leaf == "logit_scale":  # cosine attention: some above its limit of log 100
        return uniform(old.shape, 1.0, 5.5, random)
    if "relative_position_bias_table" in name or leaf in ("attention_biases", "height_rel", "width_rel"):
        return normal(old.shape, 1.0, random)
    if leaf == "freqs":  # learned rotations stay in their range
        return old + normal(old.shape, 0.05, random) * old.abs().mean()
    if LAYER_SCALE.search(name):
        return uniform(old.shape, 0.3, 1.0, random) * signs(old.shape, random)
    if TABLES.search(name):
        return normal(old.shape, SMALL, random)
    if old.dim() <= 1:
        return uniform(old.shape, 0.5, 1.5, random) if leaf == "weight" else normal(old.shape, 0.3, random)
    gain = 1.8 if ASKS.search(name) else 1.0
    return normal(old.shape, gain / math.sqrt(old[0].numel()), random)


def scramble_statistics(norm, random):
    """Small variances, so that epsilon counts, with weights that make up for them."""
    norm.running_mean.copy_(normal(norm.running_mean.shape, 0.3, random))
    norm.running_var.copy_(10 ** uniform(norm.running_var.shape, -3, 0, random))
    if norm.weight is not None:
        norm.weight.mul_(norm.running_var.sqrt())


def spread_hidden_units(mlp):
    """Every second unit of fc1 at the turning point, and fc2 reads it louder, as it says little there."""
    if getattr(mlp.fc1, "bias", None) is None or mlp.fc2.weight.shape[1] != mlp.fc1.weight.shape[0]:
        return
    mlp.fc1.weight[1::2] *= 0.2
    mlp.fc1.bias[1::2] = TURNING_POINT
    mlp.fc2.weight[:, 1::2] *= 15


def is_layer_norm(module):
    kind = type(module).__name__
    return any(part in kind for part in ("LayerNorm", "RmsNorm", "GroupNorm")) and "BatchNorm" not in kind


def writers(model, image):
    """[(module, deviation of its output)] of what runs last before each LayerNorm: it writes what the norm reads."""
    found, before, hooks = {}, [], []

    def after(module, _, output):
        if torch.is_tensor(output):
            before[:] = [(module, output.std().item())]

    def at_norm(name):
        def hook(module, _):
            if before and before[0][0] is not module and not name.endswith(("k_norm", "norm_k")):
                found[before[0][0]] = before[0][1]
        return hook

    for name, module in model.named_modules():
        if is_layer_norm(module):
            hooks.append(module.register_forward_pre_hook(at_norm(name)))
        if any(True for _ in module.parameters(recurse=False)) and not any(True for _ in module.children()):
            hooks.append(module.register_forward_hook(after))
    model(image)
    for hook in hooks:
        hook.remove()
    return list(found.items())


def shrink_streams(model, image):
    for _ in range(2):  # convolutions that follow one another depend on one another
        for module, deviation in writers(model, image):
            if deviation > 0 and math.isfinite(deviation):
                for parameter in module.parameters(recurse=False):
                    parameter.mul_(SMALL / deviation)


def scramble(model, image, random):
    """In place: parameters and running statistics. Tables that the architecture computes stay."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(value_of(name, parameter, random))
        for module in model.modules():
            if getattr(module, "running_var", None) is not None:
                scramble_statistics(module, random)
            if hasattr(module, "fc1") and hasattr(module, "fc2"):
                spread_hidden_units(module)
        shrink_streams(model, image)
