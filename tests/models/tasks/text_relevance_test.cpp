// Gradients through a text's attention, by hand in torch: tests/reference/text_relevance.py made the files.
#include "models/tasks/text_relevance.h"

#include "tests/models/tasks/traced_texts.h"

namespace {

using traced_texts::Texts;

double off(Texts& texts) {
  fovea::TextRelevance relevance(texts.model.impl(), *texts.retrace);
  return texts.off("relevance", relevance);
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
