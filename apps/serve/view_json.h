// A viewer's settings as JSON, and what the page has to know of a model to offer them.
#pragma once

#include <opencv2/core/types.hpp>
#include <span>

#include "apps/text/json.h"
#include "apps/ui/view.h"
#include "fovea/model.h"

namespace fovea::apps::serve {

// Version of everything under /api.
constexpr int api_version = 1;

// Changes what `settings` names and leaves the rest; a method that has no such layer or sheet falls back to
// one that it has. Throws Refusal(422) naming the setting, and then `view` may be half changed.
void apply_settings(View& view, const Json& settings, const ModelInfo& info);
Json settings_of(const View& view);

// What there is to draw: layers, methods with their meaning, colour maps.
Json describe(const Model& model);

Json predictions(std::span<const Prediction> topk, const ModelInfo& info);

}  // namespace fovea::apps::serve
