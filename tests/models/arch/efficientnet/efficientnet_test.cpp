// EfficientNets and MobileNets against what timm computed, and variants without golden data against networks
// written down here.
#include <fmt/format.h>

#include <algorithm>

#include "tests/models/golden.h"
#include "tests/models/random_network.h"

namespace {

using namespace random_network;

const char* const folders[] = {"mobilenetv3_small_mini", "efficientnet_b0_mini"};

using Function = double (*)(double);
double identity(double a) {
  return a;
}
double relu_of(double a) {
  return std::max(a, 0.0);
}
double relu6(double a) {
  return std::min(relu_of(a), 6.0);
}
double silu(double a) {
  return a / (1 + std::exp(-a));
}
double sigmoid(double a) {
  return 1 / (1 + std::exp(-a));
}
double hard_sigmoid(double a) {
  return relu6(a + 3) / 6;
}
double hard_swish(double a) {
  return a * hard_sigmoid(a);
}

// One block: its kind as timm calls it, and what follows from the architecture's name.
struct BlockCase {
  const char* kind;
  uint32_t columns, stride = 1, kernel = 3;
  Function activation = nullptr;  // where it is not the network's
  bool skips = true;
  bool gated = false;
};

struct Variant {
  const char* architecture;
  std::vector<std::vector<BlockCase>> stages;
  Function activation = &relu_of;
  Function squeeze = nullptr;  // a gate's activation where it is not the block's
  Function gate = &sigmoid;
  bool pools_first = false, has_head = true;
  bool same = false;
  double epsilon = 1e-5;
  const char* model_args = "{}";
};

class Builder {
 public:
  Builder(const Variant& v, uint32_t rows, uint32_t cols) : v_(v), n_(rows), input_(n_.input(rows, cols)) {}

  // act(BN(W ∗ x))
  Map conv_norm(const std::string& conv, const std::string& bn, const Map& x, uint32_t columns, uint32_t k,
                uint32_t stride, Function activation, bool depthwise = false) {
    const uint32_t groups = depthwise ? x.channels : 1;
    const Map y = v_.same ? n_.conv(conv, padded(x, k, stride), columns, k, stride, 0, groups)
                          : n_.conv(conv, x, columns, k, stride, k / 2, groups);
    return each(n_.batch_norm(bn, y, v_.epsilon), activation);
  }

  Map gate(const std::string& name, Map x, Function activation) {
    Map g = n_.conv(name + ".conv_reduce", global_mean(x), 3, 1, 1, 0, 1, true);
    g = n_.conv(name + ".conv_expand", each(g, activation), x.channels, 1, 1, 0, 1, true);
    gates_.push_back(each(g, v_.gate));
    for (size_t i = 0; i < x.v.size(); ++i) x.v[i] *= gates_.back().v[i / (size_t{x.rows} * x.cols)];
    return x;
  }

  Map block(const std::string& name, const Map& x, const BlockCase& b) {
    const auto at = [&](const char* part) { return fmt::format("{}.{}", name, part); };
    const Function act = b.activation != nullptr ? b.activation : v_.activation;
    const std::string kind = b.kind;
    const uint32_t wide = 2 * x.channels;
    const auto gated = [&](const Map& y) {
      return b.gated ? gate(at("se"), y, v_.squeeze != nullptr ? v_.squeeze : act) : y;
    };
    Map y = x;
    if (kind == "ir") {
      y = conv_norm(at("conv_pw"), at("bn1"), x, wide, 1, 1, act);
      y = gated(conv_norm(at("conv_dw"), at("bn2"), y, wide, b.kernel, b.stride, act, true));
      y = conv_norm(at("conv_pwl"), at("bn3"), y, b.columns, 1, 1, &identity);
    } else if (kind == "er") {
      y = gated(conv_norm(at("conv_exp"), at("bn1"), x, wide, b.kernel, b.stride, act));
      y = conv_norm(at("conv_pwl"), at("bn2"), y, b.columns, 1, 1, &identity);
    } else if (kind == "cn") {
      y = conv_norm(at("conv"), at("bn1"), x, b.columns, b.kernel, b.stride, act);
    } else {
      y = gated(conv_norm(at("conv_dw"), at("bn1"), x, x.channels, b.kernel, b.stride, act, true));
      y = conv_norm(at("conv_pw"), at("bn2"), y, b.columns, 1, 1, kind == "dsa" ? act : &identity);
    }
    return b.skips && b.stride == 1 && b.columns == x.channels ? add(y, x) : y;
  }

  void run() {
    Map x = conv_norm("conv_stem", "bn1", input_, 8, 3, 2, v_.activation);
    for (size_t i = 0; i < v_.stages.size(); ++i)
      for (size_t b = 0; b < v_.stages[i].size(); ++b)
        x = block(fmt::format("blocks.{}.{}", i, b), x, v_.stages[i][b]);
    if (!v_.pools_first && v_.has_head) x = conv_norm("conv_head", "bn2", x, 12, 1, 1, v_.activation);
    features_ = x;
    Map y = global_mean(x);
    if (v_.pools_first) y = each(n_.conv("conv_head", y, 12, 1, 1, 0, 1, true), v_.activation);
    logits_ = n_.linear("classifier", y, 7);
  }

  const Network& network() const { return n_; }

  void compare() {
    CAPTURE(v_.architecture);
    CAPTURE(fmt::format("{}×{}", input_.rows, input_.cols));
    run();
    const Folder folder(n_, v_.architecture, v_.model_args, input_.rows, input_.cols);
    const auto model =
        fovea::Model::load(fovea::Device::open(), folder.path(), {fovea::Precision::fp32, 0, 0});
    const auto out = golden::answer(model, {input_.v.begin(), input_.v.end()}, golden::all_layers(model));
    check(out.at("features").values, features_);
    check(out.at("logits").values, logits_);
    REQUIRE(model.info().attention.size() == gates_.size());
    for (size_t i = 0; i < gates_.size(); ++i) check(out.at(fmt::format("gate.{}", i)).values, gates_[i]);
    const auto& maps = model.info().maps;
    CHECK((std::find(maps.begin(), maps.end(), fovea::MapMethod::cam) != maps.end()) == !v_.pools_first);
  }

 private:
  static void check(const std::vector<float>& values, const Map& expected) {
    const std::vector<float> wanted(expected.v.begin(), expected.v.end());
    CHECK(golden::largest_difference(values, wanted) <= 1e-4 * std::max(1.0, golden::largest(wanted)));
  }

  // TensorFlow's SAME: the odd pixel goes to the right and bottom.
  static Map padded(const Map& x, uint32_t k, uint32_t stride) {
    const auto total = [&](uint32_t size) {
      const int64_t missing = (int64_t{(size + stride - 1) / stride} - 1) * stride + k - size;
      return static_cast<uint32_t>(std::max<int64_t>(missing, 0));
    };
    const uint32_t down = total(x.rows), across = total(x.cols);
    Map y = like(x, x.channels, x.rows + down, x.cols + across);
    for (uint32_t c = 0; c < x.channels; ++c)
      for (uint32_t i = 0; i < x.rows; ++i)
        for (uint32_t j = 0; j < x.cols; ++j) y.at(c, i + down / 2, j + across / 2) = x.at(c, i, j);
    return y;
  }

  const Variant& v_;
  Network n_;
  Map input_, features_, logits_;
  std::vector<Map> gates_;
};

void compare(const Variant& v, uint32_t rows, uint32_t cols) {
  Builder(v, rows, cols).compare();
}

std::vector<std::vector<BlockCase>> efficientnet(bool gated, bool skips_at_ends = true) {
  return {{{.kind = "ds", .columns = 8, .skips = skips_at_ends, .gated = gated}},
          {{.kind = "ir", .columns = 12, .stride = 2, .gated = gated},
           {.kind = "ir", .columns = 12, .gated = gated}},
          {{.kind = "ir", .columns = 16, .stride = 2, .kernel = 5, .gated = gated}},
          {{.kind = "ir", .columns = 16, .stride = 2, .gated = gated}},
          {{.kind = "ir", .columns = 16, .kernel = 5, .gated = gated}},
          {{.kind = "ir", .columns = 20, .stride = 2, .kernel = 5, .gated = gated}},
          {{.kind = "ir", .columns = 20, .gated = gated}}};
}

std::vector<std::vector<BlockCase>> mobilenetv3_small() {
  return {{{.kind = "ds", .columns = 8, .stride = 2, .activation = &relu_of, .gated = true}},
          {{.kind = "ir", .columns = 12, .stride = 2, .activation = &relu_of},
           {.kind = "ir", .columns = 12, .activation = &relu_of}},
          {{.kind = "ir", .columns = 16, .stride = 2, .kernel = 5, .gated = true}},
          {{.kind = "ir", .columns = 16, .kernel = 5, .gated = true}},
          {{.kind = "ir", .columns = 20, .stride = 2, .kernel = 5, .gated = true}},
          {{.kind = "cn", .columns = 24, .kernel = 1, .skips = false}}};
}

}  // namespace

TEST_CASE("EfficientNets and MobileNets equal the reference in fp32, whatever the batch") {
  for (const char* name : folders)
    for (const uint32_t batch : {1U, 2U, 3U}) golden::compare(name, fovea::Precision::fp32, {}, batch);
}

TEST_CASE("EfficientNets and MobileNets stay close to the reference with fp16 storage") {
  if (!fovea::Device::open().info().fp16_storage) return;  // the refusal is ResNet's test
  for (const char* name : folders) golden::compare(name, fovea::Precision::fp16, {5e-2, 2e-2}, 2);
}

TEST_CASE("Variants of EfficientNet equal networks written down") {
  compare({.architecture = "efficientnet_b0", .stages = efficientnet(true), .activation = &silu}, 67, 64);
  Variant tf{.architecture = "tf_efficientnet_b3.ns_jft_in1k",
             .stages = efficientnet(true),
             .activation = &silu,
             .same = true,
             .epsilon = 1e-3};
  for (const auto& [rows, cols] : {std::pair{64U, 67U}, {65U, 66U}}) compare(tf, rows, cols);
  compare({.architecture = "efficientnet_lite0", .stages = efficientnet(false), .activation = &relu6}, 64,
          64);
  auto ends = efficientnet(false, false);
  ends[6][0].skips = false;
  compare({.architecture = "mnasnet_100", .stages = ends}, 64, 64);
  compare({.architecture = "mobilenetv1_100",
           .stages = {{{.kind = "dsa", .columns = 8, .skips = false}},
                      {{.kind = "dsa", .columns = 12, .stride = 2, .skips = false},
                       {.kind = "dsa", .columns = 12, .skips = false}},
                      {{.kind = "dsa", .columns = 16, .stride = 2, .skips = false}},
                      {{.kind = "dsa", .columns = 16, .stride = 2, .skips = false}},
                      {{.kind = "dsa", .columns = 20, .stride = 2, .skips = false}}},
           .activation = &relu6,
           .has_head = false},
          64, 64);
  compare({.architecture = "efficientnetv2_s",
           .stages = {{{.kind = "cn", .columns = 8}},
                      {{.kind = "er", .columns = 12, .stride = 2}, {.kind = "er", .columns = 12}},
                      {{.kind = "er", .columns = 16, .stride = 2}},
                      {{.kind = "ir", .columns = 16, .stride = 2, .gated = true}},
                      {{.kind = "ir", .columns = 16, .gated = true}},
                      {{.kind = "ir", .columns = 20, .stride = 2, .gated = true}}},
           .activation = &silu},
          65, 64);
  // The first block of a stage is told apart from the others.
  compare({.architecture = "mobilenet_edgetpu_100",
           .stages = {{{.kind = "cn", .columns = 8, .kernel = 1, .skips = false}},
                      {{.kind = "er", .columns = 12, .stride = 2}},
                      {{.kind = "er", .columns = 16, .stride = 2}},
                      {{.kind = "ir", .columns = 16, .stride = 2}},
                      {{.kind = "ir", .columns = 16, .skips = false},
                       {.kind = "ir", .columns = 16},
                       {.kind = "ir", .columns = 16},
                       {.kind = "ir", .columns = 16}},
                      {{.kind = "ir", .columns = 20, .stride = 2, .kernel = 5}},
                      {{.kind = "ir", .columns = 20}}}},
          64, 64);
}

TEST_CASE("Variants of MobileNetV3 equal networks written down") {
  Variant v{.architecture = "mobilenetv3_small_075",
            .stages = mobilenetv3_small(),
            .activation = &hard_swish,
            .squeeze = &relu_of,
            .gate = &hard_sigmoid,
            .pools_first = true};
  compare(v, 64, 71);
  v.architecture = "tf_mobilenetv3_small_100";
  v.same = true;
  v.epsilon = 1e-3;
  compare(v, 64, 70);
  v.model_args = R"({"bn_eps": 1e-5, "pad_type": ""})";
  v.same = false;
  v.epsilon = 1e-5;
  compare(v, 64, 70);
  // Squeeze-and-excitation with the block's own activation.
  compare({.architecture = "fbnetv3_b",
           .stages = {{{.kind = "ds", .columns = 8}, {.kind = "ds", .columns = 8}},
                      {{.kind = "ir", .columns = 12, .stride = 2}},
                      {{.kind = "ir", .columns = 16, .stride = 2, .gated = true}},
                      {{.kind = "ir", .columns = 16, .stride = 2}},
                      {{.kind = "ir", .columns = 16, .gated = true}},
                      {{.kind = "ir", .columns = 20, .stride = 2, .gated = true}},
                      {{.kind = "cn", .columns = 24, .kernel = 1, .skips = false}}},
           .activation = &hard_swish,
           .gate = &hard_sigmoid,
           .pools_first = true},
          64, 64);
}

TEST_CASE("Blocks that a configuration tells are taken from there") {
  compare({.architecture = "efficientnet_b0",
           .stages = {{{.kind = "cn", .columns = 8}},
                      {{.kind = "ir", .columns = 12, .stride = 2, .activation = &relu_of}},
                      {{.kind = "er", .columns = 12, .skips = false, .gated = true}}},
           .activation = &hard_swish,
           .model_args = R"({"act_layer": "hard_swish", "arch_def": [["cn_r1_k3_s1_e1_c8_skip"],
               ["ir_r1_k3_s2_e2_c12_nre"], ["er_r1_k3_s1_e2_c12_se0.25_noskip"]]})"},
          32, 35);
}

TEST_CASE("What an EfficientNet's weights do not show is refused, not guessed") {
  const Variant v{.architecture = "efficientnet_b0", .stages = efficientnet(false), .activation = &silu};
  Builder builder(v, 32, 32);
  builder.run();
  const auto error = [&](const char* architecture, const char* model_args) -> std::string {
    const Folder folder(builder.network(), architecture, model_args, 32, 32);
    try {
      fovea::Model::load(fovea::Device::open(), folder.path());
    } catch (const fovea::Error& e) {
      return e.what();
    }
    return "";
  };
  const auto refused = [&](const char* model_args, const char* because) {
    CAPTURE(model_args);
    CHECK(error("efficientnet_b0", model_args).find(because) != std::string::npos);
  };
  CHECK(error("efficientnet_b0", R"({"global_pool": "avg", "aa_layer": null})").empty());
  refused(R"({"output_stride": 16})", "output_stride 16");
  refused(R"({"global_pool": "max"})", "'max'");
  refused(R"({"aa_layer": "blurpc"})", "aa_layer");
  refused(R"({"se_layer": "eca"})", "se_layer");
  refused(R"({"norm_layer": "groupnorm"})", "norm_layer");
  refused(R"({"act_layer": "elu"})", "'elu'");
  refused(R"({"pad_type": "valid"})", "'valid'");
  refused(R"({"pruned": true})", "pruned true");
  refused(R"({"space2depth": true})", "space2depth");
  refused(R"({"arch_def": [["ds_r1_k3_s1_e1_c8"]]})", "the weights hold 7 stages");
  refused(R"({"arch_def": [["ds_r1_k3_s1_c8_d1"]]})", "'d1'");
  refused(R"({"arch_def": [["uir_r1_k3_s1_c8"]]})", "'uir'");
  refused(R"({"arch_def": "ds_r1"})", "not a list of lists");
  CHECK(error("efficientnetv2_s", "{}").find("the weights hold 7 stages") != std::string::npos);
  for (const char* cousin :
       {"efficientnet_blur_b0", "efficientnet_b0_gn", "efficientnet_cc_b0_4e", "efficientnet_b1_pruned",
        "efficientnet_x_b3", "mixnet_s", "gc_efficientnetv2_rw_t", "mobilenetv4_conv_small", "fbnetc_100",
        "test_efficientnet_ln"}) {
    CAPTURE(cousin);
    CHECK(error(cousin, "{}").find("which Fovea does not have") != std::string::npos);
  }
}
