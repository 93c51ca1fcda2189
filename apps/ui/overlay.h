// `fovea overlay`: the parts of the subcommand, one for each kind of source.
#pragma once

#include <optional>
#include <string>

#include "apps/hub/model_flags.h"
#include "apps/ui/painter.h"
#include "apps/util/video_source.h"

namespace fovea::apps {

// As typed; strings are understood once the model is known.
struct OverlayFlags {
  ModelFlags model;
  std::string method = "raw", layer = "-1", head = "mean", colormap = "turbo", query, target;
  std::optional<float> mass, discard, sigma;
  std::optional<int> start_layer;
  float alpha = 0.5F, smoothing = 0;
  std::string scale = "frame";
  bool side_by_side = false;
  std::string out, npy, source;
  std::string serve, token;
};

// Each returns the exit code.
int overlay_image(const OverlayFlags& flags, Painter& painter);
int overlay_folder(const OverlayFlags& flags, Painter& painter);
int overlay_to_file(const OverlayFlags& flags, const Model& model, const View& view, SourceKind kind);
int overlay_in_window(const OverlayFlags& flags, const Model& model, const ModelChoice& choice,
                      const View& view, SourceKind kind);

// Hidden: opens a window and closes it; where no display answers, the GUI library aborts the process.
void add_window_check(CLI::App& program, int& exit_code);

// Whether a window can be opened here.
bool has_display();

// Encodes by the extension. Throws Error(usage) for one that OpenCV cannot write, Error(file) otherwise.
void write_picture(const std::string& path, const cv::Mat& picture);

}  // namespace fovea::apps
