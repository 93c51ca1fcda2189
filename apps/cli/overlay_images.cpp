// `fovea overlay` on one image, and on a folder of them.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <opencv2/core.hpp>
#include <set>
#include <system_error>
#include <vector>

#include "apps/cli/overlay.h"
#include "apps/util/decode.h"
#include "apps/util/decode_queue.h"
#include "apps/util/encode.h"
#include "apps/util/exit_codes.h"
#include "apps/util/inputs.h"
#include "apps/util/npy.h"
#include "apps/util/progress.h"
#include "apps/util/terminal.h"
#include "core/atomic_file.h"
#include "core/text.h"
#include "fovea/error.h"

namespace fovea::apps {
namespace {

namespace fs = std::filesystem;

// Shapes [rows, cols] for one map, [L, rows, cols] for several.
void write_maps(const std::string& path, const std::vector<AttentionMap>& maps, bool stacked) {
  std::vector<uint64_t> shape = {maps.front().rows, maps.front().cols};
  if (stacked) shape.insert(shape.begin(), maps.size());
  std::vector<float> values;
  for (const AttentionMap& map : maps) {
    if (map.rows != maps.front().rows || map.cols != maps.front().cols)
      throw Error(ErrorKind::usage,
                  fmt::format("--npy {}: these layers have grids of different sizes, give one --layer",
                              printable(path)));
    values.insert(values.end(), map.values.begin(), map.values.end());
  }
  write_npy(path, shape, values);
}

// The map must not replace the photograph, nor the picture drawn from it.
void check_map_file(const std::string& npy, const std::string& out, const std::string& source) {
  refuse_same_file("--npy", npy, source);
  if (fs::absolute(npy).lexically_normal() == fs::absolute(out).lexically_normal())
    throw Error(ErrorKind::usage,
                fmt::format("--npy {}: the picture is written there, give another name", printable(npy)));
}

// Where each picture of a folder goes: the same tree, "cat.jpg" as "cat.overlay.png"; a "cat.png" beside it
// keeps its extension so that neither overwrites the other.
fs::path place_for(const fs::path& input, const fs::path& from, const fs::path& to,
                   std::set<fs::path>& used) {
  const fs::path folder = to / input.lexically_relative(from).parent_path();
  fs::path place = folder / (input.stem().native() + ".overlay.png");
  if (!used.insert(place).second) {
    place = folder / (input.filename().native() + ".overlay.png");
    used.insert(place);
  }
  return place;
}

// The pictures of an earlier run, where they lie inside the source, are not drawn over again.
void leave_out(std::vector<Input>& inputs, const fs::path& source, const fs::path& out) {
  std::error_code error;
  const fs::path inner = fs::weakly_canonical(out, error);
  const auto lies_in = [&](const fs::path& path, const fs::path& folder) {
    const fs::path whole = fs::weakly_canonical(path, error);
    return std::mismatch(folder.begin(), folder.end(), whole.begin(), whole.end()).first == folder.end();
  };
  if (!lies_in(inner, fs::weakly_canonical(source, error))) return;
  std::erase_if(inputs, [&](const Input& input) { return lies_in(input.path, inner); });
  if (inputs.empty()) inputs.push_back({source, "no image in this folder"});
}

}  // namespace

int overlay_image(const OverlayFlags& flags, Painter& painter) {
  const std::string out =
      flags.out.empty() ? fs::path(flags.source).stem().native() + ".overlay.png" : flags.out;
  check_writable_kind(out);
  refuse_same_file("--out", out, flags.source);
  if (!flags.npy.empty()) check_map_file(flags.npy, out, flags.source);
  cv::Mat image;
  try {
    image = decode_image(read_file(flags.source));
  } catch (const Error& error) {
    throw Error(error.kind(), fmt::format("{}: {}", printable(flags.source), error.what()));
  }
  const Painted painted = painter.paint(image);
  write_picture(out, painted.picture);
  if (!flags.npy.empty()) write_maps(flags.npy, painted.maps, painter.view.spread != Spread::one);
  write_out(out + '\n');
  return exit_good;
}

int overlay_folder(const OverlayFlags& flags, Painter& painter) {
  fs::path source = fs::path(flags.source).lexically_normal();
  if (!source.has_filename()) source = source.parent_path();
  // "." and ".." have no name of their own.
  const fs::path named =
      source.filename() == "." || source.filename() == ".." ? fs::canonical(source) : source;
  const fs::path out =
      flags.out.empty() ? fs::path(named.filename().native() + ".overlay") : fs::path(flags.out);
  refuse_same_file("--out", out, source);
  std::error_code unknown;
  if (fs::exists(out, unknown) && !fs::is_directory(out, unknown))
    throw Error(ErrorKind::usage,
                fmt::format("--out {}: the source is a folder, and this is a file", printable(out.native())));
  std::vector<Input> inputs = expand_inputs({source.native()}, std::cin);
  leave_out(inputs, source, out);
  DecodeQueue queue(inputs, 4);
  Progress progress(inputs.size(), {.unit = "images"});
  std::set<fs::path> used;
  size_t failed = 0, taken = 0;
  for (const Input& input : inputs) {
    if (interrupted()) break;
    const Decoded decoded = queue.next();
    ++taken;
    try {
      if (!decoded.error.empty()) throw Error(ErrorKind::file, decoded.error);
      const Painted painted = painter.paint(decoded.image);
      const fs::path place = place_for(input.path, source, out, used);
      std::error_code error;
      fs::create_directories(place.parent_path(), error);
      if (error)
        throw Error(ErrorKind::file, fmt::format("cannot make the folder {}: {}",
                                                 printable(place.parent_path().native()), error.message()));
      write_picture(place, painted.picture);
      if (stdout_is_terminal()) progress.hide();
      write_out(place.native() + '\n');
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::device_lost || error.kind() == ErrorKind::no_device) throw;
      progress.hide();
      ++failed;
      complain(fmt::format("{}: {}", printable(input.path.native()), error.what()));
    }
    progress.advance();
  }
  progress.hide();
  return conclude(inputs, taken, failed);
}

}  // namespace fovea::apps
