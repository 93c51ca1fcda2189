// Stepping through what a model has, and refusing what it has not; no device.
#include "apps/ui/view.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <set>
#include <string>

#include "apps/ui/keys.h"
#include "apps/ui/painter.h"
#include "fovea/error.h"
#include "tests/apps/cli/program.h"

namespace fovea::apps {
namespace {

// Layers 0 and 2 attend, with 2 and 4 heads; layer 1 is a gate.
ModelInfo mixed_model() {
  ModelInfo info;
  info.architecture = "mixed";
  info.classes = 10;
  info.has_head = true;
  info.labels = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
  info.attention = {{AttentionKind::self_attention, 2, 8, 8, 1, true, "x", "attn.0"},
                    {AttentionKind::spatial_gate, 1, 8, 8, 0, false, "y", "gate.0"},
                    {AttentionKind::self_attention, 4, 4, 4, 1, true, "z", "attn.1"}};
  info.maps = {MapMethod::raw, MapMethod::cam, MapMethod::energy};
  info.cam_rows = info.cam_cols = 4;
  return info;
}

View first_view(const ModelInfo& info) {
  View view;
  check(view, info);
  return view;
}

}  // namespace

TEST_CASE("layers, heads and methods go round and back") {
  const ModelInfo info = mixed_model();
  const View start = first_view(info);
  CHECK(start.map.layer == 2);
  for (const auto& [forward, back] :
       {std::pair{Action::next_layer, Action::previous_layer}, {Action::next_head, Action::previous_head}}) {
    View view = start;
    std::set<std::string> seen;
    int steps = 0;
    do {
      CHECK(apply(forward, view, info, {}));
      View checked = view;
      CHECK_NOTHROW(check(checked, info));
      seen.insert(title(view, info));
    } while (!(view == start) && ++steps < 20);
    CHECK(view == start);
    CHECK(seen.size() == (forward == Action::next_layer ? 3 : 5));
    apply(forward, view, info, {});
    apply(back, view, info, {});
    CHECK(view == start);
  }
  View view = start;
  for (size_t i = 0; i < info.maps.size(); ++i) {
    apply(Action::next_method, view, info, {});
    View checked = view;
    CHECK_NOTHROW(check(checked, info));
  }
  CHECK(view.map.method == start.map.method);
}

TEST_CASE("a step never leads to a head that the layer has not") {
  const ModelInfo info = mixed_model();
  View view = first_view(info);
  apply(Action::previous_head, view, info, {});
  CHECK(title(view, info) == "raw, layer 2, head 3");
  apply(Action::next_layer, view, info, {});
  CHECK(title(view, info) == "raw, layer 0, heads mean");
  apply(Action::previous_layer, view, info, {});
  apply(Action::all_heads, view, info, {});
  CHECK(view.spread == Spread::heads);
  while (traits_of(view.map.method).takes(MapField::head)) apply(Action::next_method, view, info, {});
  CHECK(view.spread == Spread::one);
}

TEST_CASE("every key does something and has a meaning") {
  const ModelInfo info = mixed_model();
  std::set<int> codes;
  std::set<std::string> names;
  for (const Control& control : controls()) {
    CAPTURE(control.name);
    CHECK(codes.insert(control.code).second);
    if (control.key == nullptr) continue;
    CHECK(names.insert(control.name).second);
    CHECK(*control.meaning != '\0');
    CHECK(action_for_key(control.code) == control.action);
    CHECK(action_named(control.name) == control.action);
    View view = first_view(info), before;
    view.pins = {{3, 3}};
    view.map.rank = 1;
    before = view;
    if (apply(control.action, view, info, {})) CHECK_FALSE(view == before);
  }
  CHECK(codes.size() == 28);
  CHECK_FALSE(action_for_key('x'));
  CHECK_FALSE(action_named("fly"));
}

TEST_CASE("the documentation has every key") {
  const std::string text = e2e::read_text(FOVEA_SOURCE_DIR "/docs/live.md");
  for (const Control& control : controls()) {
    if (control.key == nullptr) continue;
    const std::string row = fmt::format("| `{}` | {} |", control.key, control.meaning);
    CAPTURE(row);
    CHECK(text.find(row) != std::string::npos);
  }
}

TEST_CASE("a fixed scale holds the range on show") {
  View view;
  const AttentionMap map{1, 3, {0.25F, -1, 3}};
  next_scale(view, {&map, 1});
  CHECK(view.scale == MapScale::running);
  next_scale(view, {&map, 1});
  CHECK(view.scale == MapScale::fixed);
  CHECK(view.lowest == -1);
  CHECK(view.highest == 3);
  next_scale(view, {});
  CHECK(view.scale == MapScale::frame);
}

TEST_CASE("alpha stays within 0 and 1") {
  View view;
  for (int i = 0; i < 20; ++i) step_alpha(view, 1);
  CHECK(view.colours.alpha == 1);
  for (int i = 0; i < 20; ++i) step_alpha(view, -1);
  CHECK(view.colours.alpha == 0);
}

TEST_CASE("the class line says what a map is for") {
  const ModelInfo info = mixed_model();
  const std::vector<Prediction> topk = {{4, 0.5F, 1}, {7, 0.2F, 0}};
  View view = first_view(info);
  CHECK(class_line(view, info, topk) == "class-agnostic");
  view.map.method = MapMethod::cam;
  CHECK(class_line(view, info, topk) == "for top 1: e");
  apply(Action::top2, view, info, {});
  CHECK(class_line(view, info, topk) == "for top 2: h");
  view.map.target = 0;
  CHECK(class_line(view, info, topk) == "for: a");
}

TEST_CASE("views that cannot be are refused with the reason") {
  const ModelInfo info = mixed_model();
  const auto reason = [&](auto change) -> std::string {
    View view = first_view(info);
    change(view);
    try {
      check(view, info);
    } catch (const RequestError& error) {
      return error.plain();
    }
    return "";
  };
  CHECK(reason([](View&) {}).empty());
  CHECK(reason([](View& v) { v.map.layer = 3; }) == "layer 3: mixed has layers 0 to 2");
  CHECK(reason([](View& v) { v.map.layer = -4; }) == "layer -4: mixed has layers 0 to 2");
  CHECK(reason([](View& v) {
          v.map.fusion = HeadFusion::single;
          v.map.head = 4;
        }) == "head 4: mixed has heads 0 to 3");
  CHECK(reason([](View& v) {
          v.map.method = MapMethod::rollout;
        }).starts_with("method rollout: makes no sense"));
  CHECK(reason([](View& v) {
          v.map.method = MapMethod::cam;
          v.map.target = 10;
        }) == "class 10: mixed has classes 0 to 9");
  CHECK(reason([](View& v) { v.pins.resize(7); }) == "pins 7: at most 6");
  CHECK(reason([](View& v) { v.colours.alpha = 1.5F; }) == "alpha 1.5: want a number from 0 up to 1");
  CHECK(reason([](View& v) { v.colours.alpha = NAN; }) == "alpha nan: want a number from 0 up to 1");
  CHECK(reason([](View& v) { v.smoothing = 1; }) == "smoothing 1: want a number from 0 to below 1");
  CHECK_FALSE(reason([](View& v) {
                v.scale = MapScale::fixed;
                v.lowest = v.highest = 2;
              }).empty());
}

TEST_CASE("a pixel of a sheet or of a pair leads to its pixel of the frame") {
  View view;
  const cv::Size frame(640, 320);
  CHECK(*frame_point(view, frame, frame, {600, 300}) == cv::Point2d(600, 300));
  view.side_by_side = true;
  CHECK(*frame_point(view, frame, {1280, 320}, {1240, 10}) == cv::Point2d(600, 10));
  CHECK_FALSE(frame_point(view, frame, {1280, 320}, {1280, 10}));
  CHECK_FALSE(frame_point(view, frame, {1280, 320}, {5, -1}));
  // Tiles of 320 x 160 under captions of 24 rows.
  view.spread = Spread::heads;
  CHECK(*frame_point(view, frame, {640, 368}, {320 + 50, 184 + 24 + 30}) == cv::Point2d(100, 60));
  CHECK_FALSE(frame_point(view, frame, {640, 368}, {320 + 50, 184 + 10}));
}

TEST_CASE("a pixel asks for the patch that it lies in") {
  const ModelInfo info = mixed_model();
  View view = first_view(info);  // 4 x 4 patches
  const Region visible{100, 0, 400, 400};
  CHECK(*patch_centre(view, info, visible, {101, 399}) == cv::Point2d(150, 350));
  CHECK(*patch_centre(view, info, visible, {199, 301}) == cv::Point2d(150, 350));
  CHECK_FALSE(patch_centre(view, info, visible, {99, 200}));
  CHECK_FALSE(patch_centre(view, info, visible, {500, 200}));
  view.map.layer = 1;  // a gate asks nothing
  CHECK_FALSE(patch_centre(view, info, visible, {200, 200}));
  view.map.method = MapMethod::cam;
  CHECK_FALSE(patch_centre(view, info, visible, {200, 200}));
}

}  // namespace fovea::apps
