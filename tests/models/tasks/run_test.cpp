// Named tensors in and out: names of either library, choices of outputs, and what is refused.
#include "fovea/run.h"

#include "tests/models/golden.h"

namespace {

fovea::Model load(const char* name) {
  return fovea::Model::load(fovea::Device::open(), golden::folder(name), {fovea::Precision::fp32, 0, 0});
}

fovea::RawTensor pixels(uint64_t count) {
  return {{count, 3, 64, 64}, std::vector<float>(count * 3 * 64 * 64, 0.25F), {}};
}

}  // namespace

TEST_CASE("A model declares what it takes and gives") {
  CHECK(fovea::to_string(fovea::inputs_of(load("vit_mini"))) == "input f32 [B, 3, 64, 64]");
  CHECK(fovea::to_string(fovea::outputs_of(load("vit_mini"))) ==
        "features f32 [B, 17, 48], logits f32 [B, 10]");
  CHECK(fovea::to_string(fovea::inputs_of(load("vit_hf"))) == "pixel_values f32 [B, 3, 64, 64]");
  CHECK(fovea::to_string(fovea::outputs_of(load("vit_hf"))) ==
        "last_hidden_state f32 [B, 17, 32], logits f32 [B, 10]");
}

TEST_CASE("Names of either library give the same numbers, and a choice of outputs the same as all") {
  for (const char* name : {"vit_mini", "vit_hf"}) {
    CAPTURE(name);
    const auto model = load(name);
    const auto all =
        fovea::run(model, {{"input", pixels(3)}}, {.batch = 2, .outputs = {}, .attention_layers = {1}});
    const auto some = fovea::run(model, {{"pixel_values", pixels(3)}},
                                 {.batch = 2, .outputs = {"features"}, .attention_layers = {}});
    CHECK(some.size() == 1);
    CHECK(some.at("features").values == all.at("features").values);
    CHECK(all.at("features").shape[0] == 3);
    CHECK(all.at("attn.1").shape[0] == 3);
  }
}

TEST_CASE("What a model does not have is refused, naming what it has") {
  const auto model = load("vit_hf");
  const auto refuses = [&](const fovea::RawTensors& inputs, const fovea::RunOptions& options,
                           const char* words) {
    CHECK_THROWS_WITH_AS(fovea::run(model, inputs, options), doctest::Contains(words), fovea::Error);
  };
  const char* takes = "takes pixel_values f32 [B, 3, 64, 64]";
  refuses({}, {}, "no tensor `pixel_values`");
  refuses({}, {}, takes);
  refuses({{"input_ids", pixels(1)}}, {}, takes);
  refuses({{"input", pixels(1)}, {"pixel_values", pixels(1)}}, {}, "are one input");
  refuses({{"input", {{1, 3, 32, 64}, std::vector<float>(3 * 32 * 64), {}}}}, {},
          "`input` is [1, 3, 32, 64]");
  refuses({{"input", {{0, 3, 64, 64}, {}, {}}}}, {}, takes);
  refuses({{"input", {{1, 3, 64, 64}, std::vector<float>(5), {}}}}, {}, "has 5 values");
  refuses({{"input", {{1, 3, 64, 64}, {}, std::vector<int64_t>(3 * 64 * 64)}}}, {}, "holds integers");
  const fovea::RawTensors one{{"input", pixels(1)}};
  refuses(one, {.batch = 1, .outputs = {"boxes"}, .attention_layers = {}}, "gives last_hidden_state, logits");
  refuses(one, {.batch = 1, .outputs = {}, .attention_layers = {3}}, "layers 0…2");
  refuses(one, {.batch = 0, .outputs = {}, .attention_layers = {}}, "batch of 0");
  refuses(one, {.batch = 257, .outputs = {}, .attention_layers = {}}, "1…256");
}
