"""EVA, EVA-02, DINOv3, RoPE-ViT and Perception Encoder: sizes alone."""
MILLIONS = dict(
    eva_giant_patch14_224=1012.56, eva02_tiny_patch14_336=5.76, eva02_base_patch14_448=87.12,
    eva02_large_patch14_clip_336=304.43, eva02_enormous_patch14_clip_224=4350.56, vit_small_patch16_rope_224=21.98,
    vit_base_patch16_rope_mixed_ape_224=86.59, vit_betwixt_patch16_rope_reg4_gap_256=60.23,
    vit_pe_core_tiny_patch16_384=6.14, vit_pe_core_gigantic_patch14_448=1882.03, vit_pe_lang_large_patch14_448=291.42,
    vit_pe_spatial_base_patch16_512=86.43, vit_small_patch16_dinov3=21.59, vit_small_plus_patch16_dinov3_qkvb=28.69,
    vit_huge_plus_patch16_dinov3=840.51, vit_7b_patch16_dinov3=6716.03)
