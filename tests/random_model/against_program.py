#!/usr/bin/env python3
"""Compares `fovea run` with forward passes in numpy, on random models that config.json and hub names alone describe.

Usage: against_program.py RANDOM_MODEL FOVEA [--full] [PATTERN...]
  --full   the architectures at their full size: minutes each, and gigabytes of memory for the largest
  PATTERN  which architectures, such as 'swin_*'; all without one
What golden folders do not have is here: other widths and depths, sizes that no patch or window divides, the older
SE-ResNet, basic blocks, linear PVT, and the buffers that files hold beside their weights.
"""
import fnmatch
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import numpy as np  # noqa: E402
from hub import VARIANTS, Model, write, write_safetensors  # noqa: E402
from reference import logits, read_safetensors  # noqa: E402

COAT = dict(embed_dim=[16, 32, 64, 96], stem_width=[8, 16])
TINY = dict(embed_dims=[16, 32, 40, 80], depths=[1, 1, 2, 1], num_heads=[1, 2, 2, 4])
PVT = dict(embed_dims=[8, 16, 40, 64], depths=[1, 2, 1, 1])
CONVNEXT = dict(dims=[16, 24, 32, 48], depths=[1, 1, 2, 1])
NARROW = dict(channel_multiplier=0.25)
# Architecture, what config.json tells, what it does not, rows and columns of the input.
SMALL = [
    ("resnet18", dict(layers=[1, 2, 1, 1], channels=[8, 16, 24, 36]), {}, 72),
    ("resnet50", dict(layers=[1, 1, 2, 1], channels=[8, 12, 16, 20]), {}, (56, 88)),
    ("seresnet34", dict(layers=[1, 1, 2, 1], channels=[8, 16, 24, 36]), {}, 65),
    ("seresnet50", dict(layers=[1, 2, 1, 1], channels=[8, 12, 16, 20]), {}, 64),
    ("cbam_resnet50", dict(layers=[1, 1, 2, 1], channels=[8, 12, 16, 20]), {}, 72),
    ("legacy_seresnet18", {}, {}, 64),
    ("legacy_seresnet50", {}, {}, 66),
    ("mobilevit_xxs", {}, {}, 80),
    ("mobilevit_xs", {}, {}, 64),
    ("mobilevitv2_075", {}, {}, 80),
    ("botnet26t_256", {}, dict(stem=16, channels=[32, 64, 96, 128]), 96),
    ("coatnet_nano_rw_224", dict(COAT, depths=[1, 2, 1, 1]), dict(pre_norm_act=True, gate="relu"), 96),
    ("coatnet_nano_rw_224", {}, dict(COAT, depths=[1, 2, 1, 1]), 96),
    ("coatnet_0_rw_224", dict(COAT, depths=[2, 1, 2, 1]), {}, 64),
    ("coatnet_1_rw_224", dict(COAT, depths=[1, 2, 1, 1]), {}, 64),
    ("coatnet_2_rw_224", dict(COAT, depths=[1, 1, 1, 2]), {}, 64),
    ("swin_tiny_patch4_window7_224", dict(embed_dim=24, depths=[2, 2], num_heads=[2, 4], img_size=56), {}, 56),
    ("swin_base_patch4_window12_384", dict(embed_dim=12, depths=[2, 2], num_heads=[1, 2], img_size=96), {}, 96),
    ("swinv2_tiny_window8_256", dict(embed_dim=24, depths=[2, 2], num_heads=[2, 4], img_size=64), {}, 64),
    ("swinv2_base_window12to16_192to256", dict(embed_dim=12, depths=[2, 1, 1, 2], num_heads=[1, 2, 3, 4], img_size=128),
     {}, 128),
    ("beit_base_patch16_224", dict(embed_dim=48, depth=2, num_heads=3, img_size=96), {}, 96),
    ("beit_base_patch16_224", dict(embed_dim=40, depth=2, num_heads=4, use_abs_pos_emb=True, global_pool="token",
                                   use_rel_pos_bias=False, use_shared_rel_pos_bias=True, init_values=0.0), {}, (64, 96)),
    ("beitv2_large_patch16_224", dict(embed_dim=48, depth=2, num_heads=3, swiglu_mlp=True), {}, 64),
    ("tiny_vit_5m_224", dict(TINY, img_size=112), {}, 112),
    ("tiny_vit_21m_384", dict(TINY, window_sizes=[12, 12, 24, 12], img_size=96), {}, 96),
    ("pvt_v2_b0", PVT, {}, 96),
    ("pvt_v2_b2_li", PVT, {}, (80, 112)),
    ("pvt_v2_b5", PVT, {}, 64),
    ("convnext_tiny", CONVNEXT, {}, (64, 99)),
    ("convnext_tiny_hnf", CONVNEXT, {}, 64),
    ("convnext_pico_ols", CONVNEXT, {}, (67, 64)),
    ("convnext_large_mlp", dict(CONVNEXT, head_hidden_size=24), {}, 64),
    ("convnextv2_atto", CONVNEXT, {}, 71),
    ("efficientnet_b0", {}, NARROW, (64, 75)),
    ("tf_efficientnet_b1", {}, NARROW, (66, 75)),
    ("efficientnet_lite0", {}, NARROW, 64),
    ("efficientnet_es", {}, NARROW, 64),
    ("efficientnetv2_s", {}, dict(NARROW, depth_multiplier=0.3), 64),
    ("mobilenetv1_100", {}, NARROW, 64),
    ("mobilenetv2_100", {}, NARROW, 64),
    ("mnasnet_100", {}, NARROW, 64),
    ("mobilenetv3_large_100", {}, NARROW, (64, 67)),
    ("mobilenetv3_small_050", {}, {}, 64),
    ("tf_mobilenetv3_small_100", {}, NARROW, (64, 67)),
]


def compare(program, folder, model):
    """What differs, or nothing."""
    write(model, folder / "model", counters=True, old_buffers=True)
    random = np.random.default_rng(1)
    images = random.normal(0, 1, (2, 3, *model.all_args["img_size"])) + random.normal(0, 1, (2, 3, 1, 1))
    images = images.astype("f4")
    write_safetensors(folder / "input.safetensors", {"input": (images.shape, "F32", lambda *_: images)}, None)
    run = subprocess.run([program, "run", "--model", folder / "model", "--dtype", "fp32", "--input",
                          folder / "input.safetensors", "--output", folder / "output.safetensors"],
                         capture_output=True, text=True)
    if run.returncode:
        return f"exit {run.returncode}: {(run.stderr.strip().splitlines() or [''])[-1]}"
    ours = read_safetensors(folder / "output.safetensors")["logits"]
    theirs = logits(model, read_safetensors(folder / "model" / "model.safetensors"), images)
    if ours.shape != theirs.shape:
        return f"logits are {ours.shape} instead of {theirs.shape}"
    off, size = np.abs(ours - theirs).max(), np.abs(theirs).max()
    return f"logits are off by {off:.2g}, the largest is {size:.2g}" if not off <= 2e-4 * max(size, 1) else ""


def main():
    program, patterns = sys.argv[2], sys.argv[3:]
    full = "--full" in patterns
    patterns = [pattern for pattern in patterns if pattern != "--full"] or ["*"]
    models = [Model(name) for name in VARIANTS if not name.startswith(("vit_", "deit"))] if full else [
        Model(name, args, silent, 10, size) for name, args, silent, size in SMALL]
    models = [m for m in models if any(fnmatch.fnmatch(m.architecture, pattern) for pattern in patterns)]
    failed = 0
    for model in models:
        with tempfile.TemporaryDirectory() as folder:
            fault = compare(program, Path(folder), model)
        failed += fault != ""
        print(f"{'FAILED' if fault else 'ok':6} {model.architecture:32} {json.dumps(model.all_args['img_size']):10} {fault}",
              flush=True)
    print(f"{len(models)} compared, {failed} failed")
    return 1 if failed or not models else 0


if __name__ == "__main__":
    sys.exit(main())
