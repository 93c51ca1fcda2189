// PVTv2 against what timm computed, and its linear attention, which has no golden data, against a network
// written down here.
#include <fmt/format.h>

#include "tests/maps/cam.h"
#include "tests/models/golden.h"
#include "tests/models/random_network.h"

namespace {

using random_network::add;
using random_network::Folder;
using random_network::gelu;
using random_network::global_mean;
using random_network::like;
using random_network::Map;
using random_network::Network;
using random_network::relu;

// torch's AdaptiveAvgPool2d: cell i averages from ⌊i · size / n⌋ to ⌈(i + 1) · size / n⌉.
Map adaptive_mean(const Map& x, uint32_t n) {
  Map y = like(x, x.channels, n, n);
  for (uint32_t c = 0; c < x.channels; ++c)
    for (uint32_t i = 0; i < n; ++i)
      for (uint32_t j = 0; j < n; ++j) {
        double sum = 0;
        int count = 0;
        for (uint32_t a = 0; a < x.rows; ++a)
          for (uint32_t b = 0; b < x.cols; ++b)
            if (a >= i * x.rows / n && a * n < (i + 1) * x.rows && b >= j * x.cols / n &&
                b * n < (j + 1) * x.cols) {
              sum += x.at(c, a, b);
              ++count;
            }
        y.at(c, i, j) = sum / count;
      }
  return y;
}

// probabilities [heads, queries, keys] go to `softmax`.
Map attend(const Map& q, const Map& kv, uint32_t heads, std::vector<float>& softmax) {
  const uint32_t width = q.channels / heads, queries = q.rows * q.cols, keys = kv.rows * kv.cols;
  Map o = like(q, q.channels, q.rows, q.cols);
  for (uint32_t h = 0; h < heads; ++h)
    for (uint32_t i = 0; i < queries; ++i) {
      std::vector<double> p(keys);
      double sum = 0;
      for (uint32_t j = 0; j < keys; ++j) {
        double score = 0;
        for (uint32_t c = h * width; c < (h + 1) * width; ++c)
          score += q.v[size_t{c} * queries + i] * kv.v[size_t{c} * keys + j];
        sum += p[j] = std::exp(score / std::sqrt(static_cast<double>(width)));
      }
      for (uint32_t j = 0; j < keys; ++j) {
        p[j] /= sum;
        softmax.push_back(static_cast<float>(p[j]));
        for (uint32_t c = h * width; c < (h + 1) * width; ++c)
          o.v[size_t{c} * queries + i] += p[j] * kv.v[(size_t{q.channels} + c) * keys + j];
      }
    }
  return o;
}

void compare_linear(uint32_t rows, uint32_t cols) {
  CAPTURE(fmt::format("{}×{}", rows, cols));
  Network n(rows);
  const Map input = n.input(rows, cols);
  const uint32_t widths[] = {8, 12, 20}, heads[] = {1, 3, 5};
  std::vector<std::vector<float>> softmaxes;
  Map x = input;
  for (uint32_t s = 0; s < 3; ++s) {
    const std::string stage = fmt::format("stages.{}", s),
                      embed = s == 0 ? "patch_embed" : stage + ".downsample";
    x = s == 0 ? n.conv(embed + ".proj", x, widths[s], 7, 4, 3, 1, true)
               : n.conv(embed + ".proj", x, widths[s], 3, 2, 1, 1, true);
    x = n.layer_norm(embed + ".norm", x, 1e-5);
    for (uint32_t b = 0; b < 2; ++b) {
      const std::string block = fmt::format("{}.blocks.{}", stage, b), attn = block + ".attn",
                        mlp = block + ".mlp";
      const Map y = n.layer_norm(block + ".norm1", x, 1e-6);
      const Map small = n.conv(attn + ".sr", adaptive_mean(y, 7), widths[s], 1, 1, 0, 1, true);
      const Map keys = gelu(n.layer_norm(attn + ".norm", small, 1e-5));
      const Map kv = n.linear(attn + ".kv", keys, 2 * widths[s], 2),
                q = n.linear(attn + ".q", y, widths[s], 2);
      x = add(x, n.linear(attn + ".proj", attend(q, kv, heads[s], softmaxes.emplace_back()), widths[s]));
      Map h = relu(n.linear(mlp + ".fc1", n.layer_norm(block + ".norm2", x, 1e-6), 2 * widths[s]));
      h = gelu(n.conv(mlp + ".dwconv", h, h.channels, 3, 1, 1, h.channels, true));
      x = add(x, n.linear(mlp + ".fc2", h, widths[s]));
    }
    x = n.layer_norm(stage + ".norm", x, 1e-6);
  }
  const Map logits = n.linear("head", global_mean(x), 5);

  const Folder folder(n, "pvt_v2_b2_li", R"({"num_heads": [1, 3, 5]})", rows, cols);
  const auto model = fovea::Model::load(fovea::Device::open(), folder.path(), {fovea::Precision::fp32, 0, 0});
  const std::vector<float> answer(logits.v.begin(), logits.v.end());
  const auto out = golden::answer(model, {input.v.begin(), input.v.end()}, golden::all_layers(model));
  CHECK(golden::largest_difference(out.at("logits").values, answer) <= 1e-4 * golden::largest(answer));
  REQUIRE(model.info().attention.size() == softmaxes.size());
  for (size_t i = 0; i < softmaxes.size(); ++i) {
    CAPTURE(i);
    CHECK(golden::largest_difference(out.at(fmt::format("attn.{}", i)).values, softmaxes[i]) <= 1e-4);
  }
}

}  // namespace

TEST_CASE("PVTv2 equals the reference in fp32, whatever the batch") {
  for (const uint32_t batch : {1U, 2U, 3U}) golden::compare("pvtv2_mini", fovea::Precision::fp32, {}, batch);
}

TEST_CASE("PVTv2 stays close to the reference with fp16 storage") {
  if (!fovea::Device::open().info().fp16_storage) {
    CHECK_THROWS_AS(fovea::Model::load(fovea::Device::open(), golden::folder("pvtv2_mini"),
                                       {fovea::Precision::fp16, 0, 0}),
                    fovea::Error);
    return;
  }
  golden::compare("pvtv2_mini", fovea::Precision::fp16, {5e-2, 2e-2}, 2);
}

TEST_CASE("PVTv2's linear attention equals a network written down") {
  compare_linear(56, 56);   // whole windows in the first stage, fewer pixels than keys in the last
  compare_linear(107, 41);  // windows that overlap
}

TEST_CASE("PVTv2's heads are those of all models with a name where the config is silent") {
  const fovea::io::Safetensors file =
      fovea::io::Safetensors::open(golden::folder("pvtv2_mini") / "model.safetensors");
  Network n(1);
  for (const auto& t : file.tensors()) n.put({t.name, t.shape, fovea::io::to_float(t)});
  const auto heads = [&](const char* model_args) {
    const Folder folder(n, "pvt_v2_b0", model_args, 96, 96);
    const auto model = fovea::Model::load(fovea::Device::open(), folder.path());
    std::vector<uint32_t> out;
    for (const auto& layer : model.info().attention) out.push_back(layer.heads);
    return out;
  };
  CHECK(heads("{}") == std::vector<uint32_t>{1, 2, 5, 8});
  CHECK(heads(R"({"num_heads": [2, 4, 1, 8]})") == std::vector<uint32_t>{2, 4, 1, 8});
  CHECK(heads(R"({"num_heads": 4})") == std::vector<uint32_t>{4, 4, 4, 4});
  CHECK_THROWS_WITH_AS(heads(R"({"num_heads": [1, 2]})"), doctest::Contains("num_heads names 2 stages"),
                       fovea::Error);
  CHECK_THROWS_WITH_AS(heads(R"({"num_heads": 3})"), doctest::Contains("do not split into 3 heads"),
                       fovea::Error);
}

TEST_CASE("PVTv2 takes other sizes, until its keys run out") {
  const auto device = fovea::Device::open();
  const auto model =
      fovea::Model::load(device, golden::folder("pvtv2_mini"), {fovea::Precision::fp32, 75, 110});
  REQUIRE(model.info().attention.size() == 4);
  CHECK(model.info().attention[0].rows == 19);
  CHECK(model.info().attention[0].cols == 28);
  CHECK(model.info().attention[2].heads == 5);
  CHECK(model.info().attention[2].name == "stages.2.blocks.0.attn");
  const auto out = golden::answer(model, std::vector<float>(size_t{3} * 75 * 110, 0.25F), {0});
  CHECK(out.at("attn.0").shape == std::vector<uint64_t>{1, 1, 19 * 28, 2 * 3});
  CHECK(out.at("features").shape == std::vector<uint64_t>{1, 64, 3, 4});
  CHECK_THROWS_WITH_AS(
      fovea::Model::load(device, golden::folder("pvtv2_mini"), {fovea::Precision::fp32, 96, 24}),
      doctest::Contains("too small for its keys"), fovea::Error);
}

TEST_CASE("A class activation map of PVTv2 equals finite differences") {
  golden_maps::check_cam(
      {"pvtv2_mini", false, "head.weight", "head.bias", "stages.3.norm.bias", nullptr, nullptr});
}
