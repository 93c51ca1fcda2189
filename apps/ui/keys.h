// The actions on a view and a window in one table: keys, names and meanings.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "apps/ui/view.h"

namespace fovea::apps {

enum class Action {
  quit,
  help,
  hud,
  freeze,
  class_token,
  previous_layer,
  next_layer,
  all_layers,
  previous_head,
  next_head,
  all_heads,
  next_method,
  next_fusion,
  top1,
  top2,
  top3,
  top4,
  top5,
  next_colormap,
  less_alpha,
  more_alpha,
  side_by_side,
  next_scale,
  smoothing,
  record,
  save,
};

struct Control {
  Action action;
  int code;             // as OpenCV reports the key
  const char* key;      // as people call it
  const char* name;     // for programs: "next-layer"
  const char* meaning;  // for people
};

std::span<const Control> controls();
std::optional<Action> action_for_key(int code);
std::optional<Action> action_named(std::string_view name);

// Changes the view where the action is about the view; `on_show` are the maps seen now, for the scale. False
// for other actions.
bool apply(Action action, View& view, const ModelInfo& info, std::span<const AttentionMap> on_show);

}  // namespace fovea::apps
