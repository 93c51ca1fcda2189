// From a view to what the library is asked to draw, and from what it drew to one picture; the same for
// stills, files and live sources.
#pragma once

#include <opencv2/core/mat.hpp>
#include <opencv2/core/types.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apps/ui/view.h"
#include "fovea/live.h"

namespace fovea::apps {

// What to ask of Live for a view of a picture of this size: one entry, or one a tile of a sheet.
struct Plan {
  std::vector<LiveView> views;
  std::vector<std::string> captions;  // one a tile; empty without a sheet
};

// Throws Error(usage) for a query pixel that the model does not see. The view must have passed check().
Plan plan(const View& view, const Live& live, cv::Size size);

// For a picture that stands still: there are no earlier ones to be blended with.
View still(View view);

// The colour of a pin, BGR.
cv::Scalar pin_colour(size_t index);

// What Live gave for the plan's views, in their order; borrowed, as pictures are large.
using Pictures = std::vector<const LivePicture*>;
Pictures all_of(const LiveFrame& frame);

cv::Mat compose(const View& view, const Plan& plan, const cv::Mat& frame, const Pictures& drawn);

// The maps of a view, tile by tile and pin by pin, and what each was asked for as.
std::vector<AttentionMap> maps_of(const Pictures& drawn);
std::vector<MapRequest> requests_of(const Plan& plan);

// A sheet's tiles lie side by side, row by row from the top left. Where a tile shows the frame, and where
// not.
struct Tile {
  cv::Size size;
  cv::Rect picture;  // the frame, scaled; the rest is caption and margin
};
Tile tile_of(cv::Size frame);
cv::Mat tile(const cv::Mat& picture, const std::string& caption);
cv::Mat sheet(const std::vector<cv::Mat>& tiles);  // of one size

// The frame's pixel under a pixel of the composed picture; nothing where that shows no frame, such as a
// caption.
std::optional<cv::Point2d> frame_point(const View& view, cv::Size frame, cv::Size picture, cv::Point2d at);
// The centre of the patch of the view's layer that this pixel of a frame lies in, so that a hand that
// trembles asks for nothing new; nothing where the model sees nothing or the method asks no patch.
std::optional<cv::Point2d> patch_centre(const View& view, const ModelInfo& info, const Region& visible,
                                        cv::Point2d at);

struct Painted {
  cv::Mat picture;                 // 8-bit BGR
  std::vector<AttentionMap> maps;  // one, or one a layer, head or pin
};

// Stills, one after another.
class Painter {
 public:
  View view;

  // Throws what Live does.
  Painter(const Model& model, const View& first_view);
  Painted paint(const cv::Mat& bgr);

 private:
  Live live_;
};

// White letters with a dark rim, readable on anything.
void draw_text(cv::Mat& picture, std::string_view text, cv::Point baseline, double scale);

}  // namespace fovea::apps
