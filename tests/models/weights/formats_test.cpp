// The same model in the other forms hubs give: transformers' names, fp16 and bf16 weights.
#include <cstring>
#include <fstream>
#include <map>

#include "core/half.h"
#include "tests/models/golden.h"
#include "tests/temporary_folder.h"

namespace {

namespace fs = std::filesystem;

std::vector<fovea::io::OutputTensor> tensors_of(const char* name) {
  std::vector<fovea::io::OutputTensor> out;
  const auto file = fovea::io::Safetensors::open(golden::folder(name) / "model.safetensors");
  for (const auto& t : file.tensors()) out.push_back({t.name, t.shape, fovea::io::to_float(t)});
  return out;
}

// Written here from the description of transformers' ViTForImageClassification, not from the library's
// mapping.
std::vector<fovea::io::OutputTensor> as_transformers(const std::vector<fovea::io::OutputTensor>& timm) {
  const std::map<std::string, std::string> whole{
      {"cls_token", "vit.embeddings.cls_token"},
      {"pos_embed", "vit.embeddings.position_embeddings"},
      {"patch_embed.proj.weight", "vit.embeddings.patch_embeddings.projection.weight"},
      {"patch_embed.proj.bias", "vit.embeddings.patch_embeddings.projection.bias"},
      {"norm.weight", "vit.layernorm.weight"},
      {"norm.bias", "vit.layernorm.bias"},
      {"head.weight", "classifier.weight"},
      {"head.bias", "classifier.bias"}};
  const std::map<std::string, std::string> in_block{{"norm1", "layernorm_before"},
                                                    {"norm2", "layernorm_after"},
                                                    {"attn.proj", "attention.output.dense"},
                                                    {"mlp.fc1", "intermediate.dense"},
                                                    {"mlp.fc2", "output.dense"}};
  std::vector<fovea::io::OutputTensor> out;
  for (const auto& t : timm) {
    if (const auto found = whole.find(t.name); found != whole.end()) {
      out.push_back({found->second, t.shape, t.values});
      continue;
    }
    const size_t number_end = t.name.find('.', 7), last = t.name.rfind('.');
    const std::string block = "vit.encoder.layer." + t.name.substr(7, number_end - 7) + ".";
    const std::string part = t.name.substr(number_end + 1, last - number_end - 1), leaf = t.name.substr(last);
    if (part == "attn.qkv") {
      const size_t third = t.values.size() / 3;
      auto shape = t.shape;
      shape[0] /= 3;
      for (size_t i = 0; const char* name : {"query", "key", "value"}) {
        const auto from = t.values.begin() + static_cast<std::ptrdiff_t>(i++ * third);
        out.push_back({block + "attention.attention." + name + leaf,
                       shape,
                       {from, from + static_cast<std::ptrdiff_t>(third)}});
      }
    } else {
      out.push_back({block + in_block.at(part) + leaf, t.shape, t.values});
    }
  }
  return out;
}

// model.safetensors with every tensor in a 16-bit type, values rounded by cutting (bf16) or to nearest
// (fp16).
void write_16_bit(const fs::path& path, const std::vector<fovea::io::OutputTensor>& tensors, bool bfloat) {
  std::string header = "{", data;
  for (const auto& t : tensors) {
    const size_t begin = data.size();
    for (const float v : t.values) {
      uint16_t bits = fovea::float_to_half(v);
      if (bfloat) {
        uint32_t whole = 0;
        std::memcpy(&whole, &v, 4);
        bits = static_cast<uint16_t>(whole >> 16);
      }
      data.append(reinterpret_cast<const char*>(&bits), 2);
    }
    std::string shape;
    for (const uint64_t d : t.shape) shape += (shape.empty() ? "" : ",") + std::to_string(d);
    header += (header.size() > 1 ? "," : "") +
              ("\"" + t.name + "\":{\"dtype\":\"" + (bfloat ? "BF16" : "F16") + "\",\"shape\":[" + shape +
               "],\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(data.size()) + "]}");
  }
  header += "}";
  const uint64_t size = header.size();
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(&size), 8);
  out << header << data;
}

std::vector<float> logits_of(const fs::path& folder) {
  const auto model = fovea::Model::load(fovea::Device::open(), folder, {fovea::Precision::fp32, 0, 0});
  return golden::answer(model, golden::Reference(golden::folder("vit_mini")).values("input"))
      .at("logits")
      .values;
}

}  // namespace

TEST_CASE("A transformers ViT gives the logits of the timm ViT it was made from") {
  const fovea::test::TemporaryFolder folder;
  fovea::io::write_safetensors(folder / "model.safetensors", as_transformers(tensors_of("vit_mini")));
  std::ofstream(folder / "config.json")
      << R"({"architectures": ["ViTForImageClassification"], "model_type": "vit",
    "hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 3, "intermediate_size": 192, "hidden_act": "gelu",
    "image_size": 64, "patch_size": 16, "layer_norm_eps": 1e-6, "id2label": {"0": "a", "1": "b", "2": "c", "3": "d",
    "4": "e", "5": "f", "6": "g", "7": "h", "8": "i", "9": "j"}})";
  const auto expected = golden::Reference(golden::folder("vit_mini")).values("logits");
  CHECK(golden::largest_difference(logits_of(folder.path()), expected) <= 1e-4);
  const auto model = fovea::Model::load(fovea::Device::open(), folder.path());
  CHECK(model.info().labels.at(9) == "j");
  CHECK(model.info().architecture == "ViTForImageClassification");
}

TEST_CASE(
    "A transformers ViT without a head gives its last state, and what its pooler makes of the class token") {
  const fovea::test::TemporaryFolder folder;
  auto tensors = as_transformers(tensors_of("vit_mini"));
  std::erase_if(tensors, [](const auto& t) { return t.name.starts_with("classifier"); });
  for (auto& t : tensors) t.name = t.name.substr(4);  // ViTModel names its parts without "vit."
  std::vector<float> weight(48 * 48), bias(48);
  for (size_t i = 0; i < weight.size(); ++i) weight[i] = 0.01F * static_cast<float>(i * 7 % 31) - 0.15F;
  for (size_t i = 0; i < bias.size(); ++i) bias[i] = 0.02F * static_cast<float>(i % 5);
  tensors.push_back({"pooler.dense.weight", {48, 48}, weight});
  tensors.push_back({"pooler.dense.bias", {48}, bias});
  fovea::io::write_safetensors(folder / "model.safetensors", tensors);
  std::ofstream(folder / "config.json") << R"({"architectures": ["ViTModel"], "model_type": "vit",
    "hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 3, "intermediate_size": 192, "hidden_act": "gelu",
    "image_size": 64, "patch_size": 16, "layer_norm_eps": 1e-6})";
  const auto model = fovea::Model::load(fovea::Device::open(), folder.path(), {fovea::Precision::fp32, 0, 0});
  CHECK_FALSE(model.info().has_head);
  CHECK(model.info().classes == 0);

  const golden::Reference reference(golden::folder("vit_mini"));
  const auto out = golden::answer(model, reference.values("input"));
  CHECK_FALSE(out.contains("logits"));
  const auto features = reference.values("features");  // [2, 17, 48]
  CHECK(golden::largest_difference(out.at("last_hidden_state").values, features) <= 1e-4);
  std::vector<float> pooled;
  for (size_t image = 0; image < 2; ++image)
    for (size_t column = 0; column < 48; ++column) {
      double sum = double{bias[column]};
      for (size_t i = 0; i < 48; ++i)
        sum += double{weight[column * 48 + i]} * double{features[image * 17 * 48 + i]};
      pooled.push_back(static_cast<float>(std::tanh(sum)));
    }
  CHECK(golden::largest_difference(out.at("pooler_output").values, pooled) <= 1e-4);

  // No classes, and yet maps.
  fovea::SessionOptions options;
  options.attention = true;
  fovea::Session session(model, options);
  const std::vector<uint8_t> pixels(64 * 64 * 3, 90);
  const fovea::ImageView view{pixels.data(), 64, 64, 64 * 3, fovea::PixelFormat::rgb8};
  CHECK(session.classify({&view, 1}).front().topk.empty());
  CHECK(session.map({}).values.size() == 16);
  CHECK_THROWS_WITH_AS(session.logits({}, 1), doctest::Contains("has no logits"), fovea::Error);
  fovea::Live live(model);
  live.submit(view, 0);
  CHECK(live.collect()->topk.empty());
}

TEST_CASE("Weights stored as fp16 and bf16 load and stay close") {
  const auto expected = golden::Reference(golden::folder("vit_mini")).values("logits");
  for (const bool bfloat : {false, true}) {
    CAPTURE(bfloat);
    const fovea::test::TemporaryFolder folder;
    write_16_bit(folder / "model.safetensors", tensors_of("vit_mini"), bfloat);
    fs::copy_file(golden::folder("vit_mini") / "config.json", folder / "config.json");
    const double difference = golden::largest_difference(logits_of(folder.path()), expected);
    // Rounding errors of the weights, relative 2^-12 (fp16) or 2^-8 (bf16, cut), through three blocks.
    CHECK(difference <= (bfloat ? 8.0 / 256 : 8.0 / 4096) * golden::largest(expected));
    CHECK(difference > 0);
  }
}
