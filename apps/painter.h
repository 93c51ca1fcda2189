// One picture in, its attention drawn over it out; the same for images, files of video and cameras.
#pragma once

#include <opencv2/core/mat.hpp>
#include <opencv2/core/types.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/session.h"

namespace fovea::apps {

// What to draw.
struct View {
  MapRequest map;                        // layer counts from 0 here; the query patch follows from `query`
  bool all_layers = false;               // a sheet with one tile a layer
  HeadFusion fusion = HeadFusion::mean;  // what `map.fusion` returns to after single heads
  std::optional<cv::Point2d> query;      // pixel of the picture
  OverlayOptions colours;
  bool side_by_side = false;
};

struct Painted {
  cv::Mat picture;                 // 8-bit BGR
  std::vector<AttentionMap> maps;  // one, or one a layer
  Prediction top;
};

class Painter {
 public:
  View view;

  // The session must keep attention and outlive the painter.
  Painter(Session& session, const View& first_view) : view(first_view), session_(session) {}

  // Throws what Session does; Error(usage) for a query pixel that the model does not see.
  Painted paint(const cv::Mat& bgr);

  void step_layer(int by);  // round and round
  void step_head(int by);   // the fused one, head 0, … head H-1
  void next_method();       // of those that make sense for the model

  // "raw, layer 11, heads mean"
  std::string title() const;
  // "tabby cat 0.81"; empty for a model without a head.
  std::string top_line(const Painted& painted) const;

 private:
  Session& session_;
};

// White letters with a dark rim, readable on anything.
void draw_text(cv::Mat& picture, std::string_view text, cv::Point baseline, double scale);

}  // namespace fovea::apps
