// What the files are called that a window saves.
#pragma once

#include <string>

#include "apps/util/video_source.h"

namespace fovea::apps {

// "photo.overlay" for photo.jpg and "overlay"; "camera.overlay", "stream.overlay".
std::string stem_of(const std::string& source, SourceKind kind, const std::string& what);
// The first of STEM.1, STEM.2 … that no file with one of a window's endings has.
std::string free_stem(const std::string& stem);

}  // namespace fovea::apps
