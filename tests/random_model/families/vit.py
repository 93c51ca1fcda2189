"""ViT, DeiT, CLIP and DINOv2: sizes alone."""
MILLIONS = dict(
    vit_tiny_patch16_224=5.72, vit_small_patch16_224=22.05, vit_base_patch16_224=86.57, vit_large_patch16_224=304.33,
    deit_tiny_distilled_patch16_224=5.91, deit_small_distilled_patch16_224=22.44, vit_wee_patch16_reg1_gap_256=13.42,
    vit_small_patch14_dinov2=22.06, vit_base_patch32_clip_224=87.85, vit_giant_patch14_dinov2=1136.48)
