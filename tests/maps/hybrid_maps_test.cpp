// Maps of networks without a class token, against their definitions computed in double from the reference
// implementation's softmaxes, gates and features.
#include <algorithm>

#include "tests/maps/golden_maps.h"

using golden_maps::in_patch;
using golden_maps::Loaded;
using golden_maps::Place;

TEST_CASE("PVTv2's reduced keys are resampled to the grid of the queries") {
  Loaded m("pvtv2_mini");
  const auto a = m.reference.values("attn.1");  // [images, 2 heads, 12 × 12 queries, 3 × 3 keys]
  fovea::MapRequest request;
  request.layer = 1;
  const auto maps = m.maps(request);
  for (size_t image = 0; image < m.images(); ++image) {
    std::vector<double> received(9);
    for (size_t h = 0; h < 2; ++h)
      for (size_t q = 0; q < 144; ++q)
        for (size_t k = 0; k < 9; ++k) received[k] += double{a[((image * 2 + h) * 144 + q) * 9 + k]} / 288;
    std::vector<float> expected;
    for (int row = 0; row < 12; ++row)
      for (int col = 0; col < 12; ++col) {
        const double y = std::clamp((row + 0.5) / 4 - 0.5, 0.0, 2.0),
                     x = std::clamp((col + 0.5) / 4 - 0.5, 0.0, 2.0);
        const auto top = static_cast<size_t>(std::min(y, 1.999)),
                   left = static_cast<size_t>(std::min(x, 1.999));
        const double down = y - static_cast<double>(top), across = x - static_cast<double>(left);
        expected.push_back(static_cast<float>(
            (1 - down) * ((1 - across) * received[top * 3 + left] + across * received[top * 3 + left + 1]) +
            down * ((1 - across) * received[top * 3 + 3 + left] + across * received[top * 3 + 4 + left])));
      }
    CHECK(golden::largest_difference(maps[image], expected) <= 1e-5);
  }
}

TEST_CASE("Separable attention's scores are a map already") {
  Loaded m("mobilevitv2_050");
  const auto a = m.reference.values("attn.0");  // [images, 1, 4, 64] of a 16 × 16 grid
  fovea::MapRequest request;
  request.layer = 0;
  const auto maps = m.maps(request);
  for (size_t image = 0; image < m.images(); ++image) {
    std::vector<float> expected;
    for (uint32_t row = 0; row < 16; ++row)
      for (uint32_t col = 0; col < 16; ++col) {
        const Place p = in_patch(row, col, 16);
        expected.push_back(a[(image * 4 + p.group) * 64 + p.token]);
      }
    CHECK(golden::largest_difference(maps[image], expected) <= 1e-5);
  }
}

TEST_CASE("A squeeze-and-excitation map is the gated sum of the block's output") {
  Loaded m("seresnet_mini");
  const auto gate = m.reference.values("gate.7"),
             features = m.reference.values("features");  // [2, 256, 3, 3]
  for (const auto method : {fovea::MapMethod::raw, fovea::MapMethod::energy}) {
    fovea::MapRequest request;
    request.method = method;
    const auto maps = m.maps(request);
    for (size_t image = 0; image < m.images(); ++image) {
      std::vector<float> expected(9);
      for (size_t c = 0; c < 256; ++c)
        for (size_t cell = 0; cell < 9; ++cell)
          expected[cell] += gate[image * 256 + c] * features[(image * 256 + c) * 9 + cell];
      CHECK(golden::largest_difference(maps[image], expected) <= 1e-4 * golden::largest(expected));
    }
  }
}

TEST_CASE("A CBAM map is the spatial gate") {
  Loaded m("cbam_resnet_mini");
  const auto gate = m.reference.values("gate.15");  // [2, 1, 3, 3]
  const auto maps = m.maps({});
  for (size_t image = 0; image < m.images(); ++image)
    CHECK(golden::largest_difference(maps[image],
                                     {gate.begin() + static_cast<std::ptrdiff_t>(image * 9),
                                      gate.begin() + static_cast<std::ptrdiff_t>(image * 9 + 9)}) <= 1e-5);
}

TEST_CASE("Methods that make no sense are refused, naming those that do") {
  const auto refuses = [](const char* name, fovea::MapMethod method, const char* words) {
    Loaded m(name);
    fovea::MapRequest request;
    request.method = method;
    CAPTURE(name);
    CHECK_THROWS_WITH_AS(m.maps(request), doctest::Contains(words), fovea::Error);
  };
  refuses("seresnet_mini", fovea::MapMethod::rollout, "methods that do: raw, energy, cam");
  refuses("swin_mini", fovea::MapMethod::rollout, "methods that do: raw, cam");
  refuses("mobilevit_xxs", fovea::MapMethod::energy, "methods that do: raw, cam");
  refuses("vit_mini", fovea::MapMethod::cam, "methods that do: raw, rollout");
  Loaded m("seresnet_mini");
  fovea::MapRequest request;
  request.query = fovea::PatchIndex{0, 0};
  CHECK_THROWS_WITH_AS(m.maps(request), doctest::Contains("no queries"), fovea::Error);
}
