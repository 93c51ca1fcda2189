#include "apps/util/inputs.h"

#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <system_error>

#include "apps/text/typed.h"
#include "apps/util/exit_codes.h"
#include "apps/util/terminal.h"

namespace fovea::apps {
namespace {

namespace fs = std::filesystem;

// Nobody who names a folder means the pipes in it: to read one is to wait for its writer.
void add_found(const fs::path& path, const fs::file_status& status, std::vector<Input>& inputs) {
  const bool special = fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status);
  inputs.push_back({path, special ? "a pipe, socket or device, not a file" : ""});
}

bool add_folder(const fs::path& folder, std::vector<Input>& inputs) {
  std::error_code error;
  std::vector<fs::directory_entry> entries;
  // operator++ of the iterator would throw, so it is stepped by hand.
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    entries.push_back(*it);
  if (error) {
    inputs.push_back({folder, error.message()});
    return true;
  }
  std::sort(entries.begin(), entries.end());
  bool found = false;
  for (const fs::directory_entry& entry : entries) {
    const fs::path& path = entry.path();
    if (path.filename().native().starts_with('.')) continue;
    // A link to a folder is not followed: it may lead back up.
    if (entry.is_directory(error) && !entry.is_symlink(error)) {
      found = add_folder(path, inputs) || found;
    } else if (has_image_extension(path)) {
      add_found(path, entry.status(error), inputs);
      found = true;
    }
  }
  return found;
}

bool is_pattern(std::string_view text) {
  return text.find_first_of("*?[") != text.npos;
}

void add_path(const std::string& text, std::vector<Input>& inputs) {
  std::error_code error;
  const fs::file_status status = fs::status(text, error);
  if (fs::is_directory(status)) {
    if (!add_folder(text, inputs)) inputs.push_back({text, "no image in this folder"});
    return;
  }
  if (status.type() != fs::file_type::not_found || !is_pattern(text)) {
    inputs.push_back({text, fs::exists(status) ? std::string() : error.message()});
    return;
  }
  glob_t found{};
  const int result = glob(text.c_str(), 0, nullptr, &found);
  if (result != 0) inputs.push_back({text, "no file matches this pattern"});
  for (size_t i = 0; result == 0 && i < found.gl_pathc; ++i) {
    const fs::file_status matched = fs::status(found.gl_pathv[i], error);
    if (fs::is_directory(matched)) {
      if (!add_folder(found.gl_pathv[i], inputs))
        inputs.push_back({found.gl_pathv[i], "no image in this folder"});
    } else {
      add_found(found.gl_pathv[i], matched, inputs);
    }
  }
  globfree(&found);
}

}  // namespace

bool has_image_extension(const fs::path& path) {
  static constexpr std::array<std::string_view, 14> known = {".jpg", ".jpeg", ".jpe", ".jfif", ".png",
                                                             ".bmp", ".dib",  ".tif", ".tiff", ".webp",
                                                             ".ppm", ".pgm",  ".pnm", ".jp2"};
  const std::string extension = lower_case(path.extension().native());
  return std::find(known.begin(), known.end(), extension) != known.end();
}

std::vector<Input> expand_inputs(const std::vector<std::string>& arguments, std::istream& list) {
  std::vector<Input> inputs;
  for (const std::string& argument : arguments) {
    if (argument != "-") {
      add_path(argument, inputs);
      continue;
    }
    const size_t before = inputs.size();
    for (std::string line; std::getline(list, line);) {
      if (!line.empty() && line.back() == '\r') line.pop_back();
      if (!line.empty()) add_path(line, inputs);
    }
    if (inputs.size() == before) inputs.push_back({"-", "no path on standard input"});
  }
  return inputs;
}

size_t path_width(const std::vector<Input>& inputs) {
  constexpr size_t widest = 72;
  size_t width = 0;
  for (const Input& input : inputs) width = std::max(width, std::min(widest, input.path.native().size()));
  return width;
}

int conclude(const std::vector<Input>& inputs, size_t taken, size_t failed) {
  if (failed > 0) complain(fmt::format("{} of {} inputs failed", failed, inputs.size()));
  if (interrupted()) {
    complain(fmt::format("interrupted after {} of {} inputs", taken, inputs.size()));
    return exit_interrupted;
  }
  return failed > 0 ? exit_failed : exit_good;
}

}  // namespace fovea::apps
