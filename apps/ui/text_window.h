// Texts in a window: each token as it is written, and the map of the one that is pointed at.
#pragma once

#include <optional>
#include <string>

#include "apps/util/video_source.h"
#include "fovea/generate.h"

namespace fovea::apps {

// Of an image, or of one picture after another of a folder, a video or a live source: `words` as of
// TextSession::start, `part` of each picture, which a rectangle that is dragged replaces. Until somebody
// closes it. Returns the exit code. Throws Error(file) for a source without pictures.
int write_in_window(TextSession& session, const std::string& words, const std::optional<Region>& part,
                    const std::string& source, SourceKind kind);

}  // namespace fovea::apps
