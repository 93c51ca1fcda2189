// The rules of a request on models made up here; no device.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "fovea/live.h"
#include "fovea/maps.h"
#include "fovea/model.h"
#include "fovea/session.h"

using fovea::AttentionKind;
using fovea::MapField;
using fovea::MapMethod;
using fovea::MapRequest;
using fovea::ModelInfo;
using fovea::PatchIndex;
using fovea::RequestError;

namespace {

// Three layers: attention of 4 heads over a 2 × 3 grid behind a class token, a gate, attention of 2 heads
// without a class token.
ModelInfo mixed() {
  ModelInfo info;
  info.architecture = "mixed";
  info.attention = {{AttentionKind::self_attention, 4, 2, 3, 1, true, "blocks.0.attn", "attn.0"},
                    {AttentionKind::channel_gate, 1, 2, 3, 0, false, "blocks.1.gate", "gate.0"},
                    {AttentionKind::self_attention, 2, 2, 3, 0, false, "blocks.2.attn", "attn.1"}};
  info.classes = 10;
  for (const fovea::MapTraits& traits : fovea::map_traits()) info.maps.push_back(traits.method);
  return info;
}

MapRequest of(MapMethod method, int layer = -1) {
  MapRequest request;
  request.method = method;
  request.layer = layer;
  return request;
}

std::string refusal(const std::function<void()>& call) {
  try {
    call();
  } catch (const RequestError& error) {
    CHECK(error.kind() == fovea::ErrorKind::usage);
    CHECK(std::string(error.what()) == "[map] " + error.plain());
    CHECK(error.plain().starts_with(error.field()));
    CHECK(error.plain().ends_with(": " + error.reason()));
    return error.plain();
  }
  return "";
}

std::string refusal(const MapRequest& request, uint32_t ranked = 5) {
  const ModelInfo info = mixed();
  return refusal([&] { fovea::resolved(request, info, ranked); });
}

}  // namespace

TEST_CASE("a negative layer counts from the end of those that the method draws") {
  const ModelInfo info = mixed();
  const auto layer = [&](MapMethod method, int asked) {
    return fovea::resolved(of(method, asked), info).layer;
  };
  CHECK(layer(MapMethod::raw, -1) == 2);
  CHECK(layer(MapMethod::raw, -3) == 0);
  CHECK(layer(MapMethod::energy, -1) == 1);
  CHECK(layer(MapMethod::norms, -2) == 0);
  CHECK(layer(MapMethod::norms, 2) == 2);
  CHECK(layer(MapMethod::cam, 77) == 77);  // which takes none
  CHECK(refusal(of(MapMethod::raw, 3)) == "layer 3: mixed has layers 0 to 2");
  CHECK(refusal(of(MapMethod::raw, -4)) == "layer -4: mixed has layers 0 to 2");
  CHECK(refusal(of(MapMethod::energy, -2)) == "layer -2: mixed has 1 layers for energy");
  CHECK(refusal(of(MapMethod::energy, 2)).ends_with("which has no energy; draw it with raw"));
}

TEST_CASE("each field is refused with its own words") {
  MapRequest request = of(MapMethod::raw, 2);
  request.fusion = fovea::HeadFusion::single;
  request.head = 2;
  CHECK(refusal(request) == "head 2: mixed has heads 0 to 1");
  request = of(MapMethod::rollout, 0);
  request.start_layer = 1;
  CHECK(refusal(request) == "start_layer 1: want 0 to 0, the last layer that is taken");
  request = of(MapMethod::cam);
  request.target = 10;
  CHECK(refusal(request) == "class 10: mixed has classes 0 to 9");
  request.target.reset();
  request.rank = 10;
  CHECK(refusal(request) == "class top11: mixed has 10 classes");
  request.rank = 5;
  CHECK(refusal(request) == "class top6: only the best 5 classes are known (top_k), name a class");
  CHECK(refusal(request, 0) == "class top6: nothing was classified, name a class");
  CHECK(refusal(request, 6).empty());
  request = of(MapMethod::raw, 0);
  request.query = PatchIndex{1, 3};
  CHECK(refusal(request) == "query (1, 3): layer 0 has a 2×3 grid");
  request.query = PatchIndex{1, 2};
  CHECK(refusal(request).empty());
  request.layer = 1;
  CHECK(refusal(request).ends_with("which has no queries to start from"));
  request = of(MapMethod::norms, 0);
  request.query = PatchIndex{};
  CHECK(refusal(request) ==
        "query (0, 0): norms starts from no patch, leave it out; methods that take it: raw, rollout, mask, "
        "similarity");
}

TEST_CASE("similarity needs a patch where there is no class token") {
  const ModelInfo info = mixed();
  fovea::require_start(of(MapMethod::similarity, 0), info);
  fovea::require_start(of(MapMethod::raw, 2), info);
  MapRequest request = of(MapMethod::similarity, 2);
  CHECK(refusal([&] { fovea::require_start(request, info); }).ends_with("give a query"));
  request.query = PatchIndex{};
  fovea::require_start(request, info);
}

TEST_CASE("a number's range holds for every method") {
  const float inf = std::numeric_limits<float>::infinity();
  struct Case {
    float MapRequest::*value;
    std::vector<float> good, bad;
  };
  const Case cases[] = {{&MapRequest::mass, {0.001F, 0.6F, 1}, {0, -1, 1.001F, NAN, inf}},
                        {&MapRequest::discard, {0, 0.5F, 0.999F}, {-0.1F, 1, NAN, inf}},
                        {&MapRequest::sigma, {0, 0.5F, 100}, {-0.1F, NAN, inf}}};
  for (const MapMethod method : {MapMethod::raw, MapMethod::mask, MapMethod::rollout})
    for (const Case& c : cases) {
      MapRequest request = of(method, 0);
      for (const float value : c.good) {
        request.*c.value = value;
        CHECK(refusal(request).empty());
      }
      for (const float value : c.bad) {
        request.*c.value = value;
        CHECK_FALSE(refusal(request).empty());
      }
    }
  std::vector<std::string> ranges;
  for (const fovea::MapNumber& number : fovea::map_numbers()) ranges.push_back(number.range());
  CHECK(ranges == std::vector<std::string>{"above 0 up to 1", "from 0 to below 1", "from 0 on"});
}

TEST_CASE("what people type leads to what is shown, and back") {
  for (const fovea::MapTraits& traits : fovea::map_traits()) {
    CHECK(fovea::method_named(traits.name) == traits.method);
    CHECK(traits.takes(MapField::sigma));
    CHECK(traits.class_specific() == traits.takes(MapField::target));
  }
  for (const auto fusion : fovea::head_fusions()) CHECK(fovea::fusion_named(to_string(fusion)) == fusion);
  for (const auto colormap : fovea::colormaps())
    CHECK(fovea::colormap_named(to_string(colormap)) == colormap);
  for (const auto scale : fovea::map_scales()) CHECK(fovea::scale_named(to_string(scale)) == scale);
  CHECK(refusal([] { fovea::fusion_named("median"); }) == "fusion median: want one of mean, max, min");
  CHECK(refusal([] { fovea::colormap_named("a\nb"); }).starts_with("colormap a\\x0ab: want one of turbo"));
  CHECK(refusal([] { fovea::require_takes(MapMethod::raw, MapField::discard, "0.5"); }) ==
        "discard 0.5: raw leaves out no entries, leave it out; methods that take it: rollout");
  CHECK(refusal([] { fovea::require_takes(MapMethod::rollout, MapField::discard, "0.5"); }).empty());
}

TEST_CASE("a look that makes no sense is refused") {
  fovea::LiveLayer layer;
  check_look(layer);
  layer.look.alpha = NAN;
  CHECK(refusal([&] { check_look(layer); }) == "alpha nan: want a number from 0 up to 1");
  layer = {};
  layer.smoothing = 1;
  CHECK(refusal([&] { check_look(layer); }) == "smoothing 1: want a number from 0 to below 1");
  layer = {};
  layer.scale = fovea::MapScale::fixed;
  layer.lowest = layer.highest = 2;
  CHECK(refusal([&] { check_look(layer); }) == "range 2 to 2: the first must be below the second");
  CHECK(refusal([] {
          fovea::check_look(fovea::OverlayOptions{.colormap = static_cast<fovea::Colormap>(9)});
        }) == "colormap 9: there is no such colormap");
}
