#include "apps/ui/view.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "apps/util/classes.h"

namespace fovea::apps {
namespace {

// The element after `now` in a list, the first after the last.
template <typename T>
T after(std::span<const T> list, const T& now, int by = 1) {
  const auto count = static_cast<std::ptrdiff_t>(list.size());
  const auto at = std::find(list.begin(), list.end(), now) - list.begin();
  if (at == count) return by > 0 ? list.front() : list.back();
  return list[static_cast<size_t>(((at + by) % count + count) % count)];
}

uint32_t heads_of(const View& view, const ModelInfo& info) {
  const auto layer = static_cast<size_t>(view.map.layer);
  return view.map.layer >= 0 && layer < info.attention.size() ? info.attention[layer].heads : 1;
}

}  // namespace

void fit(View& view, const ModelInfo& info) {
  const std::vector<uint32_t> layers = drawable_layers(info, view.map.method);
  if (!layers.empty() &&
      (view.map.layer < 0 ||
       std::find(layers.begin(), layers.end(), static_cast<uint32_t>(view.map.layer)) == layers.end()))
    view.map.layer = static_cast<int>(layers.back());
  const MapTraits& traits = traits_of(view.map.method);
  if (traits.takes(MapField::layer)) view.map.start_layer = std::min(view.map.start_layer, view.map.layer);
  if ((view.spread == Spread::layers && !traits.takes(MapField::layer)) ||
      (view.spread == Spread::heads && !traits.takes(MapField::head)))
    view.spread = Spread::one;
  if (view.map.fusion == HeadFusion::single &&
      (!traits.takes(MapField::head) || view.map.head >= heads_of(view, info))) {
    view.map.fusion = view.fusion;
    view.map.head = 0;
  }
}

LiveLayer layer_over(const View& view, const MapRequest& request) {
  return {request, view.colours, view.scale, view.lowest, view.highest, view.smoothing};
}

void check(View& view, const ModelInfo& info) {
  view.map.layer = resolved(view.map, info, ranked_classes).layer;
  if (view.fusion == HeadFusion::single) throw RequestError("fusion", "single", "want mean, max or min");
  if (view.spread == Spread::layers) require_takes(view.map.method, MapField::layer, "all");
  if (view.spread == Spread::heads) require_takes(view.map.method, MapField::head, "all");
  if (view.pins.size() > max_pins)
    throw RequestError("pins", fmt::format("{}", view.pins.size()), fmt::format("at most {}", max_pins));
  check_look(layer_over(view, view.map));
}

void step_layer(View& view, const ModelInfo& info, int by) {
  const std::vector<uint32_t> layers = drawable_layers(info, view.map.method);
  if (layers.empty() || !traits_of(view.map.method).takes(MapField::layer)) return;
  // The first step away from the sheet shows a layer by itself.
  if (view.spread == Spread::layers)
    view.spread = Spread::one;
  else
    view.map.layer = static_cast<int>(after<uint32_t>(layers, static_cast<uint32_t>(view.map.layer), by));
  fit(view, info);
}

void step_head(View& view, const ModelInfo& info, int by) {
  if (!traits_of(view.map.method).takes(MapField::head)) return;
  if (view.spread == Spread::heads) view.spread = Spread::one;
  const auto choices = static_cast<int>(heads_of(view, info)) + 1;
  const int now = view.map.fusion == HeadFusion::single ? static_cast<int>(view.map.head) + 1 : 0;
  const int next = (now + by + choices) % choices;
  view.map.fusion = next == 0 ? view.fusion : HeadFusion::single;
  view.map.head = next == 0 ? 0 : static_cast<uint32_t>(next - 1);
}

void next_method(View& view, const ModelInfo& info) {
  view.map.method = after<MapMethod>(info.maps, view.map.method);
  fit(view, info);
}

void next_fusion(View& view) {
  // From a single head back to the heads fused, and only then on to another fusion.
  if (view.map.fusion != HeadFusion::single) view.fusion = after<HeadFusion>(head_fusions(), view.fusion);
  view.map.fusion = view.fusion;
  view.map.head = 0;
}

void next_colormap(View& view) {
  view.colours.colormap = after<Colormap>(colormaps(), view.colours.colormap);
}

void next_scale(View& view, std::span<const AttentionMap> on_show) {
  view.scale = after<MapScale>(map_scales(), view.scale);
  if (view.scale != MapScale::fixed) return;
  float lowest = INFINITY, highest = -INFINITY;
  for (const AttentionMap& map : on_show)
    for (const float value : map.values) {
      lowest = std::min(lowest, value);
      highest = std::max(highest, value);
    }
  const bool sound = std::isfinite(lowest) && std::isfinite(highest) && lowest < highest;
  view.lowest = sound ? lowest : 0;
  view.highest = sound ? highest : 1;
}

void next_smoothing(View& view) {
  constexpr std::array weights = {0.F, 0.5F, 0.8F, 0.95F};
  view.smoothing = after<float>(weights, view.smoothing);
}

void step_alpha(View& view, int by) {
  view.colours.alpha =
      std::clamp(std::round(view.colours.alpha * 10 + static_cast<float>(by)) / 10, 0.F, 1.F);
}

void toggle(View& view, Spread spread) {
  const MapTraits& traits = traits_of(view.map.method);
  if (spread == Spread::layers ? !traits.takes(MapField::layer) : !traits.takes(MapField::head)) return;
  view.spread = view.spread == spread ? Spread::one : spread;
}

std::string title(const View& view, const ModelInfo& info) {
  const MapTraits& traits = traits_of(view.map.method);
  std::string text = traits.name;
  if (traits.takes(MapField::layer))
    text += view.spread == Spread::layers ? ", all layers" : fmt::format(", layer {}", view.map.layer);
  if (!traits.takes(MapField::head) || heads_of(view, info) == 1) return text;
  if (view.spread == Spread::heads) return text + ", all heads";
  if (view.map.fusion == HeadFusion::single) return text + fmt::format(", head {}", view.map.head);
  return text + fmt::format(", heads {}", to_string(view.map.fusion));
}

std::string class_line(const View& view, const ModelInfo& info, std::span<const Prediction> topk) {
  if (!traits_of(view.map.method).class_specific()) return "class-agnostic";
  if (view.map.target) return fmt::format("for: {}", label_of(info, *view.map.target));
  if (view.map.rank < topk.size())
    return fmt::format("for top {}: {}", view.map.rank + 1, label_of(info, topk[view.map.rank].index));
  return fmt::format("for top {}", view.map.rank + 1);
}

}  // namespace fovea::apps
