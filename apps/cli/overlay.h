// `fovea overlay`: what was typed, and the parts of the subcommand that draw stills.
#pragma once

#include <optional>
#include <string>

#include "apps/cli/serve_flags.h"
#include "apps/hub/model_flags.h"
#include "apps/ui/painter.h"

namespace fovea::apps {

// As typed; strings are understood once the model is known.
struct OverlayFlags {
  ModelFlags model;
  std::string method, layer = "-1", head = "mean", colormap = "turbo", query, target;
  std::optional<float> mass, discard, sigma;
  std::optional<int> start_layer;
  float alpha = 0.5F, smoothing = 0;
  std::string scale = "frame";
  bool side_by_side = false;
  std::string out, npy, source;
  ServeFlags serve;
};

// Each returns the exit code.
int overlay_image(const OverlayFlags& flags, Painter& painter);
int overlay_folder(const OverlayFlags& flags, Painter& painter);

}  // namespace fovea::apps
