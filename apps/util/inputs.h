// From what the user typed to image files: files, folders, globs and a list on stdin.
#pragma once

#include <cstddef>
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

// How wide a column of their paths is: aligned while that is kind to the eye, as one very long path should
// not push everything else off the screen.
size_t path_width(const std::vector<Input>& inputs);

// Says on stderr how many of them failed, and how many were taken where Ctrl-C ended it. Returns the exit
// code.
int conclude(const std::vector<Input>& inputs, size_t taken, size_t failed);

// By the name alone, any letter case.
bool has_image_extension(const std::filesystem::path& path);

}  // namespace fovea::apps
