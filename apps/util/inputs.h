// From what the user typed to image files: files, folders, globs and a list on stdin.
#pragma once

#include <filesystem>
#include <istream>
#include <string>
#include <vector>

namespace fovea::apps {

struct Input {
  std::filesystem::path path;
  std::string error;  // why there is nothing to read here; empty for a file to decode
};

// Folders are searched recursively, sorted, for files with an image's extension; names that begin with a dot
// are left out. A pattern that the shell did not expand is expanded here. "-" reads one path a line from
// `list`. What leads to no file becomes an entry with an error, in its place.
std::vector<Input> expand_inputs(const std::vector<std::string>& arguments, std::istream& list);

// By the name alone, any letter case.
bool has_image_extension(const std::filesystem::path& path);

}  // namespace fovea::apps
