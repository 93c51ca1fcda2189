// Swin against timm's numbers, and against its definition at sizes that no window divides.
#include <cmath>

#include "fovea/session.h"
#include "tests/maps/cam.h"
#include "tests/maps/golden_maps.h"
#include "tests/models/golden.h"
#include "tests/reference/window.h"
#include "tests/temporary_folder.h"

namespace {

using random_network::Cell;
using random_network::Map;
using random_network::Network;

struct Stage {
  uint32_t width, depth, heads;
  uint32_t rows, cols;  // of its grid
  uint32_t window_rows, window_cols;
  uint32_t shift_rows, shift_cols;  // of odd blocks
};

// The number of the region of the rolled grid that a position lies in: Swin's mask keeps regions apart.
std::vector<int> regions(uint32_t padded, uint32_t window, uint32_t shift) {
  std::vector<int> out(padded, 0);
  if (shift == 0) return out;
  for (uint32_t i = padded - window; i < padded; ++i) out[i] = 1;
  for (uint32_t i = padded - shift; i < padded; ++i) out[i] = 2;
  return out;
}

Map block(Network& net, const std::string& name, const Map& x, const Stage& s, bool odd, double epsilon,
          bool pads_first) {
  const uint32_t down = odd ? s.shift_rows : 0, across = odd ? s.shift_cols : 0;
  const uint32_t rows = (s.rows + s.window_rows - 1) / s.window_rows * s.window_rows,
                 cols = (s.cols + s.window_cols - 1) / s.window_cols * s.window_cols;
  const auto row_regions = regions(rows, s.window_rows, down),
             col_regions = regions(cols, s.window_cols, across);
  const uint32_t wide = 2 * s.window_cols - 1;
  const auto table = net.tensor(name + ".attn.relative_position_bias_table",
                                {(2 * s.window_rows - 1) * wide, s.heads}, -1, 1);
  const auto term = [&](uint32_t h, Cell q, Cell k) {
    const bool apart = row_regions[q.row] != row_regions[k.row] || col_regions[q.col] != col_regions[k.col];
    const uint32_t dy = q.row % s.window_rows + s.window_rows - 1 - k.row % s.window_rows,
                   dx = q.col % s.window_cols + s.window_cols - 1 - k.col % s.window_cols;
    return double{table[(dy * wide + dx) * s.heads + h]} - (apart ? 100 : 0);
  };
  const Map normed = net.layer_norm(name + ".norm1", x, epsilon);
  // transformers rolls the padded grid, timm pads the rolled one.
  const Map cut = pads_first ? rolled(rolled(normed, 0, 0, rows, cols), down, across, rows, cols)
                             : rolled(normed, down, across, rows, cols);
  const Map o = attend(net.linear(name + ".attn.qkv", cut, 3 * s.width), s.heads, false,
                       random_network::neighbours(s.window_rows, s.window_cols), term);
  const Map proj = net.linear(name + ".attn.proj", o, s.width);
  const Map y = add(x, pads_first ? unrolled(unrolled(proj, down, across, rows, cols), 0, 0, s.rows, s.cols)
                                  : unrolled(proj, down, across, s.rows, s.cols));
  const Map h = random_network::gelu(
      net.linear(name + ".mlp.fc1", net.layer_norm(name + ".norm2", y, epsilon), 4 * s.width));
  return add(y, net.linear(name + ".mlp.fc2", h, s.width));
}

Map merge(Network& net, const std::string& name, const Map& x, uint32_t width) {
  const uint32_t n = x.channels;
  Map four = like(x, 4 * n, (x.rows + 1) / 2, (x.cols + 1) / 2);
  for (uint32_t c = 0; c < n; ++c)
    for (uint32_t i = 0; i < x.rows; ++i)
      for (uint32_t j = 0; j < x.cols; ++j)
        four.at((j % 2 * 2 + i % 2) * n + c, i / 2, j / 2) = x.at(c, i, j);
  four = net.layer_norm(name + ".norm", four, 1e-5);
  const auto w = net.tensor(name + ".reduction.weight", {width, 4 * n}, -0.3, 0.3);
  Map y = like(four, width, four.rows, four.cols);
  for (uint32_t i = 0; i < y.rows; ++i)
    for (uint32_t j = 0; j < y.cols; ++j)
      for (uint32_t c = 0; c < width; ++c)
        for (uint32_t d = 0; d < 4 * n; ++d) y.at(c, i, j) += double{w[c * 4 * n + d]} * four.at(d, i, j);
  return y;
}

Map swin(Network& net, const Map& input, const std::vector<Stage>& stages, double epsilon = 1e-5,
         bool pads_first = false) {
  Map x = net.conv("patch_embed.proj", input, stages[0].width, 4, 4, 0, 1, true);
  x = net.layer_norm("patch_embed.norm", x, 1e-5);
  for (size_t s = 0; s < stages.size(); ++s) {
    const std::string name = "layers." + std::to_string(s);
    if (s != 0) x = merge(net, name + ".downsample", x, stages[s].width);
    REQUIRE(x.rows == stages[s].rows);
    REQUIRE(x.cols == stages[s].cols);
    for (uint32_t b = 0; b < stages[s].depth; ++b)
      x = block(net, name + ".blocks." + std::to_string(b), x, stages[s], b % 2 == 1, epsilon, pads_first);
  }
  return net.linear("head.fc", global_mean(net.layer_norm("norm", x, epsilon)), 7);
}

// The tensors under transformers' names.
std::vector<fovea::io::OutputTensor> renamed(const Network& net) {
  const std::pair<std::string, std::string> parts[] = {
      {"patch_embed.proj", "embeddings.patch_embeddings.projection"},
      {"patch_embed.norm", "embeddings.norm"},
      {"layers.1.downsample", "encoder.layers.0.downsample"},
      {"layers.", "encoder.layers."},
      {"norm1", "layernorm_before"},
      {"norm2", "layernorm_after"},
      {"attn.proj", "attention.output.dense"},
      {"attn.", "attention.self."},
      {"mlp.fc1", "intermediate.dense"},
      {"mlp.fc2", "output.dense"},
      {"head.fc", "classifier"}};
  std::vector<fovea::io::OutputTensor> out;
  for (const auto& t : net.tensors()) {
    std::string name = t.name.starts_with("norm.") ? "layer" + t.name : t.name;
    for (const auto& [timm, transformers] : parts)
      if (const size_t at = name.find(timm); at != std::string::npos && name.find(transformers) > at)
        name.replace(at, timm.size(), transformers);
    if (!name.starts_with("classifier")) name = "swin." + name;
    const size_t qkv = name.find(".qkv.");
    if (qkv == std::string::npos) {
      out.push_back({name, t.shape, t.values});
      continue;
    }
    auto shape = t.shape;
    shape[0] /= 3;
    const size_t size = t.values.size() / 3;
    for (const auto& [i, part] : {std::pair{0, "query"}, {1, "key"}, {2, "value"}})
      out.push_back({std::string(name).replace(qkv + 1, 3, part),
                     shape,
                     {t.values.begin() + static_cast<std::ptrdiff_t>(i * size),
                      t.values.begin() + static_cast<std::ptrdiff_t>((i + 1) * size)}});
  }
  return out;
}

void check_against_definition(const std::vector<Stage>& stages, const std::string& model_args) {
  CAPTURE(model_args);
  Network net(7);
  const Map x = net.input(4 * stages[0].rows, 4 * stages[0].cols);
  const Map expected = swin(net, x, stages);
  check_logits(answer(net, "swin_tiny_patch4_window7_224", model_args, x), expected, 1e-4);
}

}  // namespace

TEST_CASE("Swin equals the reference in fp32") {
  for (const char* name : {"swin_mini", "swin_hf"})
    for (const uint32_t images : {1U, 2U, 3U})
      golden::compare(name, fovea::Precision::fp32, {}, images, images);
}

// transformers leaves the norms of patches and merges torch's epsilon, and windows shift in both directions
// or in none.
TEST_CASE("transformers' Swin equals its definition") {
  Network net(9);
  const Map x = net.input(4 * 10, 4 * 12);
  const Map expected = swin(net, x, {{16, 2, 2, 10, 12, 5, 5, 2, 2}, {24, 2, 3, 5, 6, 5, 5, 0, 0}},
                            /*epsilon=*/0.05, /*pads_first=*/true);
  const fovea::test::TemporaryFolder folder;
  fovea::io::write_safetensors(folder / "model.safetensors", renamed(net));
  std::ofstream(folder / "config.json") << R"({"model_type": "swin", "architectures": )"
                                        << R"(["SwinForImageClassification"], "image_size": [40, 48], )"
                                        << R"("window_size": 5, "layer_norm_eps": 0.05})";
  const auto model = fovea::Model::load(fovea::Device::open(), folder.path(), {fovea::Precision::fp32, 0, 0});
  check_logits(golden::answer(model, {x.v.begin(), x.v.end()}).at("logits").values, expected, 1e-4);
  CHECK_THROWS_WITH_AS(
      fovea::Model::load(fovea::Device::open(), folder.path(), {fovea::Precision::fp32, 32, 32}),
      doctest::Contains("smaller than windows of 5×5"), fovea::Error);
}

TEST_CASE("Swin stays close to the reference with fp16 storage") {
  if (!fovea::Device::open().info().fp16_storage) {
    MESSAGE("this device does not store fp16");
    return;
  }
  golden::compare("swin_mini", fovea::Precision::fp16, {5e-2, 2e-2}, 2);
}

TEST_CASE("Swin equals its definition where windows do not divide the grid") {
  // 10 × 18 cells in windows of 7: padded, shifted. Then 5 × 9: as high as the grid, shifted in columns only.
  // Heads of 6 channels.
  check_against_definition({{18, 2, 3, 10, 18, 7, 7, 3, 3}, {24, 2, 4, 5, 9, 5, 7, 0, 3}},
                           R"({"window_size": 7})");
  // The same from the tables' sizes; a window as high as the grid is told from the grid.
  check_against_definition({{18, 2, 3, 10, 18, 7, 7, 3, 3}, {24, 1, 4, 5, 9, 5, 7, 0, 3}}, "{}");
  // Odd grids merge with zeros: timm chooses windows for 3 × 4 cells, and there are 4 × 5.
  check_against_definition({{16, 2, 2, 7, 9, 3, 4, 1, 2}, {16, 2, 2, 4, 5, 3, 4, 0, 0}},
                           R"({"window_size": [3, 4]})");
  // Windows larger than the grid, shifted all the same; one size a stage.
  check_against_definition(
      {{16, 2, 2, 6, 4, 4, 4, 2, 2}, {16, 2, 2, 3, 2, 5, 5, 2, 2}, {8, 1, 1, 2, 1, 3, 3, 1, 1}},
      R"({"window_size": [4, 5, 3], "always_partition": true})");
}

TEST_CASE("Swin's files of old name the head and the merges otherwise") {
  const golden::Reference reference(golden::folder("swin_mini"));
  const auto model = fovea::io::Safetensors::open(golden::folder("swin_mini") / "model.safetensors");
  std::vector<fovea::io::OutputTensor> tensors;
  for (const auto& t : model.tensors()) {
    std::string name = t.name;
    if (name.starts_with("head.fc.")) name = "head." + name.substr(8);
    if (name.starts_with("layers.1.downsample.")) name[7] = '0';
    tensors.push_back({name, t.shape, fovea::io::to_float(t)});
  }
  tensors.push_back({"layers.0.blocks.1.attn_mask", {4, 49, 49}, std::vector<float>(4 * 49 * 49)});
  tensors.push_back(
      {"layers.0.blocks.1.attn.relative_position_index", {49, 49}, std::vector<float>(49 * 49)});
  const fovea::test::TemporaryFolder folder;
  std::filesystem::copy_file(golden::folder("swin_mini") / "config.json", folder / "config.json");
  fovea::io::write_safetensors(folder / "model.safetensors", tensors);
  const auto old = fovea::Model::load(fovea::Device::open(), folder.path(), {fovea::Precision::fp32, 0, 0});
  const auto logits = golden::answer(old, reference.values("input")).at("logits").values;
  CHECK(golden::largest_difference(logits, reference.values("logits")) <= 1e-4);
}

TEST_CASE("Swin at another size keeps its windows, or shrinks them with the grid") {
  const auto load = [](uint32_t rows, uint32_t cols) {
    return fovea::Model::load(fovea::Device::open(), golden::folder("swin_mini"),
                              {fovea::Precision::fp32, rows, cols});
  };
  const auto model = load(96, 40);  // 24 × 10 and 12 × 5 cells
  const auto out = golden::answer(model, std::vector<float>(size_t{3} * 96 * 40, 0.25F), {1, 3});
  CHECK(out.at("features").shape == std::vector<uint64_t>{1, 12, 5, 48});
  CHECK(out.at("attn.1").shape == std::vector<uint64_t>{8, 2, 49, 49});
  CHECK(out.at("attn.3").shape == std::vector<uint64_t>{2, 4, 35, 35});
  CHECK_THROWS_WITH_AS(load(58, 56), doctest::Contains("whole patches of 4×4"), fovea::Error);
  CHECK_THROWS_WITH_AS(load(4, 56), doctest::Contains("leaves nothing for stage 1"), fovea::Error);
}

TEST_CASE("A class activation map of Swin equals finite differences") {
  golden_maps::check_cam(
      {"swin_mini", true, "head.fc.weight", "head.fc.bias", "norm.bias", nullptr, nullptr});
}

TEST_CASE("Attention of Swin lies where its cells are") {
  using golden_maps::in_order, golden_maps::in_window;
  golden_maps::check_places({
      {"swin_mini", 0, "attn.0", 14, 14, 4, 2, [](auto r, auto c) { return in_window(r, c, 14, 0); }},
      {"swin_mini", 1, "attn.1", 14, 14, 4, 2, [](auto r, auto c) { return in_window(r, c, 14, 3); }},
      {"swin_mini", -1, "attn.3", 7, 7, 1, 4, [](auto r, auto c) { return in_order(r, c, 7); }},
  });
}

TEST_CASE("A patch of windows that lie in order sees its own window alone") {
  // Windows of 7 × 7 in a grid of 14 × 7: the cells need no table to be cut, but one to be told apart.
  const auto model = fovea::Model::load(fovea::Device::open(), golden::folder("swin_mini"),
                                        {fovea::Precision::fp32, 112, 56});
  const auto& layer = model.info().attention[2];
  REQUIRE(layer.rows == 14);
  REQUIRE(layer.cols == 7);
  std::vector<float> pixels(size_t{3} * 112 * 56);
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = std::sin(static_cast<float>(i));
  const auto whole = golden::answer(model, pixels, {2}).at("attn.2");
  REQUIRE(whole.shape == std::vector<uint64_t>{2, layer.heads, 49, 49});

  fovea::SessionOptions options;
  options.attention = true;
  fovea::Session session(model, options);
  session.logits(pixels, 1);
  fovea::MapRequest request;
  request.layer = 2;
  request.query = fovea::PatchIndex{10, 3};
  std::vector<float> expected(size_t{14} * 7);
  for (uint32_t h = 0; h < layer.heads; ++h)
    for (size_t key = 0; key < 49; ++key)
      expected[49 + key] += whole.values[((layer.heads + h) * 49 + (10 - 7) * 7 + 3) * 49 + key] /
                            static_cast<float>(layer.heads);
  CHECK(golden::largest_difference(session.map(request).values, expected) <= 1e-6);
}
