// Class activation maps of a mean over tokens with a norm behind it.
#include "tests/maps/cam.h"

namespace {

using golden_maps::Head;

// With a register or class token, the mean of patches, then a norm.
void check_sum(const char* name) {
  CAPTURE(name);
  golden_maps::Loaded m(name);
  const Head head(name, "head.weight", "head.bias");
  const auto beta = head.values("fc_norm.bias");
  const auto logits = m.reference.values("logits");
  fovea::MapRequest request;
  request.method = fovea::MapMethod::cam;
  request.target = 3;
  const auto maps = m.maps(request);
  for (size_t image = 0; image < 2; ++image) {
    double sum = double{head.b[3]};
    for (size_t c = 0; c < beta.size(); ++c) sum += double{head.w[3 * beta.size() + c]} * double{beta[c]};
    for (const float cell : maps[image]) sum += double{cell};
    CHECK(std::abs(sum - double{logits[image * 10 + 3]}) <= 1e-4);
  }
}

}  // namespace

TEST_CASE("A class activation map and one constant add up to the logit") {
  for (const char* name : {"vit_mini_reg1_gap", "beit_mini"}) check_sum(name);
}
