"""Models that write: a ViT or DeiT and a decoder of transformers' (models/vision_encoder_decoder, trocr, gpt2)."""
from parts import BRANCH, GELU, RELU, normal

TROCR_SMALL = dict(decoder="trocr", width=256, depth=6, num_heads=8, hidden=1024, vocabulary=64044, positions=512,
                   embed_dim=384, encoder_depth=12, encoder_heads=6,
                   encoder_hidden=1536, distilled=True, end=2, start=2, pad=1)
VIT_GPT2 = dict(decoder="gpt2", width=768, depth=12, num_heads=12, hidden=3072, vocabulary=50257, positions=1024,
                embed_dim=768, encoder_depth=12, encoder_heads=12,
                encoder_hidden=3072, distilled=False, end=50256, start=50256, pad=50256)
HALF = dict(mean=[0.5] * 3, std=[0.5] * 3)
VARIANTS = {"trocr_small": (TROCR_SMALL, dict(input_size=[3, 384, 384], **HALF)), "vit_gpt2": (VIT_GPT2, HALF)}
DEFAULTS = dict(patch=16)


def build_encoder(at, args):
    width, rows = args["embed_dim"], args["img_size"][0] // 16 * (args["img_size"][1] // 16)
    at.add("embeddings.cls_token", (1, 1, width), normal(0, 0.5))
    if args["distilled"]:
        at.add("embeddings.distillation_token", (1, 1, width), normal(0, 0.5))
    at.add("embeddings.position_embeddings", (1, rows + 1 + args["distilled"], width), normal(0, 0.5))
    at.conv("embeddings.patch_embeddings.projection", 3, width, 16, bias=True)
    for i in range(args["encoder_depth"]):
        layer = at / f"encoder.layer.{i}"
        for name in ("query", "key", "value"):
            layer.linear(f"attention.attention.{name}", width, width)
        layer.linear("attention.output.dense", width, width, gain=BRANCH)
        layer.linear("intermediate.dense", width, args["encoder_hidden"])
        layer.linear("output.dense", args["encoder_hidden"], width, gain=GELU * BRANCH)
        layer.layer_norm("layernorm_before", width)
        layer.layer_norm("layernorm_after", width)
    at.layer_norm("layernorm", width)
    if not args["distilled"]:
        at.linear("pooler.dense", width, width)


def build_trocr(at, args):
    width, memory, hidden = args["width"], args["embed_dim"], args["hidden"]
    inner = at / "model.decoder"
    inner.add("embed_tokens.weight", (args["vocabulary"], width), normal(0, width ** -0.5))
    inner.add("embed_positions.weight", (args["positions"] + 2, width), normal(0, 0.5))
    inner.layer_norm("layernorm_embedding", width)
    for i in range(args["depth"]):
        layer = inner / f"layers.{i}"
        for name, inputs in (("self_attn", width), ("encoder_attn", memory)):
            layer.linear(f"{name}.q_proj", width, width)
            layer.linear(f"{name}.k_proj", inputs, width)
            layer.linear(f"{name}.v_proj", inputs, width)
            layer.linear(f"{name}.out_proj", width, width)
            layer.layer_norm(f"{name}_layer_norm", width)
        layer.linear("fc1", width, hidden)
        layer.linear("fc2", hidden, width, gain=RELU)
        layer.layer_norm("final_layer_norm", width)
    at.linear("output_projection", width, args["vocabulary"], bias=False)


def conv1d(at, name, inputs, columns, gain=1.0):
    """GPT-2's linear layer, whose matrix lies the other way round."""
    at.add(f"{name}.weight", (inputs, columns), normal(0, (gain / inputs) ** 0.5))
    at.add(f"{name}.bias", (columns,), normal(0, 0.05))


def build_gpt2(at, args):
    width, hidden = args["width"], args["hidden"]
    inner = at / "transformer"
    inner.add("wte.weight", (args["vocabulary"], width), normal(0, width ** -0.5))
    inner.add("wpe.weight", (args["positions"], width), normal(0, 0.05))
    for i in range(args["depth"]):
        layer = inner / f"h.{i}"
        conv1d(layer, "attn.c_attn", width, 3 * width)
        conv1d(layer, "attn.c_proj", width, width, BRANCH)
        conv1d(layer, "crossattention.q_attn", width, width)
        conv1d(layer, "crossattention.c_attn", width, 2 * width)
        conv1d(layer, "crossattention.c_proj", width, width, BRANCH)
        conv1d(layer, "mlp.c_fc", width, hidden)
        conv1d(layer, "mlp.c_proj", hidden, width, GELU * BRANCH)
        for name in ("ln_1", "ln_cross_attn", "ln_2"):
            layer.layer_norm(name, width)
    inner.layer_norm("ln_f", width)


def build(net, args):
    build_encoder(net / "encoder", args)
    (build_trocr if args["decoder"] == "trocr" else build_gpt2)(net / "decoder", args)
    return args["width"]


def config(args):
    """As transformers writes it; of the many keys those that change what is computed."""
    encoder = dict(model_type="deit" if args["distilled"] else "vit", hidden_size=args["embed_dim"],
                   num_hidden_layers=args["encoder_depth"], num_attention_heads=args["encoder_heads"],
                   intermediate_size=args["encoder_hidden"], image_size=args["img_size"][0], patch_size=16,
                   num_channels=3, hidden_act="gelu", layer_norm_eps=1e-12, qkv_bias=True)
    if args["decoder"] == "trocr":
        decoder = dict(model_type="trocr", d_model=args["width"], decoder_layers=args["depth"],
                       decoder_attention_heads=args["num_heads"], decoder_ffn_dim=args["hidden"],
                       vocab_size=args["vocabulary"], max_position_embeddings=args["positions"],
                       activation_function="relu", scale_embedding=True, layernorm_embedding=True,
                       use_learned_position_embeddings=True, tie_word_embeddings=False,
                       cross_attention_hidden_size=args["embed_dim"])
    else:
        decoder = dict(model_type="gpt2", n_embd=args["width"], n_layer=args["depth"], n_head=args["num_heads"],
                       n_inner=args["hidden"], vocab_size=args["vocabulary"], n_positions=args["positions"],
                       activation_function="gelu_new", tie_word_embeddings=True)
    return dict(architectures=["VisionEncoderDecoderModel"], model_type="vision-encoder-decoder", encoder=encoder,
                decoder=dict(decoder, add_cross_attention=True, is_decoder=True), tie_word_embeddings=False,
                decoder_start_token_id=args["start"], eos_token_id=args["end"], pad_token_id=args["pad"])
