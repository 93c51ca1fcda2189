#include "apps/ui/file_names.h"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>

namespace fovea::apps {
namespace fs = std::filesystem;

std::string stem_of(const std::string& source, SourceKind kind, const std::string& what) {
  const bool file = kind == SourceKind::video || kind == SourceKind::image || kind == SourceKind::folder;
  if (file) return fs::path(source).stem().native() + '.' + what;
  return (kind == SourceKind::camera ? "camera." : "stream.") + what;
}

std::string free_stem(const std::string& stem) {
  for (int i = 1;; ++i) {
    std::string name = fmt::format("{}.{}", stem, i);
    std::error_code error;
    bool taken = false;
    for (const char* ending : {".png", ".npy", ".0.npy", ".json", ".mp4"})
      taken = taken || fs::exists(name + ending, error);
    if (!taken) return name;
  }
}

}  // namespace fovea::apps
