#!/usr/bin/env python3
"""Compares tools/random_model with the reference implementation: names and shapes, and sizes.

Usage: compare.py RANDOM_MODEL GOLDEN_FOLDER
Folders in GOLDEN_FOLDER hold small models that timm wrote; of an architecture that the tool knows, it must have the same
tensors. The forward passes that Fovea is compared with elsewhere (against_program.py) are checked here against
the logits timm gave.
"""
import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import numpy as np  # noqa: E402
from hub import VARIANTS, Model  # noqa: E402
from reference import logits, read_safetensors  # noqa: E402

# What config.json keeps silent about: widths, and that this CoAtNet is not put together as the published one is.
SILENT = {"botnet26t_mini": dict(stem=16, channels=[32, 64, 128, 128]),
          "coatnet_mini": dict(pre_norm_act=True, gate="relu")}

# Millions of parameters, as timm's result tables have them; BatchNorm's statistics do not count.
MILLIONS = dict(
    mobilevit_xxs=1.27, mobilevit_xs=2.32, mobilevit_s=5.58, mobilevitv2_050=1.37, mobilevitv2_075=2.87,
    mobilevitv2_100=4.90, mobilevitv2_125=7.48, mobilevitv2_150=10.59, mobilevitv2_175=14.25, mobilevitv2_200=18.45,
    resnet18=11.69, resnet34=21.80, resnet50=25.56, resnet101=44.55, resnet152=60.19,
    seresnet18=11.78, seresnet34=21.96, seresnet50=28.09, seresnet101=49.33, seresnet152=66.82,
    legacy_seresnet18=11.78, legacy_seresnet34=21.96, legacy_seresnet50=28.09, legacy_seresnet101=49.33,
    legacy_seresnet152=66.82, botnet26t_256=12.49,
    coatnet_nano_rw_224=15.14, coatnet_0_rw_224=27.44, coatnet_1_rw_224=41.72, coatnet_2_rw_224=73.87,
    swin_tiny_patch4_window7_224=28.29, swin_small_patch4_window7_224=49.61, swin_base_patch4_window7_224=87.77,
    swin_base_patch4_window12_384=87.90, tiny_vit_5m_224=5.39, tiny_vit_11m_224=11.00, tiny_vit_21m_224=21.20,
    tiny_vit_21m_384=21.23, tiny_vit_21m_512=21.27, pvt_v2_b0=3.67, pvt_v2_b1=14.01, pvt_v2_b2=25.36,
    pvt_v2_b2_li=22.55, pvt_v2_b3=45.24, pvt_v2_b4=62.56, pvt_v2_b5=81.96,
    convnext_atto=3.70, convnext_femto=5.22, convnext_pico=9.05, convnext_nano=15.59, convnext_tiny=28.59,
    convnext_small=50.22, convnext_base=88.59, convnext_large=197.77, convnext_xlarge=350.20,
    convnext_xxlarge=846.47, convnextv2_femto=5.23, convnextv2_pico=9.07, convnextv2_nano=15.62,
    convnextv2_tiny=28.64, convnextv2_small=50.32, convnextv2_base=88.72, convnextv2_large=197.96,
    convnextv2_atto=3.71, convnextv2_huge=660.29, convnext_atto_ols=3.70, convnext_femto_ols=5.23,
    convnext_pico_ols=9.06, convnext_nano_ols=15.65, convnext_tiny_hnf=28.59, convnext_large_mlp=200.13,
    efficientnet_b0=5.29, tf_efficientnet_b0=5.29, efficientnet_b1=7.79, tf_efficientnet_b1=7.79,
    efficientnet_b2=9.11, tf_efficientnet_b2=9.11, efficientnet_b3=12.23, tf_efficientnet_b3=12.23,
    efficientnet_b4=19.34, tf_efficientnet_b4=19.34, efficientnet_b5=30.39, tf_efficientnet_b5=30.39,
    efficientnet_b6=43.04, tf_efficientnet_b6=43.04, efficientnet_b7=66.35, tf_efficientnet_b7=66.35,
    efficientnet_lite0=4.65, efficientnet_es=5.44, efficientnetv2_s=21.46, tf_efficientnetv2_b0=7.14,
    mobilenetv1_100=4.23, mobilenetv2_100=3.50, mobilenetv2_140=6.11, mnasnet_100=4.38, mobilenetv3_large_075=3.99,
    mobilenetv3_large_100=5.48, mobilenetv3_small_050=1.59, mobilenetv3_small_075=2.04, mobilenetv3_small_100=2.54,
    tf_mobilenetv3_large_100=5.48, tf_mobilenetv3_small_100=2.54,
    swinv2_tiny_window8_256=28.35, swinv2_small_window8_256=49.73, swinv2_base_window8_256=87.92,
    swinv2_base_window12_192=109.28, swinv2_large_window12to16_192to256=196.74,
    beit_base_patch16_224=86.53, beit_base_patch16_384=86.74, beit_large_patch16_224=304.43,
    beit_large_patch16_512=305.67, beitv2_large_patch16_224=304.43,
    vit_tiny_patch16_224=5.72, vit_small_patch16_224=22.05, vit_base_patch16_224=86.57, vit_large_patch16_224=304.33,
    deit_tiny_distilled_patch16_224=5.91, deit_small_distilled_patch16_224=22.44, vit_wee_patch16_reg1_gap_256=13.42,
    vit_small_patch14_dinov2=22.06, vit_base_patch32_clip_224=87.85, vit_giant_patch14_dinov2=1136.48,
    eva_giant_patch14_224=1012.56, eva02_tiny_patch14_336=5.76, eva02_base_patch14_448=87.12,
    eva02_large_patch14_clip_336=304.43, eva02_enormous_patch14_clip_224=4350.56, vit_small_patch16_rope_224=21.98,
    vit_base_patch16_rope_mixed_ape_224=86.59, vit_betwixt_patch16_rope_reg4_gap_256=60.23,
    vit_pe_core_tiny_patch16_384=6.14, vit_pe_core_gigantic_patch14_448=1882.03, vit_pe_lang_large_patch14_448=291.42,
    vit_pe_spatial_base_patch16_512=86.43, vit_small_patch16_dinov3=21.59, vit_small_plus_patch16_dinov3_qkvb=28.69,
    vit_huge_plus_patch16_dinov3=840.51, vit_7b_patch16_dinov3=6716.03)
STATISTICS = (".running_mean", ".running_var")


def mini(folder):
    config = json.loads((folder / "config.json").read_text())
    args = config["model_args"]
    model = Model(config["architecture"], args, SILENT.get(folder.name),
                  None if "num_classes" in args else config["num_classes"], config["pretrained_cfg"]["input_size"][1:])
    weights = read_safetensors(folder / "model.safetensors")
    ours = {name: tensor[0] for name, tensor in model.tensors(counters=False)[0].items()}
    theirs = {name: tensor.shape for name, tensor in weights.items()}
    faults = [f"{folder.name}: {name} is {ours.get(name)}, timm's is {theirs.get(name)}"
              for name in sorted(ours.keys() | theirs.keys()) if ours.get(name) != theirs.get(name)]
    reference = read_safetensors(folder / "reference.safetensors")
    result = None if faults else logits(model, weights, reference["input"])
    if result is not None and np.abs(result - reference["logits"]).max() > 1e-4:
        faults.append(f"{folder.name}: logits {result[0][:3]}, timm's {reference['logits'][0][:3]}")
    return faults


def parameters(architecture):
    total = 0
    for name, (shape, _, _) in Model(architecture).tensors(counters=False)[0].items():
        count = 1
        for extent in shape:
            count *= extent
        total += 0 if name.endswith(STATISTICS) else count
    return total


def main():
    folders = sorted(path.parent for path in Path(sys.argv[2]).glob("*/model.safetensors")
                     if json.loads((path.parent / "config.json").read_text()).get("architecture") in VARIANTS)
    faults = [fault for folder in folders for fault in mini(folder)]
    for architecture, millions in MILLIONS.items():
        ours = round(parameters(architecture) / 1e6, 2)
        if abs(ours - millions) > 0.006:
            faults.append(f"{architecture} has {ours} M parameters, timm's {millions} M")
    if not folders:
        faults.append(f"no model in {sys.argv[2]}")
    print("\n".join(faults) or f"{len(folders)} small models and {len(MILLIONS)} sizes agree, of {len(VARIANTS)}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
