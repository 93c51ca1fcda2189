#!/usr/bin/env python3
"""What a mistake would cost: spoils timm's own scrambled models and prints by how much of the largest logit they change.

Usage, where Python has torch and timm: sensitivity.py NAME...
Epsilon in all norms and in the norm that shows it least, GELU by tanh, half the heads.
"""
import copy
import sys
import zlib

sys.dont_write_bytecode = True
import torch  # noqa: E402
from models import build, random_input  # noqa: E402
from scramble import scramble  # noqa: E402

OTHER_EPSILON = {1e-6: 1e-5, 1e-5: 1e-6, 1e-3: 1e-5}


def has_epsilon(module):
    return isinstance(getattr(module, "eps", None), float)


def spoil_epsilon(model, names):
    for name in names:
        norm = model.get_submodule(name)
        norm.eps = OTHER_EPSILON.get(norm.eps, 1e-3)
    return len(names)


def spoil_gelu(model):
    found = [(parent, name, type(child).__name__) for parent in model.modules()
             for name, child in parent.named_children() if type(child).__name__ in ("GELU", "GELUTanh")]
    for parent, name, kind in found:
        setattr(parent, name, torch.nn.GELU("none" if kind == "GELUTanh" else "tanh"))
    return len(found)


def spoil_heads(model):
    found = [module for module in model.modules() if isinstance(getattr(module, "num_heads", None), int)
             and hasattr(module, "head_dim") and hasattr(module, "qkv") and module.num_heads % 2 == 0]
    for module in found:
        module.num_heads, module.head_dim = module.num_heads // 2, 2 * module.head_dim
        module.scale = module.head_dim ** -0.5
    return len(found)


def cost(model, image, logits, spoil):
    """None where there is nothing to spoil, or what remains fits no table of positions."""
    spoilt = copy.deepcopy(model)
    try:
        return float((spoilt(image) - logits).abs().max() / logits.abs().max()) if spoil(spoilt) else None
    except RuntimeError:
        return None


def main():
    torch.set_num_threads(1)
    for name in sys.argv[1:]:
        random = torch.Generator().manual_seed(zlib.crc32(f"{name} 0".encode()))
        model, _ = build(name)
        image = random_input(model, random)
        scramble(model, image, random)
        norms = [place for place, module in model.named_modules() if has_epsilon(module)]
        with torch.no_grad():
            logits = model(image)
            spoils = {"epsilon": lambda m: spoil_epsilon(m, norms), "GELU": spoil_gelu, "heads": spoil_heads}
            costs = {what: cost(model, image, logits, spoil) for what, spoil in spoils.items()}
            alone = [(cost(model, image, logits, lambda m, at=at: spoil_epsilon(m, [at])), at) for at in norms]
        if alone:
            costs[f"epsilon of {min(alone)[1]}"] = min(alone)[0]
        print(name, ", ".join(f"{what} {value:.0e}" for what, value in costs.items() if value is not None), flush=True)


if __name__ == "__main__":
    main()
