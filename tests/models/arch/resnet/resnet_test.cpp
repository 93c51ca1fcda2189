// ResNets against what timm computed, and variants without golden data against networks written down here.
#include <fmt/format.h>

#include "tests/maps/cam.h"
#include "tests/models/golden.h"
#include "tests/models/random_network.h"

namespace {

using random_network::add;
using random_network::Folder;
using random_network::global_mean;
using random_network::Map;
using random_network::Network;
using random_network::pool;
using random_network::relu;

const char* const folders[] = {"seresnet_mini", "cbam_resnet_mini"};

// What tells variants apart; widths are small, and odd sizes show how windows end.
struct Variant {
  const char* architecture;
  const char* model_args = "{}";
  bool legacy = false;
  uint32_t convs = 3;            // of a block
  uint32_t strided = 2;          // the convolution with the stride, from 1
  std::vector<uint32_t> stem{};  // widths of a deep stem, else one 7×7
  bool pool_conv = false;        // in place of max pooling
  bool average_shortcut = false;
  uint32_t shortcut_kernel = 1;
  uint32_t groups = 1;
  bool gated = false;
};

Map block(Network& n, const std::string& name, const Map& x, uint32_t width, uint32_t stride,
          const Variant& v) {
  Map y = x;
  const uint32_t out = v.convs == 3 ? 2 * width : width;
  for (uint32_t i = 1; i <= v.convs; ++i) {
    const bool wide = v.convs == 2 || i == 2;  // 3×3
    y = n.conv(fmt::format("{}.conv{}", name, i), y, i == 3 ? out : width, wide ? 3 : 1,
               i == v.strided ? stride : 1, wide ? 1 : 0, i == 2 ? v.groups : 1);
    y = n.batch_norm(fmt::format("{}.bn{}", name, i), y);
    const bool older_basic = v.legacy && v.convs == 2;  // a ReLU before its gate too
    if (i != v.convs || older_basic) y = relu(y);
  }
  if (v.gated) y = n.squeeze_excite(name + (v.legacy ? ".se_module" : ".se"), y, 3);
  Map shortcut = x;
  if (stride != 1 || x.channels != out) {
    if (v.average_shortcut) {
      if (stride != 1) shortcut = pool(shortcut, 2, stride, 0, true, true);
      shortcut = n.batch_norm(name + ".downsample.2", n.conv(name + ".downsample.1", shortcut, out, 1, 1, 0));
    } else {
      const uint32_t k = stride == 1 ? 1 : v.shortcut_kernel;
      shortcut = n.conv(name + ".downsample.0", shortcut, out, k, stride, k / 2);
      shortcut = n.batch_norm(name + ".downsample.1", shortcut);
    }
  }
  return relu(add(y, shortcut));
}

Map stem(Network& n, Map x, const Variant& v) {
  const std::string scope = v.legacy ? "layer0." : "";
  if (v.stem.empty()) {
    x = relu(n.batch_norm(scope + "bn1", n.conv(scope + "conv1", x, 8, 7, 2, 3)));
  } else {
    for (uint32_t i = 0; i < 3; ++i) {
      const std::string conv =
          v.legacy ? fmt::format("layer0.conv{}", i + 1) : fmt::format("conv1.{}", 3 * i);
      const std::string bn = v.legacy ? fmt::format("layer0.bn{}", i + 1)
                             : i == 2 ? std::string("bn1")
                                      : fmt::format("conv1.{}", 3 * i + 1);
      x = relu(n.batch_norm(bn, n.conv(conv, x, v.stem[i], 3, i == 0 ? 2 : 1, 1)));
    }
  }
  if (v.pool_conv) return relu(n.batch_norm("maxpool.1", n.conv("maxpool.0", x, x.channels, 3, 2, 1)));
  return v.legacy ? pool(x, 3, 2, 0, true, false) : pool(x, 3, 2, 1, false, false);
}

void compare(const Variant& v, uint32_t rows, uint32_t cols) {
  CAPTURE(v.architecture);
  CAPTURE(fmt::format("{}×{}", rows, cols));
  Network n(rows);
  const Map input = n.input(rows, cols);
  Map x = stem(n, input, v);
  for (uint32_t stage = 1; stage <= 4; ++stage)
    for (uint32_t i = 0; i < (stage == 2 ? 2 : 1); ++i)
      x = block(n, fmt::format("layer{}.{}", stage, i), x, 4 + 4 * stage, stage > 1 && i == 0 ? 2 : 1, v);
  const Map logits = n.linear(v.legacy ? "last_linear" : "fc", global_mean(x), 7);

  const Folder folder(n, v.architecture, v.model_args, rows, cols);
  const auto model = fovea::Model::load(fovea::Device::open(), folder.path(), {fovea::Precision::fp32, 0, 0});
  const auto out = golden::answer(model, {input.v.begin(), input.v.end()});
  const std::vector<float> features(x.v.begin(), x.v.end()), answer(logits.v.begin(), logits.v.end());
  CHECK(out.at("features").shape == std::vector<uint64_t>{1, x.channels, x.rows, x.cols});
  CHECK(golden::largest_difference(out.at("features").values, features) <= 1e-4 * golden::largest(features));
  CHECK(golden::largest_difference(out.at("logits").values, answer) <= 1e-4 * golden::largest(answer));
  CHECK(model.info().attention.size() == (v.gated ? 5 : 0));
}

}  // namespace

TEST_CASE("ResNets with gates equal the reference in fp32, whatever the batch") {
  for (const char* name : folders)
    for (const uint32_t batch : {1U, 2U, 3U}) golden::compare(name, fovea::Precision::fp32, {}, batch);
}

TEST_CASE("ResNets with gates stay close to the reference with fp16 storage") {
  if (!fovea::Device::open().info().fp16_storage) {
    CHECK_THROWS_AS(
        fovea::Model::load(fovea::Device::open(), golden::folder(folders[0]), {fovea::Precision::fp16, 0, 0}),
        fovea::Error);
    return;
  }
  for (const char* name : folders) golden::compare(name, fovea::Precision::fp16, {5e-2, 2e-2}, 2);
}

TEST_CASE("Variants of ResNets equal networks written down") {
  Variant v{.architecture = "resnet18", .convs = 2, .strided = 1};
  compare(v, 64, 64);
  compare(v, 37, 58);
  compare({.architecture = "seresnet34", .convs = 2, .strided = 1, .gated = true}, 45, 33);
  compare({.architecture = "resnet50d", .stem = {4, 8, 12}, .average_shortcut = true}, 53, 75);
  compare({.architecture = "seresnext26t_32x4d",
           .stem = {6, 8, 16},
           .average_shortcut = true,
           .groups = 4,
           .gated = true},
          61, 45);
  compare({.architecture = "resnetrs50",
           .stem = {4, 4, 8},
           .pool_conv = true,
           .average_shortcut = true,
           .gated = true},
          47, 64);
  compare({.architecture = "senet154", .stem = {8, 8, 16}, .shortcut_kernel = 3, .groups = 2, .gated = true},
          51, 38);
}

TEST_CASE("Older SENets equal networks written down: Caffe's stride and pooling") {
  compare({.architecture = "legacy_seresnet18", .legacy = true, .convs = 2, .strided = 1, .gated = true}, 46,
          61);
  compare({.architecture = "legacy_seresnet50", .legacy = true, .strided = 1, .gated = true}, 64, 64);
  compare({.architecture = "legacy_seresnet101", .legacy = true, .strided = 1, .gated = true}, 51, 39);
  compare({.architecture = "legacy_seresnext50_32x4d", .legacy = true, .groups = 4, .gated = true}, 50, 45);
  compare({.architecture = "legacy_senet154",
           .legacy = true,
           .stem = {8, 8, 16},
           .shortcut_kernel = 3,
           .groups = 2,
           .gated = true},
          43, 66);
}

TEST_CASE("A ResNet says where its gates are, and takes any input size") {
  const auto model = fovea::Model::load(fovea::Device::open(), golden::folder("cbam_resnet_mini"),
                                        {fovea::Precision::fp32, 75, 50});
  const auto& info = model.info();
  REQUIRE(info.attention.size() == 16);
  CHECK(info.attention[0].kind == fovea::AttentionKind::channel_gate);
  CHECK(info.attention[0].name == "layer1.0.se.channel");
  CHECK(info.attention[0].tensor == "gate.0");
  CHECK(info.attention[15].kind == fovea::AttentionKind::spatial_gate);
  CHECK(info.attention[15].name == "layer4.1.se.spatial");
  CHECK(info.attention[15].rows == 3);
  CHECK(info.attention[15].cols == 2);
  const auto out = golden::answer(model, std::vector<float>(size_t{3} * 75 * 50, 0.25F));
  CHECK(out.at("features").shape == std::vector<uint64_t>{1, 256, 3, 2});
}

TEST_CASE("What a ResNet's weights do not show is refused, not guessed") {
  Network n(1);
  const Variant v{.architecture = "resnet18", .convs = 2, .strided = 1};
  Map x = stem(n, n.input(32, 32), v);
  for (uint32_t stage = 1; stage <= 4; ++stage)
    x = block(n, fmt::format("layer{}.0", stage), x, 4 * stage, stage > 1 ? 2 : 1, v);
  n.linear("fc", global_mean(x), 7);
  const auto error = [&](const char* architecture, const char* model_args) -> std::string {
    const Folder folder(n, architecture, model_args, 32, 32);
    try {
      fovea::Model::load(fovea::Device::open(), folder.path());
    } catch (const fovea::Error& e) {
      return e.what();
    }
    return "";
  };
  CHECK(error("resnet18", "{}").empty());
  CHECK(error("resnet18", R"({"act_layer": "silu", "global_pool": "avg"})").empty());
  CHECK(error("resnet18", R"({"output_stride": 16})").find("output_stride 16") != std::string::npos);
  CHECK(error("resnet18", R"({"global_pool": "catavgmax"})").find("'catavgmax'") != std::string::npos);
  CHECK(error("resnet18", R"({"aa_layer": "avg"})").find("aa_layer") != std::string::npos);
  CHECK(error("resnet18", R"({"act_layer": "elu"})").find("'elu'") != std::string::npos);
  for (const char* cousin :
       {"resnetblur18", "resnetaa50", "resnetv2_50", "resnet50_gn", "resnet51q", "resnet33ts"}) {
    CAPTURE(cousin);
    CHECK(error(cousin, "{}").find("which Fovea does not have") != std::string::npos);
  }
}

TEST_CASE("Class activation maps of ResNets equal finite differences") {
  golden_maps::check_cam({"seresnet_mini", false, "fc.weight", "fc.bias", nullptr, nullptr, nullptr});
  golden_maps::check_cam({"cbam_resnet_mini", false, "fc.weight", "fc.bias", nullptr, nullptr, nullptr});
}
