// `fovea overlay --list-maps`: what can be drawn for a model.
#include <fmt/format.h>

#include <algorithm>

#include "apps/commands.h"
#include "apps/overlay.h"
#include "apps/terminal.h"

namespace fovea::apps {
namespace {

std::string methods_of(const ModelInfo& info, uint32_t layer) {
  std::string out;
  for (const MapMethod method : info.maps) {
    const auto drawn = drawable_layers(info, method);
    if (std::find(drawn.begin(), drawn.end(), layer) == drawn.end()) continue;
    out += (out.empty() ? "" : ", ") + std::string(to_string(method));
  }
  return out;
}

}  // namespace

int list_maps(const ModelInfo& info) {
  constexpr const char* row = "{:>5}  {:<8}  {:<14}  {:>5}  {:>7}  {:<13}  {}\n";
  write_out(fmt::format("{} at {}x{}\n", printable(info.architecture), info.height, info.width));
  if (!info.attention.empty())
    write_out(fmt::format(row, "layer", "tensor", "kind", "heads", "grid", "methods", "module"));
  for (uint32_t i = 0; i < info.attention.size(); ++i) {
    const AttentionLayer& layer = info.attention[i];
    write_out(fmt::format(row, i, layer.tensor, to_string(layer.kind), layer.heads,
                          fmt::format("{}x{}", layer.rows, layer.cols), methods_of(info, i),
                          printable(layer.name)));
  }
  if (info.cam_rows != 0)
    write_out(fmt::format("cam: each class over the last features, {}x{}\n", info.cam_rows, info.cam_cols));
  return exit_good;
}

}  // namespace fovea::apps
