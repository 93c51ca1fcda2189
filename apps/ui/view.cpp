#include "apps/ui/view.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "apps/util/classes.h"
#include "fovea/error.h"

namespace fovea::apps {
namespace {

[[noreturn]] void wrong(const std::string& message) {
  throw Error(ErrorKind::usage, message);
}

constexpr std::array colormaps = {Colormap::turbo, Colormap::viridis, Colormap::inferno, Colormap::jet,
                                  Colormap::gray};

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

// A layer and a head that the model has, where a step led to one that it has not.
void fit(View& view, const ModelInfo& info) {
  const std::vector<uint32_t> layers = drawable_layers(info, view.map.method);
  if (!layers.empty() &&
      (view.map.layer < 0 ||
       std::find(layers.begin(), layers.end(), static_cast<uint32_t>(view.map.layer)) == layers.end()))
    view.map.layer = static_cast<int>(layers.back());
  const MapTraits& traits = traits_of(view.map.method);
  if (traits.takes_layer) view.map.start_layer = std::min(view.map.start_layer, view.map.layer);
  if ((view.spread == Spread::layers && !traits.takes_layer) ||
      (view.spread == Spread::heads && !traits.takes_head))
    view.spread = Spread::one;
  if (view.map.fusion == HeadFusion::single && view.map.head >= heads_of(view, info)) {
    view.map.fusion = view.fusion;
    view.map.head = 0;
  }
}

}  // namespace

void check(View& view, const ModelInfo& info) {
  const MapTraits& traits = traits_of(view.map.method);
  if (std::find(info.maps.begin(), info.maps.end(), view.map.method) == info.maps.end())
    wrong(fmt::format("method {}: makes no sense for {}; methods that do: {}", traits.name, info.architecture,
                      names_of(info.maps)));
  if (traits.takes_layer) {
    const auto layers = static_cast<int>(info.attention.size());
    if (view.map.layer < -layers || view.map.layer >= layers)
      wrong(fmt::format("layer {}: {} has layers 0 to {}", view.map.layer, info.architecture, layers - 1));
    view.map.layer = static_cast<int>(layer_of(info, view.map));
  }
  if (view.map.fusion == HeadFusion::single && traits.takes_head && view.map.head >= heads_of(view, info))
    wrong(fmt::format("head {}: {} has heads 0 to {}", view.map.head, info.architecture,
                      heads_of(view, info) - 1));
  if (view.fusion == HeadFusion::single) wrong("fusion single: want mean, max or min");
  if (traits.class_specific && view.map.target && *view.map.target >= info.classes)
    wrong(fmt::format("class {}: {} has classes 0 to {}", *view.map.target, info.architecture,
                      info.classes - 1));
  if (view.spread == Spread::layers && !traits.takes_layer)
    wrong(fmt::format("method {}: has one map for the whole model, not one a layer", traits.name));
  if (view.spread == Spread::heads && !traits.takes_head)
    wrong(fmt::format("method {}: has no maps of single heads", traits.name));
  if (view.pins.size() > max_pins) wrong(fmt::format("{} pins: at most {}", view.pins.size(), max_pins));
  if (!(view.colours.alpha >= 0 && view.colours.alpha <= 1))
    wrong(fmt::format("alpha {}: want 0 to 1", view.colours.alpha));
  if (!(view.smoothing >= 0 && view.smoothing < 1))
    wrong(fmt::format("smoothing {}: want 0 to below 1", view.smoothing));
  if (view.scale == MapScale::fixed &&
      !(std::isfinite(view.lowest) && std::isfinite(view.highest) && view.lowest < view.highest))
    wrong(fmt::format("range {} to {}: the first must be below the second", view.lowest, view.highest));
}

void step_layer(View& view, const ModelInfo& info, int by) {
  const std::vector<uint32_t> layers = drawable_layers(info, view.map.method);
  if (layers.empty() || !traits_of(view.map.method).takes_layer) return;
  // The first step away from the sheet shows a layer by itself.
  if (view.spread == Spread::layers)
    view.spread = Spread::one;
  else
    view.map.layer = static_cast<int>(after<uint32_t>(layers, static_cast<uint32_t>(view.map.layer), by));
  fit(view, info);
}

void step_head(View& view, const ModelInfo& info, int by) {
  if (!traits_of(view.map.method).takes_head) return;
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
  constexpr std::array fusions = {HeadFusion::mean, HeadFusion::max, HeadFusion::min};
  // From a single head back to the heads fused, and only then on to another fusion.
  if (view.map.fusion != HeadFusion::single) view.fusion = after<HeadFusion>(fusions, view.fusion);
  view.map.fusion = view.fusion;
  view.map.head = 0;
}

void next_colormap(View& view) {
  view.colours.colormap = after<Colormap>(colormaps, view.colours.colormap);
}

void next_scale(View& view, std::span<const AttentionMap> on_show) {
  constexpr std::array scales = {MapScale::frame, MapScale::running, MapScale::fixed};
  view.scale = after<MapScale>(scales, view.scale);
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
  if (spread == Spread::layers ? !traits.takes_layer : !traits.takes_head) return;
  view.spread = view.spread == spread ? Spread::one : spread;
}

std::string title(const View& view, const ModelInfo& info) {
  const MapTraits& traits = traits_of(view.map.method);
  std::string text = traits.name;
  if (traits.takes_layer)
    text += view.spread == Spread::layers ? ", all layers" : fmt::format(", layer {}", view.map.layer);
  if (!traits.takes_head || heads_of(view, info) == 1) return text;
  if (view.spread == Spread::heads) return text + ", all heads";
  if (view.map.fusion == HeadFusion::single) return text + fmt::format(", head {}", view.map.head);
  return text + fmt::format(", heads {}", to_string(view.map.fusion));
}

std::string class_line(const View& view, const ModelInfo& info, std::span<const Prediction> topk) {
  if (!traits_of(view.map.method).class_specific) return "class-agnostic";
  if (view.map.target) return fmt::format("for: {}", label_of(info, *view.map.target));
  if (view.map.rank < topk.size())
    return fmt::format("for top {}: {}", view.map.rank + 1, label_of(info, topk[view.map.rank].index));
  return fmt::format("for top {}", view.map.rank + 1);
}

const char* to_string(Colormap colormap) {
  switch (colormap) {
    case Colormap::viridis:
      return "viridis";
    case Colormap::inferno:
      return "inferno";
    case Colormap::turbo:
      return "turbo";
    case Colormap::jet:
      return "jet";
    case Colormap::gray:
      return "gray";
  }
  return "";
}

const char* to_string(HeadFusion fusion) {
  switch (fusion) {
    case HeadFusion::mean:
      return "mean";
    case HeadFusion::max:
      return "max";
    case HeadFusion::min:
      return "min";
    case HeadFusion::single:
      return "single";
  }
  return "";
}

const char* to_string(MapScale scale) {
  switch (scale) {
    case MapScale::frame:
      return "frame";
    case MapScale::running:
      return "running";
    case MapScale::fixed:
      return "fixed";
  }
  return "";
}

std::span<const Colormap> all_colormaps() {
  return colormaps;
}

}  // namespace fovea::apps
