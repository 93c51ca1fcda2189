#include "apps/ui/keys.h"

#include <algorithm>
#include <array>

namespace fovea::apps {
namespace {

constexpr int escape = 27, tab = 9;

constexpr auto table = std::to_array<Control>({
    {Action::quit, 'q', "q Esc", "quit", "quit"},
    {Action::quit, escape, nullptr, "quit", ""},
    {Action::help, 'h', "h", "help", "show or hide this help"},
    {Action::hud, 'i', "i", "hud", "show or hide what is written over the picture"},
    {Action::freeze, ' ', "space", "freeze", "hold the frame; everything below still works on it"},
    {Action::class_token, 'c', "c", "class-token", "forget all patches: the class token's map"},
    {Action::previous_layer, '[', "[", "previous-layer", "the layer before"},
    {Action::next_layer, ']', "]", "next-layer", "the layer after"},
    {Action::all_layers, 'l', "l", "all-layers", "a sheet of all layers"},
    {Action::previous_head, ',', ",", "previous-head", "the head before"},
    {Action::next_head, '.', ".", "next-head", "the head after"},
    {Action::all_heads, 'a', "a", "all-heads", "a wall of all heads"},
    {Action::next_method, 'm', "m", "next-method", "the next map method"},
    {Action::next_fusion, 'f', "f", "next-fusion", "heads fused by mean, max or min"},
    {Action::top1, '1', "1 to 5", "top1", "which of the top classes a class-specific map is for"},
    {Action::top2, '2', nullptr, "top2", ""},
    {Action::top3, '3', nullptr, "top3", ""},
    {Action::top4, '4', nullptr, "top4", ""},
    {Action::top5, '5', nullptr, "top5", ""},
    // Where OpenCV draws its windows with Qt, the first Tabs may only move the focus.
    {Action::next_colormap, tab, "Tab o", "next-colormap", "the next colormap"},
    {Action::next_colormap, 'o', nullptr, "next-colormap", ""},
    {Action::less_alpha, '-', "-", "less-alpha", "fainter colours"},
    {Action::more_alpha, '=', "=", "more-alpha", "stronger colours"},
    {Action::side_by_side, 'v', "v", "side-by-side", "the picture itself beside it"},
    {Action::next_scale, 'n', "n", "next-scale", "brightness by frame, running, or fixed as it is now"},
    {Action::smoothing, 't', "t", "smoothing", "smooth the map over time"},
    {Action::record, 'r', "r", "record", "start or end recording an MP4"},
    {Action::save, 's', "s", "save", "save picture (PNG), maps (NPY) and how they came about (JSON)"},
});

void choose_rank(View& view, uint32_t rank) {
  view.map.target.reset();
  view.map.rank = rank;
}

// What is asked of the model.
bool apply_to_map(Action action, View& view, const ModelInfo& info) {
  switch (action) {
    case Action::class_token:
      view.pins.clear();
      view.hover.reset();
      return true;
    case Action::previous_layer:
    case Action::next_layer:
      step_layer(view, info, action == Action::next_layer ? 1 : -1);
      return true;
    case Action::all_layers:
      toggle(view, Spread::layers);
      return true;
    case Action::previous_head:
    case Action::next_head:
      step_head(view, info, action == Action::next_head ? 1 : -1);
      return true;
    case Action::all_heads:
      toggle(view, Spread::heads);
      return true;
    case Action::next_method:
      next_method(view, info);
      return true;
    case Action::next_fusion:
      next_fusion(view);
      return true;
    case Action::top1:
    case Action::top2:
    case Action::top3:
    case Action::top4:
    case Action::top5:
      choose_rank(view, static_cast<uint32_t>(action) - static_cast<uint32_t>(Action::top1));
      return true;
    default:
      return false;
  }
}

// How its answer is drawn.
bool apply_to_look(Action action, View& view, std::span<const AttentionMap> on_show) {
  switch (action) {
    case Action::next_colormap:
      next_colormap(view);
      return true;
    case Action::less_alpha:
    case Action::more_alpha:
      step_alpha(view, action == Action::more_alpha ? 1 : -1);
      return true;
    case Action::side_by_side:
      view.side_by_side = !view.side_by_side;
      return true;
    case Action::next_scale:
      next_scale(view, on_show);
      return true;
    case Action::smoothing:
      next_smoothing(view);
      return true;
    default:
      return false;
  }
}

}  // namespace

std::span<const Control> controls() {
  return table;
}

std::optional<Action> action_for_key(int code) {
  if (code == '+') code = '=';
  const auto at = std::find_if(table.begin(), table.end(), [&](const Control& c) { return c.code == code; });
  return at == table.end() ? std::nullopt : std::optional(at->action);
}

std::optional<Action> action_named(std::string_view name) {
  const auto at = std::find_if(table.begin(), table.end(), [&](const Control& c) { return name == c.name; });
  return at == table.end() ? std::nullopt : std::optional(at->action);
}

bool apply(Action action, View& view, const ModelInfo& info, std::span<const AttentionMap> on_show) {
  return apply_to_map(action, view, info) || apply_to_look(action, view, on_show);
}

}  // namespace fovea::apps
