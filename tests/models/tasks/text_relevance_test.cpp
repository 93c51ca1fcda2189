// Gradients through a text's attention, by hand in torch: tests/reference/text_relevance.py made the files.
#include "models/tasks/text_relevance.h"

#include "tests/models/tasks/traced_texts.h"

namespace {

using traced_texts::Texts;

// The largest difference, as a share of the largest value of its token.
double off(Texts& texts) {
  fovea::TextRelevance relevance(texts.model.impl(), *texts.retrace);
  const std::vector<float> wanted = fovea::io::to_float(texts.tensor("relevance"));
  const size_t keys = texts.tensor("relevance").shape[1];
  const std::vector<uint32_t> ids(texts.ids.begin(), texts.ids.end());
  double most = 0;
  for (size_t k = 1; k < ids.size(); ++k) {
    const std::vector<float> found = relevance(std::span(ids).first(k), ids[k]);
    const auto row = wanted.begin() + static_cast<std::ptrdiff_t>((k - 1) * keys);
    const std::vector<float> expected(row, row + static_cast<std::ptrdiff_t>(keys));
    most = std::max(most, golden::largest_difference(found, expected) / golden::largest(expected));
  }
  return most;
}

}  // namespace

TEST_CASE("Relevance of texts equals torch's gradients and the rules of Chefer et al.") {
  for (const char* name : {"trocr_small", "vit_gpt2", "blip_caption", "blip_vqa"}) {
    CAPTURE(name);
    Texts exact(name, fovea::Precision::fp32);
    CHECK(off(exact) < 1e-4);
    if (!fovea::Device::open().info().fp16_storage) continue;
    Texts half(name, fovea::Precision::fp16);
    CHECK(off(half) < 0.03);
  }
}
