#include "tests/maps/class_maps.h"

namespace {

using namespace class_maps;  // NOLINT(google-build-using-namespace)

void add_head(Json& config, Tensors& tensors) {
  config["num_classes"] = config["model_args"]["num_classes"] = 10;
  add(tensors, "head.weight", {10, 48}, 0.5, 0);
  add(tensors, "head.bias", {10}, 0.5, 0);
}

void add_head_norms(Json&, Tensors& tensors) {
  for (int l = 0; l < 3; ++l)
    for (const char* part : {"q_norm", "k_norm"}) {
      const std::string name = fmt::format("blocks.{}.attn.{}.", l, part);
      add(tensors, name + "weight", {16}, 0.5, 1.5);
      add(tensors, name + "bias", {16}, 0.5, 0);
    }
}

const std::vector<Variant> variants{
    {"plain", "vit_mini"},
    {"not square", "vit_mini_rect"},
    {"two heads", "deit_mini_distilled"},
    {"norm before, quick GELU", "clip_mini", nullptr, "quick_gelu", 1e-5},
    {"mean of patches, then a norm", "vit_mini_reg1_gap", nullptr, "gelu", 1e-6, true},
    {"mean of normed patches", "vit_mini",
     [](Json& config, Tensors&) { config["model_args"]["global_pool"] = "avg"; }, "gelu", 1e-6, true},
    {"registers, layer scale", "dinov2_mini_reg4", add_head},
    {"SwiGLU", "dinov2_mini_swiglu", add_head},
    {"normed queries and keys", "vit_mini", add_head_norms},
    {"GELU by tanh", "vit_mini",
     [](Json& config, Tensors&) { config["model_args"]["act_layer"] = "gelu_tanh"; }, "gelu_tanh"},
};

}  // namespace

TEST_CASE("Class-specific maps equal their definitions, and evidence adds up to the logit") {
  for (const Variant& v : variants) check_variant(v);
}

TEST_CASE("Class-specific maps refuse what they cannot draw") {
  const Exact exact(variants[0]);
  Compared c(exact, fovea::Precision::fp32);
  for (const MapMethod method :
       {MapMethod::evidence, MapMethod::gradcam, MapMethod::gradsum, MapMethod::gae}) {
    CAPTURE(std::string(fovea::to_string(method)));
    fovea::MapRequest request;
    request.method = method;
    request.rank = 2;
    CHECK_THROWS_WITH_AS(c.map(request), doctest::Contains("class top3: only the best 2 classes are known"),
                         fovea::Error);
    request.target = 10;
    CHECK_THROWS_WITH_AS(c.map(request), doctest::Contains("has classes 0 to 9"), fovea::Error);
    request.target = 9;
    request.query = fovea::PatchIndex{};
    CHECK_THROWS_WITH_AS(c.map(request), doctest::Contains("starts from no patch, leave it out"),
                         fovea::Error);
    request.query.reset();
    if (method == MapMethod::gradcam) continue;
    request.start_layer = 3;
    CHECK_THROWS_WITH_AS(c.map(request), doctest::Contains("start_layer 3: want 0 to 2"), fovea::Error);
    request.start_layer = -1;
    CHECK_THROWS_AS(c.map(request), fovea::Error);
  }
  // An attention pool is no token that a head reads, and features are no classes.
  for (const char* name : {"siglip_mini", "dinov2_mini_reg4", "swin_mini"}) {
    const auto model = fovea::Model::load(fovea::Device::open(), golden::folder(name));
    for (const MapMethod method : model.info().maps)
      CHECK((!fovea::traits_of(method).class_specific() || method == MapMethod::cam));
  }
}
