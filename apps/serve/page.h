// The files of page/, built into the program by cmake/embed.cmake.
#pragma once

#include <span>
#include <string_view>

namespace fovea::apps::serve {

struct PageFile {
  std::string_view name, type, bytes;
};

std::span<const PageFile> page_files();

}  // namespace fovea::apps::serve
