// What one viewer wants to see of a picture, and how keys and controls change it.
#pragma once

#include <opencv2/core/types.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fovea/live.h"

namespace fovea::apps {

enum class Spread { one, layers, heads };  // one map, or a sheet with a tile for each layer or head

// More would leave no two colours that can be told apart.
constexpr size_t max_pins = 6;

// How many best classes of a picture are known, and may be asked by their rank.
constexpr uint32_t ranked_classes = 5;

struct View {
  MapRequest map;  // layer counts from 0; its query stays empty and follows from the pixels below
  HeadFusion fusion = HeadFusion::mean;  // what map.fusion returns to after single heads
  Spread spread = Spread::one;
  // Pixels of the picture whose patches are asked, where the method takes a query. None: the class token.
  std::optional<cv::Point2d> hover;
  std::vector<cv::Point2d> pins;  // at most max_pins, each drawn in its own colour
  OverlayOptions colours;
  MapScale scale = MapScale::frame;
  float lowest = 0, highest = 1;  // for MapScale::fixed
  float smoothing = 0;            // weight of earlier frames' maps, 0 … below 1
  bool side_by_side = false;      // the picture itself to the left

  bool operator==(const View&) const = default;
};

// Throws RequestError, "layer 12: vit_tiny has layers 0 to 11", for what the model does not have and for
// numbers out of range. A negative layer counts from the end and is replaced by the one it means.
void check(View& view, const ModelInfo& info);
// After a change of method or layer: a layer, a head and a sheet that there are, in place of those that there
// are not.
void fit(View& view, const ModelInfo& info);

// The view's map as Live draws it.
LiveLayer layer_over(const View& view, const MapRequest& request);

// Steps go round and round.
void step_layer(View& view, const ModelInfo& info, int by);
void step_head(View& view, const ModelInfo& info, int by);  // the fused one, head 0, … head H-1
void next_method(View& view, const ModelInfo& info);        // of those that the model has
void next_fusion(View& view);
void next_colormap(View& view);
// frame, running, fixed; fixed holds the range of the maps on show.
void next_scale(View& view, std::span<const AttentionMap> on_show);
void next_smoothing(View& view);      // none, 0.5, 0.8, 0.95
void step_alpha(View& view, int by);  // tenths, without going round
void toggle(View& view, Spread spread);

// "raw, layer 11, heads mean"
std::string title(const View& view, const ModelInfo& info);
// "for: tabby cat (class 281)", "for the best class" or "class-agnostic", so that nobody reads a map for what
// it is not. `topk` names the class where the view asks for a rank.
std::string class_line(const View& view, const ModelInfo& info, std::span<const Prediction> topk);

}  // namespace fovea::apps
