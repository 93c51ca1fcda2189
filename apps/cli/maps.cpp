// `fovea maps`: the methods there are, and what a model has for them.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "apps/cli/commands.h"
#include "apps/hub/model_choice.h"
#include "apps/hub/model_flags.h"
#include "apps/text/table.h"
#include "apps/ui/text_report.h"
#include "apps/util/terminal.h"
#include "core/text.h"

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

void list_methods(const ModelInfo* info) {
  for (const MapTraits& t : map_traits()) {
    if (info != nullptr && std::find(info->maps.begin(), info->maps.end(), t.method) == info->maps.end())
      continue;
    write_out(fmt::format("{:<10}  {:<14}  {}\n", t.name,
                          t.class_specific() ? "class-specific" : "class-agnostic", t.meaning));
  }
}

void list_layers(const Model& model) {
  const ModelInfo& info = model.info();
  write_out(fmt::format("{} at {}x{}\n", printable(info.architecture), info.height, info.width));
  std::vector<TableLine> lines = {{"layer", "tensor", "kind", "heads", "grid", "methods", "module"}};
  for (uint32_t i = 0; i < info.attention.size(); ++i) {
    const AttentionLayer& layer = info.attention[i];
    lines.push_back({std::to_string(i), layer.tensor, to_string(layer.kind), std::to_string(layer.heads),
                     layer.rows == 0 ? "-" : fmt::format("{}x{}", layer.rows, layer.cols),
                     methods_of(info, i), printable(layer.name)});
  }
  if (lines.size() > 1) write_out(table(lines, {0, 3, 4}));
  const TextTask task = task_of(model);
  if (task != TextTask::none)
    write_out(fmt::format("a map for each token that it writes, {}: `fovea {}`\n",
                          names_of(token_map_methods(model)), command_for(task)));
  else if (info.attention.empty())
    write_out("no layer attends or gates\n");
  if (task == TextTask::none && info.maps.empty())
    write_out("no map: the head is not linear in a mean of cells either, so no cell has a part of a logit\n");
  if (info.cam_rows != 0)
    write_out(fmt::format("cam: each class over the last features, {}x{}\n", info.cam_rows, info.cam_cols));
}

int list(const ModelFlags& flags) {
  if (!is_model_chosen(flags.model)) {
    list_methods(nullptr);
    return exit_good;
  }
  const Model model = load_model(flags);
  list_layers(model);
  list_methods(&model.info());
  return exit_good;
}

}  // namespace

void add_maps(const Command& program) {
  const auto flags = std::make_shared<ModelFlags>();
  const Command command = program.command(
      "maps", "List the methods of attention maps; with a model, its layers and what it has methods for");
  add_model_flags(command, *flags);
  command.runs([flags] { return list(*flags); });
}

}  // namespace fovea::apps
