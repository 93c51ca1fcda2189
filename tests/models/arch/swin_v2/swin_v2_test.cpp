// Swin v2 against timm's numbers, and against its definition at sizes that no window divides.
#include "tests/maps/cam.h"
#include "tests/maps/golden_maps.h"
#include "tests/models/golden.h"
#include "tests/reference/window.h"

namespace {

using random_network::Cell;
using random_network::Map;
using random_network::Network;

struct Stage {
  uint32_t width, depth, heads;
  uint32_t rows, cols;  // of its grid
  uint32_t window_rows, window_cols;
  uint32_t shift_rows, shift_cols;  // of odd blocks
  uint32_t trained = 0;             // cells a side of the training's windows; 0 for these
};

// The number of the region of the rolled grid that a position lies in: the mask keeps regions apart.
std::vector<int> regions(uint32_t padded, uint32_t window, uint32_t shift) {
  std::vector<int> out(padded, 0);
  if (shift == 0) return out;
  for (uint32_t i = padded - window; i < padded; ++i) out[i] = 1;
  for (uint32_t i = padded - shift; i < padded; ++i) out[i] = 2;
  return out;
}

double log_spaced(double offset, uint32_t side) {
  const double x = 8 * offset / (side - 1);
  return (x < 0 ? -1 : 1) * std::log2(std::abs(x) + 1) / std::log2(8);
}

// Of each offset of a query from a key, [rows offsets, columns offsets, heads].
struct PositionBias {
  PositionBias(Network& net, const std::string& name, const Stage& s) : stage(s) {
    const uint32_t hidden = 20;
    const auto w1 = net.tensor(name + ".cpb_mlp.0.weight", {hidden, 2}, -1, 1),
               b1 = net.tensor(name + ".cpb_mlp.0.bias", {hidden}, -1, 1),
               w2 = net.tensor(name + ".cpb_mlp.2.weight", {s.heads, hidden}, -0.5, 0.5);
    for (int dy = 1 - int(s.window_rows); dy < int(s.window_rows); ++dy)
      for (int dx = 1 - int(s.window_cols); dx < int(s.window_cols); ++dx)
        for (uint32_t h = 0; h < s.heads; ++h) {
          double sum = 0;
          for (uint32_t j = 0; j < hidden; ++j) {
            const double y = log_spaced(dy, s.trained != 0 ? s.trained : s.window_rows),
                         x = log_spaced(dx, s.trained != 0 ? s.trained : s.window_cols);
            const double read = double{w1[2 * j]} * y + double{w1[2 * j + 1]} * x + double{b1[j]};
            sum += double{w2[h * hidden + j]} * std::max(read, 0.0);
          }
          values.push_back(16 / (1 + std::exp(-sum)));
        }
  }
  double at(uint32_t h, Cell q, Cell k) const {
    const uint32_t dy = q.row % stage.window_rows + stage.window_rows - 1 - k.row % stage.window_rows,
                   dx = q.col % stage.window_cols + stage.window_cols - 1 - k.col % stage.window_cols;
    return values[(dy * (2 * stage.window_cols - 1) + dx) * stage.heads + h];
  }
  Stage stage;
  std::vector<double> values;
};

// Queries and keys of length one, and the queries times each head's factor; √width undoes what attend()
// divides by.
Map cosines(Network& net, const std::string& name, const Map& x, const Stage& s) {
  const uint32_t width = s.width / s.heads;
  const double bound = std::sqrt(3.0 / s.width);
  const auto w = net.tensor(name + ".qkv.weight", {3 * s.width, s.width}, -bound, bound);
  const auto q_bias = net.tensor(name + ".q_bias", {s.width}, -0.5, 0.5),
             v_bias = net.tensor(name + ".v_bias", {s.width}, -0.5, 0.5),
             scale = net.tensor(name + ".logit_scale", {s.heads, 1, 1}, 0, 6);  // above log 100 too
  Map y = like(x, 3 * s.width, x.rows, x.cols);
  for (uint32_t i = 0; i < x.rows; ++i)
    for (uint32_t j = 0; j < x.cols; ++j) {
      for (uint32_t c = 0; c < 3 * s.width; ++c) {
        double sum = c < s.width       ? double{q_bias[c]}
                     : c < 2 * s.width ? 0.0
                                       : double{v_bias[c - 2 * s.width]};
        for (uint32_t d = 0; d < s.width; ++d) sum += double{w[c * s.width + d]} * x.at(d, i, j);
        y.at(c, i, j) = sum;
      }
      for (uint32_t head = 0; head < 2 * s.heads; ++head) {
        double squares = 0;
        for (uint32_t c = 0; c < width; ++c) squares += std::pow(y.at(head * width + c, i, j), 2);
        double factor = 1 / std::max(std::sqrt(squares), 1e-12);
        if (head < s.heads) factor *= std::min(std::exp(double{scale[head]}), 100.0) * std::sqrt(width);
        for (uint32_t c = 0; c < width; ++c) y.at(head * width + c, i, j) *= factor;
      }
    }
  return y;
}

Map block(Network& net, const std::string& name, const Map& x, const Stage& s, bool odd) {
  const uint32_t down = odd ? s.shift_rows : 0, across = odd ? s.shift_cols : 0;
  const uint32_t rows = (s.rows + s.window_rows - 1) / s.window_rows * s.window_rows,
                 cols = (s.cols + s.window_cols - 1) / s.window_cols * s.window_cols;
  const auto row_regions = regions(rows, s.window_rows, down),
             col_regions = regions(cols, s.window_cols, across);
  const PositionBias bias(net, name + ".attn", s);
  const auto term = [&](uint32_t h, Cell q, Cell k) {
    const bool apart = row_regions[q.row] != row_regions[k.row] || col_regions[q.col] != col_regions[k.col];
    return bias.at(h, q, k) - (apart ? 100 : 0);
  };
  const Map qkv = cosines(net, name + ".attn", rolled(x, down, across, rows, cols), s);
  const Map o = attend(qkv, s.heads, false, random_network::neighbours(s.window_rows, s.window_cols), term);
  const Map added = unrolled(net.linear(name + ".attn.proj", o, s.width), down, across, s.rows, s.cols);
  const Map y = add(x, net.layer_norm(name + ".norm1", added, 1e-5));
  const Map h = random_network::gelu(net.linear(name + ".mlp.fc1", y, 4 * s.width));
  return add(y, net.layer_norm(name + ".norm2", net.linear(name + ".mlp.fc2", h, s.width), 1e-5));
}

Map merge(Network& net, const std::string& name, const Map& x, uint32_t width) {
  const uint32_t n = x.channels;
  Map four = like(x, 4 * n, (x.rows + 1) / 2, (x.cols + 1) / 2);
  for (uint32_t c = 0; c < n; ++c)
    for (uint32_t i = 0; i < x.rows; ++i)
      for (uint32_t j = 0; j < x.cols; ++j)
        four.at((j % 2 * 2 + i % 2) * n + c, i / 2, j / 2) = x.at(c, i, j);
  const auto w = net.tensor(name + ".reduction.weight", {width, 4 * n}, -0.3, 0.3);
  Map y = like(four, width, four.rows, four.cols);
  for (uint32_t i = 0; i < y.rows; ++i)
    for (uint32_t j = 0; j < y.cols; ++j)
      for (uint32_t c = 0; c < width; ++c)
        for (uint32_t d = 0; d < 4 * n; ++d) y.at(c, i, j) += double{w[c * 4 * n + d]} * four.at(d, i, j);
  return net.layer_norm(name + ".norm", y, 1e-5);
}

Map swin_v2(Network& net, const Map& input, const std::vector<Stage>& stages) {
  Map x = net.conv("patch_embed.proj", input, stages[0].width, 4, 4, 0, 1, true);
  x = net.layer_norm("patch_embed.norm", x, 1e-5);
  for (size_t s = 0; s < stages.size(); ++s) {
    const std::string name = "layers." + std::to_string(s);
    if (s != 0) x = merge(net, name + ".downsample", x, stages[s].width);
    REQUIRE(x.rows == stages[s].rows);
    REQUIRE(x.cols == stages[s].cols);
    for (uint32_t b = 0; b < stages[s].depth; ++b)
      x = block(net, name + ".blocks." + std::to_string(b), x, stages[s], b % 2 == 1);
  }
  return net.linear("head.fc", global_mean(net.layer_norm("norm", x, 1e-5)), 7);
}

void check_against_definition(const std::vector<Stage>& stages, const std::string& architecture,
                              const std::string& model_args) {
  CAPTURE(architecture);
  CAPTURE(model_args);
  Network net(7);
  const Map x = net.input(4 * stages[0].rows, 4 * stages[0].cols);
  const Map expected = swin_v2(net, x, stages);
  check_logits(answer(net, architecture, model_args, x), expected, 1e-4);
}

}  // namespace

TEST_CASE("Swin v2 equals the reference in fp32") {
  for (const uint32_t images : {1U, 2U, 3U})
    golden::compare("swinv2_mini", fovea::Precision::fp32, {}, images, images);
}

TEST_CASE("Swin v2 stays close to the reference with fp16 storage") {
  if (!fovea::Device::open().info().fp16_storage) {
    MESSAGE("this device does not store fp16");
    return;
  }
  golden::compare("swinv2_mini", fovea::Precision::fp16, {5e-2, 5e-2}, 2);
}

TEST_CASE("Swin v2 equals its definition where windows do not divide the grid") {
  // 10 × 18 cells in windows of 7: padded, shifted. Then 5 × 9: as high as the grid, shifted in columns only.
  // Heads of 6 channels.
  check_against_definition({{18, 2, 3, 10, 18, 7, 7, 3, 3}, {24, 2, 4, 5, 9, 5, 7, 0, 3}},
                           "swinv2_tiny_window8_256", R"({"window_size": 7, "strict_img_size": false})");
  // Odd grids merge with zeros: timm chooses windows for 3 × 4 cells, and there are 4 × 5.
  check_against_definition({{16, 2, 2, 7, 9, 3, 4, 1, 2}, {16, 1, 2, 4, 5, 3, 4, 0, 0}},
                           "swinv2_tiny_window16_256", R"({"window_size": [3, 4]})");
  // Windows larger than the grid, shifted all the same.
  check_against_definition({{16, 2, 2, 6, 4, 4, 4, 2, 2}, {16, 2, 2, 3, 2, 4, 4, 2, 2}},
                           "swinv2_small_window8_256", R"({"window_size": 4, "always_partition": true})");
}

TEST_CASE("Swin v2's names tell windows, and those of the training") {
  check_against_definition({{16, 2, 2, 16, 16, 8, 8, 4, 4}, {16, 1, 2, 8, 8, 8, 8, 0, 0}},
                           "swinv2_base_window8_256", "{}");
  // Trained at 192 pixels: grids of 48, 24, 12 and 6 cells, in windows of 12.
  check_against_definition({{8, 2, 1, 18, 16, 16, 16, 8, 0, 12},
                            {8, 1, 1, 9, 8, 9, 8, 0, 0, 12},
                            {8, 1, 1, 5, 4, 4, 4, 0, 0, 12},
                            {8, 1, 1, 3, 2, 2, 2, 0, 0, 6}},
                           "swinv2_base_window12to16_192to256", "{}");
  check_against_definition({{16, 1, 2, 8, 8, 4, 4, 2, 2, 5}}, "swinv2_large_window12to24_192to384",
                           R"({"window_size": 4, "pretrained_window_sizes": [5]})");
}

TEST_CASE("Swin v2 offers maps of windows and classes") {
  const auto info =
      fovea::Model::load(fovea::Device::open(), golden::folder("swinv2_mini"), {fovea::Precision::fp32, 0, 0})
          .info();
  CHECK(info.maps == std::vector{fovea::MapMethod::raw, fovea::MapMethod::cam});
  REQUIRE(info.attention.size() == 4);
  CHECK(info.attention[1].rows == 16);
  CHECK(info.attention[2].heads == 4);
  CHECK(info.cam_cols == 8);
}

TEST_CASE("Swin v2 refuses what it does not compute") {
  Network net(7);
  const Map x = net.input(32, 32);
  swin_v2(net, x, {{16, 1, 2, 8, 8, 4, 4, 2, 2}});
  const auto refuses = [&](const char* architecture, const char* args, const char* complaint) {
    CAPTURE(complaint);
    CHECK_THROWS_WITH_AS(answer(net, architecture, args, x), doctest::Contains(complaint), fovea::Error);
  };
  refuses("swinv2_tiny_window8_256", R"({"global_pool": ""})", "global_pool is ''");
  refuses("swinv2_tiny_window8_256", R"({"norm_layer": "rmsnorm"})", "norm_layer");
  refuses("swinv2_tiny_window8_256", R"({"window_size": [1, 4]})", "two cells a side");
  refuses("swinv2_cr_tiny_224", "{}", "which Fovea does not have");
}

TEST_CASE("A class activation map of Swin v2 equals finite differences") {
  golden_maps::check_cam(
      {"swinv2_mini", true, "head.fc.weight", "head.fc.bias", "norm.bias", nullptr, nullptr});
}

TEST_CASE("Attention of Swin v2 lies where its cells are") {
  golden_maps::check_places({
      {"swinv2_mini", 1, "attn.1", 16, 16, 16, 2,
       [](auto r, auto c) { return golden_maps::in_window(r, c, 16, 2, 4); }},
  });
}
