// Moving pictures into a video file or a row of pictures.
#pragma once

#include <string>

#include "apps/ui/view.h"
#include "apps/util/video_source.h"

namespace fovea::apps {

// `out` may be empty: NAME.overlay.mp4 here. Returns the exit code.
int export_video(const Model& model, const View& view, const std::string& source, SourceKind kind,
                 std::string out);

}  // namespace fovea::apps
