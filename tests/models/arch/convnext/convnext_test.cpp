// ConvNeXts against what timm computed, and variants without golden data against networks written down here.
#include <fmt/format.h>

#include "tests/models/golden.h"
#include "tests/models/random_network.h"

namespace {

using namespace random_network;

const char* const folders[] = {"convnext_mini", "convnext_mini_convmlp", "convnextv2_mini",
                               "convnextv2_mini_convmlp"};

double gelu_tanh(double a) {
  return a / 2 * (1 + std::tanh(std::sqrt(2 / 3.14159265358979323846) * (a + 0.044715 * a * a * a)));
}
double silu(double a) {
  return a / (1 + std::exp(-a));
}
double exact_gelu(double a) {
  return a / 2 * (1 + std::erf(a / std::sqrt(2.0)));
}

// What tells variants apart; widths are small, and odd sizes show how patches end.
struct Variant {
  const char* architecture;
  const char* model_args = "{}";
  double epsilon = 1e-6;
  double (*activation)(double) = &exact_gelu;
  uint32_t kernel = 7;
  const char* stem = "patch";  // or overlap, overlap_act
  uint32_t patch = 4;
  bool norm_first = false;  // before pooling
  bool hidden_head = false;
  bool scaled = true;  // gamma
  bool grn = false;
  bool conv_mlp = false;
};

// A linear layer of each pixel, written as a 1×1 convolution or not.
Map linear(Network& n, const std::string& name, const Map& x, uint32_t columns, bool as_conv) {
  return as_conv ? n.conv(name, x, columns, 1, 1, 0, 1, true) : n.linear(name, x, columns);
}

Map grn(Network& n, const std::string& name, Map x) {
  const uint32_t cells = x.rows * x.cols;
  const auto gamma = n.tensor(name + ".weight", {x.channels}, -1, 1),
             beta = n.tensor(name + ".bias", {x.channels}, -0.5, 0.5);
  std::vector<double> lengths(x.channels);
  double mean = 0;
  for (uint32_t c = 0; c < x.channels; ++c) {
    for (uint32_t i = 0; i < cells; ++i) lengths[c] += std::pow(x.v[size_t{c} * cells + i], 2);
    lengths[c] = std::sqrt(lengths[c]);
    mean += lengths[c] / x.channels;
  }
  for (uint32_t c = 0; c < x.channels; ++c)
    for (uint32_t i = 0; i < cells; ++i) {
      double& value = x.v[size_t{c} * cells + i];
      value += double{gamma[c]} * value * lengths[c] / (mean + 1e-6) + double{beta[c]};
    }
  return x;
}

Map block(Network& n, const std::string& name, const Map& x, const Variant& v) {
  Map y = n.conv(name + ".conv_dw", x, x.channels, v.kernel, 1, v.kernel / 2, x.channels, true);
  y = n.layer_norm(name + ".norm", y, v.epsilon);
  y = each(linear(n, name + ".mlp.fc1", y, 2 * x.channels, v.conv_mlp), v.activation);
  if (v.grn) y = grn(n, name + ".mlp.grn", y);
  y = linear(n, name + ".mlp.fc2", y, x.channels, v.conv_mlp);
  if (v.scaled) {
    const auto gamma = n.tensor(name + ".gamma", {x.channels}, -1, 1);
    for (size_t i = 0; i < y.v.size(); ++i) y.v[i] *= double{gamma[i / (size_t{x.rows} * x.cols)]};
  }
  return add(x, y);
}

Map stem(Network& n, const Map& input, uint32_t width, const Variant& v) {
  if (v.stem == std::string("patch"))
    return n.layer_norm("stem.1", n.conv("stem.0", input, width, v.patch, v.patch, 0, 1, true), v.epsilon);
  const bool active = v.stem == std::string("overlap_act");
  Map x = n.conv("stem.0", input, width / 2, 3, 2, 1, 1, true);
  if (active) x = each(x, v.activation);
  x = n.conv(active ? "stem.2" : "stem.1", x, width, 3, 2, 1, 1, true);
  return n.layer_norm(active ? "stem.3" : "stem.2", x, v.epsilon);
}

void compare(const Variant& v, uint32_t rows, uint32_t cols) {
  CAPTURE(v.architecture);
  CAPTURE(fmt::format("{}×{}", rows, cols));
  Network n(rows);
  const Map input = n.input(rows, cols);
  Map x = stem(n, input, 8, v);
  for (uint32_t stage = 0; stage < 4; ++stage) {
    const std::string scope = fmt::format("stages.{}", stage);
    if (stage > 0 || v.patch == 2) {
      x = n.layer_norm(scope + ".downsample.0", x, v.epsilon);
      x = n.conv(scope + ".downsample.1", x, 8 + 4 * stage, 2, 2, 0, 1, true);
    }
    for (uint32_t i = 0; i < (stage == 1 ? 2 : 1); ++i)
      x = block(n, fmt::format("{}.blocks.{}", scope, i), x, v);
  }
  if (v.norm_first) x = n.layer_norm("norm_pre", x, v.epsilon);
  Map y = global_mean(x);
  if (!v.norm_first) y = n.layer_norm("head.norm", y, v.epsilon);
  if (v.hidden_head) y = gelu(n.linear("head.pre_logits.fc", y, 12));
  const Map logits = n.linear("head.fc", y, 7);

  const Folder folder(n, v.architecture, v.model_args, rows, cols);
  const auto model = fovea::Model::load(fovea::Device::open(), folder.path(), {fovea::Precision::fp32, 0, 0});
  const auto out = golden::answer(model, {input.v.begin(), input.v.end()});
  const std::vector<float> features(x.v.begin(), x.v.end()), answer(logits.v.begin(), logits.v.end());
  CHECK(out.at("features").shape == std::vector<uint64_t>{1, x.channels, x.rows, x.cols});
  CHECK(golden::largest_difference(out.at("features").values, features) <= 1e-4 * golden::largest(features));
  CHECK(golden::largest_difference(out.at("logits").values, answer) <= 1e-4 * golden::largest(answer));
  CHECK(model.info().attention.empty());
  CHECK(model.info().maps == (v.hidden_head ? std::vector<fovea::MapMethod>{}
                                            : std::vector<fovea::MapMethod>{fovea::MapMethod::cam}));
}

}  // namespace

TEST_CASE("ConvNeXts equal the reference in fp32, whatever the batch") {
  for (const char* name : folders)
    for (const uint32_t batch : {1U, 2U, 3U}) golden::compare(name, fovea::Precision::fp32, {}, batch);
}

TEST_CASE("ConvNeXts stay close to the reference with fp16 storage") {
  if (!fovea::Device::open().info().fp16_storage) return;  // the refusal is ResNet's test
  for (const char* name : folders) golden::compare(name, fovea::Precision::fp16, {5e-2, 0}, 2);
}

TEST_CASE("ConvNeXt in transformers' naming equals the reference") {
  const golden::Reference reference(golden::folder("convnext_hf"));
  const auto shape = reference.shape("input");  // smaller than what the processor gives
  const auto model = fovea::Model::load(
      fovea::Device::open(), golden::folder("convnext_hf"),
      {fovea::Precision::fp32, static_cast<uint32_t>(shape[2]), static_cast<uint32_t>(shape[3])});
  const fovea::RawTensors inputs{{"input", golden::in_turn(reference.tensor("input"), shape[0])}};
  CHECK(golden::check_equal(reference, inputs, fovea::run(model, inputs, {}), {}) == 3);
}

TEST_CASE("Variants of ConvNeXt equal networks written down") {
  compare({.architecture = "convnext_tiny"}, 67, 96);
  compare({.architecture = "convnext_tiny_hnf", .norm_first = true, .conv_mlp = true}, 64, 70);
  compare({.architecture = "convnext_large_mlp", .hidden_head = true}, 64, 64);
  compare({.architecture = "convnext_xxlarge", .epsilon = 1e-5}, 64, 64);
  compare({.architecture = "convnext_nano_ols", .stem = "overlap", .conv_mlp = true}, 71, 65);
  compare({.architecture = "convnext_atto", .model_args = R"({"patch_size": 2})", .patch = 2}, 65, 64);
  compare({.architecture = "convnext_atto",
           .model_args = R"({"stem_type": "overlap_act", "act_layer": "relu"})",
           .activation = [](double a) { return std::max(a, 0.0); },
           .stem = "overlap_act"},
          64, 64);
  compare({.architecture = "test_convnext", .epsilon = 1e-5, .activation = &gelu_tanh}, 64, 64);
  compare({.architecture = "test_convnext3", .epsilon = 1e-5, .activation = &silu, .kernel = 5}, 64, 64);
  compare({.architecture = "convnextv2_huge.fcmae", .scaled = false, .grn = true}, 75, 64);
  compare({.architecture = "convnext_base", .model_args = R"({"norm_eps": 0.1})", .epsilon = 0.1}, 64, 64);
}

TEST_CASE("What a ConvNeXt's weights do not show is refused, not guessed") {
  Network n(1);
  const Variant v{.architecture = "convnext_tiny"};
  Map x = stem(n, n.input(32, 32), 8, v);
  for (uint32_t stage = 0; stage < 2; ++stage) {
    if (stage > 0)
      x = n.conv("stages.1.downsample.1", n.layer_norm("stages.1.downsample.0", x, 1e-6), 12, 2, 2, 0, 1,
                 true);
    x = block(n, fmt::format("stages.{}.blocks.0", stage), x, v);
  }
  n.linear("head.fc", n.layer_norm("head.norm", global_mean(x), 1e-6), 7);
  const auto error = [&](const char* architecture, const char* model_args) -> std::string {
    const Folder folder(n, architecture, model_args, 32, 32);
    try {
      fovea::Model::load(fovea::Device::open(), folder.path());
    } catch (const fovea::Error& e) {
      return e.what();
    }
    return "";
  };
  CHECK(error("convnext_tiny", "{}").empty());
  CHECK(error("convnext_tiny", R"({"norm_layer": "layernorm", "global_pool": "avg"})").empty());
  CHECK(error("convnext_tiny", R"({"output_stride": 16})").find("output_stride 16") != std::string::npos);
  CHECK(error("convnext_tiny", R"({"global_pool": "max"})").find("'max'") != std::string::npos);
  CHECK(error("convnext_tiny", R"({"norm_layer": "rmsnorm"})").find("'rmsnorm'") != std::string::npos);
  CHECK(error("convnext_tiny", R"({"act_layer": "elu"})").find("'elu'") != std::string::npos);
  for (const char* cousin :
       {"convnext_atto_rms", "convnext_zepto_rms_ols", "convnextx_tiny", "inception_next_tiny"}) {
    CAPTURE(cousin);
    CHECK(error(cousin, "{}").find("which Fovea does not have") != std::string::npos);
  }
}

TEST_CASE("A ConvNeXt whose stages go beyond a stride of 32 is refused, as timm dilates there") {
  Network n(2);
  const Variant v{.architecture = "convnext_tiny", .patch = 8};
  Map x = stem(n, n.input(64, 64), 8, v);
  for (uint32_t stage = 0; stage < 4; ++stage) {
    const std::string scope = fmt::format("stages.{}", stage);
    if (stage > 0)
      x = n.conv(scope + ".downsample.1", n.layer_norm(scope + ".downsample.0", x, 1e-6), 8, 2, 2, 0, 1,
                 true);
    x = block(n, scope + ".blocks.0", x, v);
  }
  n.linear("head.fc", n.layer_norm("head.norm", global_mean(x), 1e-6), 7);
  const Folder folder(n, "convnext_tiny", R"({"patch_size": 8})", 64, 64);
  CHECK_THROWS_WITH_AS(fovea::Model::load(fovea::Device::open(), folder.path()),
                       doctest::Contains("stage 3 comes to a stride of 64, beyond 32"), fovea::Error);
}
