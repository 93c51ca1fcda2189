// BEiT against the reference implementations, and against its definition with parts that no golden folder
// has.
#include <fstream>

#include "tests/models/golden.h"
#include "tests/reference/window.h"

namespace {

using random_network::Cell;
using random_network::Map;
using random_network::Network;

const char* const folders[] = {"beit_mini", "beitv2_mini", "beit_hf", "beit_hf_shared"};

constexpr uint32_t width = 24, heads = 3, patch = 4, classes = 7;

struct Form {
  const char* name;
  bool own = true, shared = false, positions = false;  // biases a layer, of all layers; positions of tokens
  bool mean = true, gated = false, scale = true;       // pooling, SwiGLU with a norm in it, LayerScale
};

Map tokens_like(uint32_t channels, uint32_t tokens) {
  return random_network::like({}, channels, 1, tokens);
}

// Offsets of patches row by row, then class token to patch, patch to class token, class token to itself.
struct Table {
  uint32_t rows, cols;
  std::vector<float> values;
  Table(Network& net, const std::string& name, uint32_t r, uint32_t c)
      : rows(r), cols(c), values(net.tensor(name, {(2 * r - 1) * (2 * c - 1) + 3, heads}, -1, 1)) {}
  double at(uint32_t h, uint32_t q, uint32_t k) const {
    const uint32_t patches = (2 * rows - 1) * (2 * cols - 1);
    uint32_t row = 0;
    if (q == 0)
      row = k == 0 ? patches + 2 : patches;
    else if (k == 0)
      row = patches + 1;
    else
      row = ((q - 1) / cols + rows - 1 - (k - 1) / cols) * (2 * cols - 1) + (q - 1) % cols + cols - 1 -
            (k - 1) % cols;
    return double{values[row * heads + h]};
  }
};

Map attention(Network& net, const std::string& name, const Map& x, const std::vector<const Table*>& tables) {
  const double bound = 2 * std::sqrt(3.0 / width);
  const auto w = net.tensor(name + ".qkv.weight", {3 * width, width}, -bound, bound);
  const auto q_bias = net.tensor(name + ".q_bias", {width}, -1, 1),
             v_bias = net.tensor(name + ".v_bias", {width}, -1, 1);
  Map qkv = tokens_like(3 * width, x.cols);
  for (uint32_t c = 0; c < 3 * width; ++c)
    for (uint32_t t = 0; t < x.cols; ++t) {
      double sum = c < width ? double{q_bias[c]} : c < 2 * width ? 0.0 : double{v_bias[c - 2 * width]};
      for (uint32_t d = 0; d < width; ++d) sum += double{w[c * width + d]} * x.at(d, 0, t);
      qkv.at(c, 0, t) = sum;
    }
  const auto term = [&](uint32_t h, Cell q, Cell k) {
    double sum = 0;
    for (const Table* table : tables) sum += table->at(h, q.col, k.col);
    return sum;
  };
  const Map o = random_network::attend(
      qkv, heads, false, [](Cell, Cell) { return true; }, term);
  return net.linear(name + ".proj", o, width);
}

Map mlp(Network& net, const std::string& name, const Map& x, bool gated) {
  if (!gated) return net.linear(name + ".fc2", random_network::gelu(net.linear(name + ".fc1", x, 40)), width);
  Map h = net.linear(name + ".fc1_g", x, 40);
  const Map other = net.linear(name + ".fc1_x", x, 40);
  for (size_t i = 0; i < h.v.size(); ++i) h.v[i] *= other.v[i] / (1 + std::exp(-h.v[i]));
  return net.linear(name + ".fc2", net.layer_norm(name + ".norm", h, 1e-6), width);
}

Map scaled(Network& net, const std::string& name, Map x, bool scale) {
  if (!scale) return x;
  const auto gamma = net.tensor(name, {width}, 0.2, 1);
  for (uint32_t c = 0; c < width; ++c)
    for (uint32_t t = 0; t < x.cols; ++t) x.at(c, 0, t) *= double{gamma[c]};
  return x;
}

Map beit(Network& net, const Map& input, const Form& form) {
  const Map patches = net.conv("patch_embed.proj", input, width, patch, patch, 0, 1, true);
  const uint32_t rows = patches.rows, cols = patches.cols, tokens = rows * cols + 1;
  Map x = tokens_like(width, tokens);
  const auto cls = net.tensor("cls_token", {1, 1, width}, -1, 1);
  const auto positions = form.positions ? net.tensor("pos_embed", {1, tokens, width}, -1, 1)
                                        : std::vector<float>(size_t{tokens} * width);
  for (uint32_t c = 0; c < width; ++c)
    for (uint32_t t = 0; t < tokens; ++t)
      x.at(c, 0, t) = (t == 0 ? double{cls[c]} : patches.at(c, (t - 1) / cols, (t - 1) % cols)) +
                      double{positions[t * width + c]};
  std::vector<Table> shared;
  if (form.shared) shared.emplace_back(net, "rel_pos_bias.relative_position_bias_table", rows, cols);
  for (uint32_t i = 0; i < 2; ++i) {
    const std::string name = "blocks." + std::to_string(i);
    std::vector<Table> tables = shared;
    if (form.own) tables.emplace_back(net, name + ".attn.relative_position_bias_table", rows, cols);
    std::vector<const Table*> all;
    for (const Table& table : tables) all.push_back(&table);
    const Map y = attention(net, name + ".attn", net.layer_norm(name + ".norm1", x, 1e-6), all);
    x = add(x, scaled(net, name + ".gamma_1", y, form.scale));
    const Map z = mlp(net, name + ".mlp", net.layer_norm(name + ".norm2", x, 1e-6), form.gated);
    x = add(x, scaled(net, name + ".gamma_2", z, form.scale));
  }
  if (!form.mean) {
    Map token = tokens_like(width, 1);
    const Map y = net.layer_norm("norm", x, 1e-6);
    for (uint32_t c = 0; c < width; ++c) token.at(c, 0, 0) = y.at(c, 0, 0);
    return net.linear("head", token, classes);
  }
  Map mean = tokens_like(width, 1);
  for (uint32_t c = 0; c < width; ++c)
    for (uint32_t t = 1; t < tokens; ++t) mean.at(c, 0, 0) += x.at(c, 0, t) / (tokens - 1);
  return net.linear("head", net.layer_norm("fc_norm", mean, 1e-6), classes);
}

fovea::Model load(const std::string& name, uint32_t rows = 0, uint32_t cols = 0) {
  return fovea::Model::load(fovea::Device::open(), golden::folder(name),
                            {fovea::Precision::fp32, rows, cols});
}

// A golden folder whose config.json says something else.
void refuses(const std::string& name, const std::string& from, const std::string& to, const char* complaint) {
  CAPTURE(complaint);
  const fovea::test::TemporaryFolder folder;
  std::ifstream in(golden::folder(name) / "config.json");
  std::string text(std::istreambuf_iterator<char>(in), {});
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  text.replace(at, from.size(), to);
  std::ofstream(folder / "config.json") << text;
  std::filesystem::copy_file(golden::folder(name) / "model.safetensors", folder / "model.safetensors");
  CHECK_THROWS_WITH_AS(fovea::Model::load(fovea::Device::open(), folder.path()), doctest::Contains(complaint),
                       fovea::Error);
}

}  // namespace

TEST_CASE("BEiT equals the reference in fp32") {
  for (const char* name : folders)
    for (const uint32_t images : {1U, 2U, 3U})
      golden::compare(name, fovea::Precision::fp32, {}, images, images);
}

TEST_CASE("BEiT stays close to the reference with fp16 storage") {
  if (!fovea::Device::open().info().fp16_storage) {
    MESSAGE("this device does not store fp16");
    return;
  }
  for (const char* name : folders) golden::compare(name, fovea::Precision::fp16, {5e-2, 5e-2}, 2);
}

TEST_CASE("BEiT equals its definition, whichever parts it has") {
  for (const Form& form :
       {Form{"a table a layer"}, Form{"no LayerScale", true, false, false, true, false, false},
        Form{"one table, positions, class token", false, true, true, false},
        Form{"both tables, gated", true, true, false, true, true}}) {
    CAPTURE(form.name);
    Network net(11);
    const Map x = net.input(3 * patch, 5 * patch);
    const Map expected = beit(net, x, form);
    check_logits(answer(net, "beit_base_patch16_224",
                        form.mean ? R"({"num_heads": 3})" : R"({"num_heads": 3, "global_pool": "token"})", x),
                 expected, 1e-4);
  }
}

TEST_CASE("BEiT offers the maps of a ViT") {
  const auto info = load("beit_mini").info();
  using enum fovea::MapMethod;
  for (const auto method : {raw, rollout, mask, similarity, norms, cam})
    CHECK(std::find(info.maps.begin(), info.maps.end(), method) != info.maps.end());
  CHECK(info.cam_rows == 5);
  REQUIRE(info.attention.size() == 3);
  CHECK(info.attention[1].rows == 5);
  CHECK(info.attention[1].prefix_tokens == 1);
  CHECK(info.attention[1].has_cls);
}

TEST_CASE("BEiT at another size resamples its biases; transformers' has none for it") {
  const auto model = load("beit_mini", 96, 48);
  const auto out = golden::answer(model, std::vector<float>(size_t{3} * 96 * 48, 0.25F), {0});
  CHECK(out.at("features").shape == std::vector<uint64_t>{1, 19, 48});
  CHECK(out.at("attn.0").shape == std::vector<uint64_t>{1, 3, 19, 19});
  CHECK_THROWS_WITH_AS(load("beit_mini", 90, 48), doctest::Contains("whole patches of 16×16"), fovea::Error);
  CHECK_THROWS_WITH_AS(load("beit_hf", 96, 48), doctest::Contains("positions for 64×64 pixels only"),
                       fovea::Error);
}

TEST_CASE("BEiT refuses what it does not compute") {
  refuses("beit_mini", "\"depth\": 3", "\"depth\": 3, \"act_layer\": \"relu\"", "act_layer");
  refuses("beit_mini", "\"depth\": 3", "\"depth\": 3, \"global_pool\": \"\"", "global_pool is ''");
  refuses("beit_mini", "\"num_heads\": 3", "\"num_heads\": 4", "there are 4 heads here, and 3 in");
  refuses("beit_mini", "\"img_size\": 80", "\"img_size\": 96", "84 offsets");
  refuses("beit_hf", "BeitForImageClassification", "BeitForMaskedImageModeling", "answers otherwise");
  refuses("beit_hf", "\"hidden_act\": \"gelu\"", "\"hidden_act\": \"mish\"", "hidden_act");
}
