// What cells gave to the scores of tokens: against torch's, made by tests/reference/text_relevance.py, and
// against the definition.
#include "models/tasks/text_evidence.h"

#include "tests/models/tasks/text_models.h"
#include "tests/models/tasks/traced_texts.h"

namespace {

using text_models::all_of;
using text_models::Loaded;
using text_models::Picture;
using text_models::side;
using traced_texts::Texts;

constexpr fovea::TokenMapRequest evidence{-1, fovea::HeadFusion::mean, 0, fovea::MapMethod::evidence};

double off(Texts& texts) {
  fovea::TextEvidence found(texts.model.impl(), *texts.retrace);
  return texts.off("evidence", found);
}

}  // namespace

TEST_CASE("Evidence of a caption's tokens equals torch's sum over layers and heads") {
  Texts exact("vit_gpt2", fovea::Precision::fp32);
  CHECK(off(exact) < 1e-4);
  if (!fovea::Device::open().info().fp16_storage) return;
  Texts half("vit_gpt2", fovea::Precision::fp16);
  CHECK(off(half) < 0.03);
}

TEST_CASE("Evidence of a session's token has the class token's part beside the cells'") {
  const Loaded loaded("vit_gpt2");
  const Picture picture(side, side);
  auto session = loaded.session({3, evidence});
  session.start(picture.view());
  size_t against = 0;
  for (const fovea::TextToken& token : all_of(session)) {
    CHECK(token.map.elsewhere != 0);
    for (const float value : token.map.cells.values) against += value < 0 ? 1 : 0;
    CHECK(fovea::focus_of(token.map.cells, session.visible_region()));
  }
  CHECK(against > 0);
}

TEST_CASE("Evidence of a recurrent reader is each cell's part of the context's part of the logit") {
  const Loaded loaded("fovea_reader_mini");
  const Picture picture(54, 22);
  fovea::RunOptions options;
  options.generate = 9;
  const auto run = fovea::run(loaded.model, {{"input", loaded.input(picture)}}, options);
  const fovea::RawTensor &memory = run.at("encoder_output"), &weights = run.at("step_weights");
  const size_t keys = memory.shape[1], width = memory.shape[2];
  const auto file = fovea::io::Safetensors::open(golden::folder("fovea_reader_mini") / "model.safetensors");
  const std::vector<float> out = fovea::io::to_float(*file.find("out.weight"));
  const size_t row = file.find("out.weight")->shape[1];  // state, context, embedding
  const size_t state = file.find("encoder.bridge_h.weight")->shape[0];

  auto session = loaded.session({64, evidence});
  session.start(picture.view());
  const std::vector<fovea::TextToken> tokens = all_of(session);
  REQUIRE(tokens.size() > 2);
  for (size_t t = 0; t < tokens.size(); ++t) {
    std::vector<float> wanted(keys);
    for (size_t k = 0; k < keys; ++k) {
      double sum = 0;
      for (size_t c = 0; c < width; ++c)
        sum += double{out[tokens[t].id * row + state + c]} * double{memory.values[k * width + c]};
      wanted[k] = static_cast<float>(sum * double{weights.values[t * keys + k]});
    }
    CHECK(golden::largest_difference(tokens[t].map.cells.values, wanted) <= 1e-5);
    CHECK(golden::largest(wanted) > 1e-3);
  }
}

TEST_CASE("Where norms follow sums, and where an answer looks at a question, there is no evidence") {
  for (const char* name : {"trocr_small", "blip_caption", "blip_vqa"})
    CHECK_THROWS_WITH_AS(Loaded(name).session({4, evidence}), doctest::Contains("has raw, rollout, gae"),
                         fovea::RequestError);
}
