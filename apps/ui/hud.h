// What is written over a picture in the window.
#pragma once

#include <opencv2/core/mat.hpp>
#include <optional>
#include <string>

#include "apps/ui/engine.h"
#include "fovea/model.h"

namespace fovea::apps {

struct HudState {
  EngineStatus engine;
  bool frozen = false, help = false, hidden = false;
  std::optional<double> recording_seconds;
  std::string message;  // of the last key, such as "saved clip.overlay.1.png"
};

// `shown` may be null while nothing has come yet.
void draw_hud(cv::Mat& canvas, const Shown* shown, const Model& model, const HudState& state);

}  // namespace fovea::apps
