"""Relevance of a picture's tokens for every token of a generated text, as golden data.

    text_relevance.py FOLDER OUT.safetensors

FOLDER holds config.json, model.safetensors (the hub's transformers naming) and
reference.safetensors (inputs and outputs of the transformers implementation, fp32) of a
VisionEncoderDecoderModel (ViT or DeiT encoder; TrOCR or GPT-2 decoder), BlipForConditionalGeneration
or BlipForQuestionAnswering. The forward passes here are written from scratch in float64 and first
compared with the reference: hidden states, logits, attention probabilities, greedily chosen ids.

Then, for the first picture (and question), the generated ids g[0..n] (start to end id) and each
k = 1..n: y = logit of g[k] after g[0..k-1]; the gradients of y by all attention probabilities give
the relevance of the encoder's tokens by Chefer, Gur & Wolf 2021, "Generic Attention-model
Explainability for Interpreting Bi-Modal and Encoder-Decoder Transformers":

    C(A) = mean over heads of ReLU(dy/dA * A)
    self-attention of x (looking at c):  R_xx += C R_xx,  R_xc += C R_xc   (from the old values)
    cross-attention of x to c:           R_xc += N(R_xx)^T C N(R_cc)
    N(R) = (R - I) with each row divided by its sum (a zero row stays zero), + I

OUT: ids [n+1] I64, g; all else F32:
    relevance  [n,K]  row k-1: the last row of R_qi for y of g[k]; K encoder tokens, class (and
                      distillation) token first. Question answering: the answer q looks at the
                      question s only, so it is (last row of R_qs) R_si.
    target     [1]    y for k = n
    by_memory  [S,W]  dy/d(memory) for k = n; memory: what cross-attention's keys and values are from
    first_row  [K]    relevance for k = n with R_ii = I (not for question answering)
    evidence   [n,K]  GPT-2 alone, one norm behind all layers: with the norm's deviation held the logit is
                      w . x + constant, w = (gamma * W[g[k]]) / sigma minus its mean, and what each encoder token
                      gave through cross-attention is sum over layers, heads of A * d(w . y)/dA, y the layer's
                      sum c_proj(A V)
"""
import json
import math
import struct
import sys

import torch
import torch.nn.functional as F

DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16,
          "I64": torch.int64, "I32": torch.int32, "BOOL": torch.bool}
ACTIVATIONS = {"relu": F.relu, "gelu": F.gelu, "gelu_new": lambda x: F.gelu(x, approximate="tanh")}
TOLERANCE = 1e-4


def load(path):
    with open(path, "rb") as file:
        data = file.read()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, entry in json.loads(data[8:start]).items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            flat = torch.frombuffer(bytearray(data[start + begin:start + end]), dtype=DTYPES[entry["dtype"]])
            tensors[name] = (flat.double() if flat.is_floating_point() else flat).reshape(entry["shape"])
    return tensors


def save(path, tensors):
    names = {dtype: name for name, dtype in DTYPES.items()}
    header, data = {}, b""
    for name, tensor in tensors.items():
        blob = tensor.detach().contiguous().numpy().tobytes()
        header[name] = {"dtype": names[tensor.dtype], "shape": list(tensor.shape),
                        "data_offsets": [len(data), len(data) + len(blob)]}
        data += blob
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # so that the data starts at a multiple of 8
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


class Weights:
    """The file's tensors under a prefix."""

    def __init__(self, tensors, prefix=""):
        self.tensors, self.prefix = tensors, prefix

    def at(self, name):
        return Weights(self.tensors, self.prefix + name + ".")

    def get(self, name):
        return self.tensors.get(self.prefix + name)

    def linear(self, name, x):
        return F.linear(x, self.get(name + ".weight"), self.get(name + ".bias"))

    def conv1d(self, name, x):  # GPT-2's Conv1D: weight [in, out]
        return x @ self.get(name + ".weight") + self.get(name + ".bias")

    def norm(self, name, x, eps):
        return F.layer_norm(x, x.shape[-1:], self.get(name + ".weight"), self.get(name + ".bias"), eps)


def attention(query, key, value, heads, kept, allowed=None):
    """softmax(q k^T / sqrt(d)) v; the probabilities [B,heads,T,S] go to the list `kept`."""
    query, key, value = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (query, key, value))
    scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
    if allowed is not None:
        scores = scores.masked_fill(~allowed, -math.inf)
    probabilities = scores.softmax(-1)
    if probabilities.requires_grad:
        probabilities.retain_grad()
    kept.append(probabilities)
    return (probabilities @ value).transpose(1, 2).flatten(2)


def causal(length, mask=None):
    """[B or 1,1,T,T]: a token sees itself and what came before, as far as `mask` [B,T] has a 1."""
    allowed = torch.ones(1, 1, length, length, dtype=torch.bool).tril()
    return allowed if mask is None else allowed & mask.bool()[:, None, None]


VIT = dict(
    classes=("cls_token", "distillation_token"), position="position_embeddings",
    patch="patch_embeddings.projection", layer="encoder.layer", norm1="layernorm_before",
    qkv=["attention.attention." + name for name in ("query", "key", "value")], norm="layernorm",
    out="attention.output.dense", norm2="layernorm_after", fc1="intermediate.dense", fc2="output.dense")
BLIP_VISION = dict(
    classes=("class_embedding",), position="position_embedding", patch="patch_embedding",
    layer="encoder.layers", norm1="layer_norm1", qkv=["self_attn.qkv"], norm="post_layernorm",
    out="self_attn.projection", norm2="layer_norm2", fc1="mlp.fc1", fc2="mlp.fc2")


def picture_encoder(weights, config, names, pixels):
    """Pre-norm: (last hidden state [B,K,W], attention probabilities per layer)."""
    embeddings, kept = weights.at("embeddings"), []
    eps, act = config["layer_norm_eps"], ACTIVATIONS[config["hidden_act"]]
    kernel, bias = (embeddings.get(names["patch"] + end) for end in (".weight", ".bias"))
    cells = F.conv2d(pixels, kernel, bias, stride=kernel.shape[-1]).flatten(2).transpose(1, 2)
    classes = [embeddings.get(name) for name in names["classes"] if embeddings.get(name) is not None]
    x = torch.cat([token.expand(len(pixels), -1, -1) for token in classes] + [cells], 1)
    x = x + embeddings.get(names["position"])
    for index in range(config["num_hidden_layers"]):
        layer = weights.at(f"{names['layer']}.{index}")
        y = layer.norm(names["norm1"], x, eps)
        query, key, value = torch.cat([layer.linear(name, y) for name in names["qkv"]], -1).chunk(3, -1)
        x = x + layer.linear(names["out"], attention(query, key, value, config["num_attention_heads"], kept))
        y = layer.norm(names["norm2"], x, eps)
        x = x + layer.linear(names["fc2"], act(layer.linear(names["fc1"], y)))
    return weights.norm(names["norm"], x, eps), kept


TROCR = dict(looks=("self_attn", "encoder_attn"), qkv=("q_proj", "k_proj", "v_proj"), out="out_proj",
             attention_norm="_layer_norm", fc1="fc1", fc2="fc2", norm="final_layer_norm")
BERT = dict(looks=("attention", "crossattention"), qkv=("self.query", "self.key", "self.value"),
            out="output.dense", attention_norm=".output.LayerNorm", fc1="intermediate.dense",
            fc2="output.dense", norm="output.LayerNorm")


def post_norm(weights, names, layers, heads, act, eps, x, memory, allowed):
    """Self-attention, cross-attention, feed-forward: (hidden state, the former's probabilities per layer)."""
    selves, crosses = [], []
    for index in range(layers):
        layer = weights.at(str(index))
        for name, source, kept, seen in zip(names["looks"], (None, memory), (selves, crosses), (allowed, None)):
            inner, source = layer.at(name), x if source is None else source
            query, key, value = (inner.linear(part, y) for part, y in zip(names["qkv"], (x, source, source)))
            y = inner.linear(names["out"], attention(query, key, value, heads, kept, seen))
            x = layer.norm(name + names["attention_norm"], x + y, eps)
        y = layer.linear(names["fc2"], act(layer.linear(names["fc1"], x)))
        x = layer.norm(names["norm"], x + y, eps)
    return x, selves, crosses


def trocr(weights, config, ids, memory):
    assert config["use_learned_position_embeddings"]
    model, length, eps = weights.at("model.decoder"), ids.shape[1], 1e-5
    x = model.get("embed_tokens.weight")[ids] * (math.sqrt(config["d_model"]) if config["scale_embedding"] else 1)
    x = x + model.get("embed_positions.weight")[2:2 + length]
    if config["layernorm_embedding"]:
        x = model.norm("layernorm_embedding", x, eps)
    x, selves, crosses = post_norm(
        model.at("layers"), TROCR, config["decoder_layers"], config["decoder_attention_heads"],
        ACTIVATIONS[config["activation_function"]], eps, x, memory, causal(length))
    return weights.linear("output_projection", x), selves, crosses


def gpt2(weights, config, ids, memory):
    model, heads, eps = weights.at("transformer"), config["n_head"], config["layer_norm_epsilon"]
    act, length, selves, crosses = ACTIVATIONS[config["activation_function"]], ids.shape[1], [], []
    x = model.get("wte.weight")[ids] + model.get("wpe.weight")[:length]
    for index in range(config["n_layer"]):
        layer = model.at(f"h.{index}")
        query, key, value = layer.conv1d("attn.c_attn", layer.norm("ln_1", x, eps)).chunk(3, -1)
        x = x + layer.conv1d("attn.c_proj", attention(query, key, value, heads, selves, causal(length)))
        query = layer.conv1d("crossattention.q_attn", layer.norm("ln_cross_attn", x, eps))
        key, value = layer.conv1d("crossattention.c_attn", memory).chunk(2, -1)
        added = layer.conv1d("crossattention.c_proj", attention(query, key, value, heads, crosses))
        crosses[-1].added = added
        x = x + added
        x = x + layer.conv1d("mlp.c_proj", act(layer.conv1d("mlp.c_fc", layer.norm("ln_2", x, eps))))
    crosses[-1].stream = x
    return model.norm("ln_f", x, eps) @ model.get("wte.weight").T, selves, crosses


def bert(weights, config, ids, memory, allowed):
    embeddings, eps = weights.at("embeddings"), config["layer_norm_eps"]
    x = embeddings.get("word_embeddings.weight")[ids] + embeddings.get("position_embeddings.weight")[:ids.shape[1]]
    return post_norm(weights.at("encoder.layer"), BERT, config["num_hidden_layers"], config["num_attention_heads"],
                     ACTIVATIONS[config["hidden_act"]], eps, embeddings.norm("LayerNorm", x, eps), memory, allowed)


def bert_decoder(weights, config, ids, memory, mask=None):
    x, selves, crosses = bert(weights.at("bert"), config, ids, memory, causal(ids.shape[1], mask))
    head = weights.at("cls.predictions")
    x = ACTIVATIONS[config["hidden_act"]](head.linear("transform.dense", x))
    x = head.linear("decoder", head.norm("transform.LayerNorm", x, config["layer_norm_eps"]))
    return x + head.get("bias"), selves, crosses


class Model:
    def __init__(self, folder):
        with open(folder + "/config.json") as file:
            self.config = json.load(file)
        self.weights = Weights(load(folder + "/model.safetensors"))
        for tensor in self.weights.tensors.values():
            tensor.requires_grad_(tensor.is_floating_point())
        self.blip = self.config["model_type"] == "blip"
        self.asks = self.config["architectures"][0] == "BlipForQuestionAnswering"
        text = self.config["text_config"] if self.blip else self.config["decoder"]
        self.start = text["bos_token_id"] if self.blip else self.config["decoder_start_token_id"]
        self.end = text["sep_token_id"] if self.blip else self.config["eos_token_id"]

    def encode(self, pixels, question=None, question_mask=None):
        """image (last hidden state), memory, and the attentions image_attn, question_self, question_cross."""
        config, out = self.config, {}
        out["image"], out["image_attn"] = (
            picture_encoder(self.weights.at("vision_model"), config["vision_config"], BLIP_VISION, pixels)
            if self.blip else picture_encoder(self.weights.at("encoder"), config["encoder"], VIT, pixels))
        projected = self.weights.get("enc_to_dec_proj.weight") is not None
        out["memory"] = self.weights.linear("enc_to_dec_proj", out["image"]) if projected else out["image"]
        if self.asks:  # bidirectional; the padding is no key, but is a query like any other
            out["memory"], out["question_self"], out["question_cross"] = bert(
                self.weights.at("text_encoder"), config["text_config"], question, out["image"],
                question_mask.bool()[:, None, None])
        return out

    def decode(self, ids, memory, mask=None):
        if self.blip:  # nothing of the memory is masked
            return bert_decoder(self.weights.at("text_decoder"), self.config["text_config"], ids, memory, mask)
        config = self.config["decoder"]
        return {"trocr": trocr, "gpt2": gpt2}[config["model_type"]](self.weights.at("decoder"), config, ids, memory)

    def greedy(self, memory, steps):
        """One row's ids: the start id, then chosen ones, at most `steps` of them, up to the end id."""
        ids = [self.start]
        while len(ids) <= steps and (len(ids) == 1 or ids[-1] != self.end):
            ids.append(int(self.decode(torch.tensor([ids]), memory)[0][0, -1].argmax()))
        return ids


@torch.no_grad()
def verify(model, reference):
    """Compares with the reference, as far as it has a value; the first generated row up to its end."""
    def same(name, mine, row=...):
        if isinstance(mine, list):
            for index, probabilities in enumerate(mine):
                same(f"{name}.{index}", probabilities, row)
        elif name in reference:  # not all folders have all of them
            difference = (mine - reference[name][row]).abs().max().item()
            print(f"  {name}{'' if row is ... else f', row {row[0]}'}: {difference:.1e}")
            assert mine.shape == reference[name][row].shape and difference < TOLERANCE, name

    ids, mask = reference.get("decoder_input_ids", reference.get("input_ids")), reference.get("attention_mask")
    encoded = model.encode(reference["input"], *((ids, mask) if model.asks else ()))
    same("encoder_last_hidden_state", encoded["image"])
    same("vision_attn" if model.blip else "encoder_attn", encoded["image_attn"])
    if model.asks:
        same("question_hidden_state", encoded["memory"])
        same("question_attn", encoded["question_self"])
    else:
        logits, selves, crosses = model.decode(ids, encoded["memory"], mask)
        same("logits", logits)
        same("decoder_attn", selves)
        same("cross_attn", crosses)

    rows = []
    assert "step_logits" in reference and (model.asks or "logits" in reference)
    for row, generated in enumerate(reference["generated"].tolist()):
        memory = encoded["memory"][row:row + 1]
        ids = model.greedy(memory, len(generated) - 1)
        assert generated[:len(ids)] == ids and len(set(generated[len(ids):])) <= 1, (generated, ids)
        assert reference.get("generated_length", {row: len(ids)})[row] == len(ids)
        rows.append(ids)
        logits, _, crosses = model.decode(torch.tensor([ids[:-1]]), memory)
        same("step_logits", logits[0], (row, slice(len(ids) - 1)))
        same("step_cross_attn", [layer[0] for layer in crosses], (row, slice(None), slice(len(ids) - 1)))
    return rows[0]


def contribution(probabilities):
    return (probabilities.grad * probabilities.detach()).clamp(min=0)[0].mean(0)


def normalized(relevance):
    eye = torch.eye(len(relevance), dtype=relevance.dtype)
    total = (relevance - eye).sum(-1, keepdim=True)
    return (relevance - eye) / torch.where(total == 0, 1.0, total) + eye


def encoder_relevance(attentions):
    own = torch.eye(attentions[0].shape[-1]).double()
    for probabilities in attentions:
        own = own + contribution(probabilities) @ own
    return own


def looking_relevance(selves, crosses, seen):
    """R_xx and R_xc of tokens x that attend to themselves and to c, from `seen` = R_cc."""
    length, width = crosses[0].shape[-2:]
    own, other = torch.eye(length).double(), torch.zeros(length, width).double()
    for self_attention, cross_attention in zip(selves, crosses):
        step = contribution(self_attention)
        own, other = own + step @ own, other + step @ other
        other = other + normalized(own).T @ contribution(cross_attention) @ normalized(seen)
    return own, other


def evidence(model, logits, crosses, chosen):
    """What each encoder token gave to the logit of `chosen` behind the last position."""
    decoder, x = model.weights.at("decoder.transformer"), crosses[-1].stream[0, -1].detach()
    row, gamma, beta = (decoder.get(name).detach() for name in ("wte.weight", "ln_f.weight", "ln_f.bias"))
    sigma = (x.var(unbiased=False) + model.config["decoder"]["layer_norm_epsilon"]).sqrt()
    direction = gamma * row[chosen] / sigma
    direction = direction - direction.mean()
    assert abs(direction @ x + beta @ row[chosen] - logits[0, -1, chosen].detach()) < 1e-9
    total = torch.zeros(crosses[0].shape[-1]).double()
    for index, probabilities in enumerate(crosses):
        [gradient] = torch.autograd.grad(probabilities.added[0, -1] @ direction, probabilities, retain_graph=True)
        parts = (gradient * probabilities.detach())[0, :, -1].sum(0)
        bias = decoder.get(f"h.{index}.crossattention.c_proj.bias").detach()
        assert abs(parts.sum() + bias @ direction - probabilities.added[0, -1].detach() @ direction) < 1e-9
        total = total + parts
    return total


def explain(model, reference, ids):
    names = ("input", "input_ids", "attention_mask") if model.asks else ("input",)
    inputs, rows, given = [reference[name][:1] for name in names], [], []
    for k in range(1, len(ids)):
        encoded = model.encode(*inputs)
        encoded["memory"].retain_grad()
        logits, selves, crosses = model.decode(torch.tensor([ids[:k]]), encoded["memory"])
        target = logits[0, k - 1, ids[k]]
        target.backward(retain_graph=True)
        image = encoder_relevance(encoded["image_attn"])
        if model.asks:
            own, to_image = looking_relevance(encoded["question_self"], encoded["question_cross"], image)
            rows.append(looking_relevance(selves, crosses, own)[1][-1] @ to_image)
        else:
            rows.append(looking_relevance(selves, crosses, image)[1][-1])
        by_memory = encoded["memory"].grad[0].float()
        first_row = None if model.asks else looking_relevance(selves, crosses, torch.eye(len(image)).double())[1][-1]
        if hasattr(crosses[0], "added"):  # last, as it adds to the gradients that are kept
            given.append(evidence(model, logits, crosses, ids[k]))
    out = {"ids": torch.tensor(ids), "relevance": torch.stack(rows).float(),
           "target": target.reshape(1).float(), "by_memory": by_memory}
    if given:
        out["evidence"] = torch.stack(given).float()
    if not model.asks:
        out["first_row"] = first_row.float()
    return out


def main(folder, path):
    torch.set_num_threads(1)
    model, reference = Model(folder), load(folder + "/reference.safetensors")
    print("largest differences from the reference:")
    out = explain(model, reference, verify(model, reference))
    save(path, out)
    relevance = out["relevance"]
    print(f"ids {out['ids'].tolist()}\nrelevance {relevance.min():.3e} .. {relevance.max():.3e}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
