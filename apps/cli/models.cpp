// `fovea models`: the models on this machine, and models to pull.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "apps/cli/commands.h"
#include "apps/hub/known.h"
#include "apps/hub/model_choice.h"
#include "apps/hub/name.h"
#include "apps/hub/pull.h"
#include "apps/hub/store.h"
#include "apps/text/json.h"
#include "apps/text/table.h"
#include "apps/util/terminal.h"
#include "core/text.h"
#include "fovea/embedded.h"
#include "fovea/error.h"
#include "models/weights/safetensors.h"
#include "models/weights/shards.h"

namespace fovea::apps {
namespace {

namespace fs = std::filesystem;

struct Row {
  std::string name, state, folder = {}, architecture = {}, licence = {};
  double parameters = 0, gmacs = 0, top1 = 0;  // as in the table of known models
  std::string family = {}, why_not = {};       // one of them
};

void take_figures(Row& row, const hub::Known& known) {
  row.architecture = known.architecture;
  row.licence = known.licence;
  row.parameters = known.parameters;
  row.gmacs = known.gmacs;
  row.top1 = known.top1;
}

// Millions, from the header of the weights.
double parameters_of(const fs::path& folder) {
  std::error_code error;
  const fs::path whole = folder / "model.safetensors";
  const io::Safetensors file = fs::exists(whole, error) ? io::Safetensors::open(whole)
                                                        : io::open_shards(folder / io::shard_index_name);
  double sum = 0;
  for (const io::TensorEntry& tensor : file.tensors()) sum += static_cast<double>(tensor.elements());
  return sum / 1e6;
}

Row describe(const hub::Stored& stored) {
  Row row{stored.name, stored.pulled ? "pulled" : "hub cache", stored.folder.string()};
  if (const hub::Known* known = hub::find_known(stored.name)) take_figures(row, *known);
  if (const std::string missing = hub::missing_file(stored.folder); !missing.empty()) {
    row.why_not = "lacks " + missing;
    return row;
  }
  try {
    const ModelSummary summary = summarize(stored.folder);
    row.architecture = summary.architecture;
    row.family = summary.family;
    if (row.family.empty()) row.why_not = "config.json " + summary.refusal;
    if (row.parameters == 0) row.parameters = parameters_of(stored.folder);
  } catch (const Error& error) {
    row.family.clear();
    row.why_not = error.what();
  }
  return row;
}

Row embedded_row(const EmbeddedModel& model) {
  const ModelSummary summary = summarize(model.files);
  Row row{std::string(model.name), "embedded"};
  row.architecture = summary.architecture;
  row.family = summary.family;
  row.licence = model.licence;
  row.parameters = static_cast<double>(model.parameters) / 1e6;
  row.gmacs = model.gmacs;
  return row;  // without top-1, of which ImageNet's classes are meant
}

std::vector<Row> all_rows() {
  std::vector<Row> rows;
  for (const EmbeddedModel& model : {embedded_model(), embedded_reader()})
    rows.push_back(embedded_row(model));
  for (const hub::Stored& stored : hub::stored_models()) {
    Row row = describe(stored);
    // Other programs' caches hold much that is no vision model.
    if (stored.pulled || !row.family.empty()) rows.push_back(std::move(row));
  }
  for (const hub::Known& known : hub::known_models()) {
    const auto same = [&](const Row& row) { return row.name == known.repository; };
    if (std::any_of(rows.begin(), rows.end(), same)) continue;
    Row row{known.repository, "known"};
    take_figures(row, known);
    row.family = known.family();
    if (row.family.empty()) row.why_not = "not a family that Fovea has";
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string figure(double value, int digits) {
  return value == 0 ? "-" : fmt::format("{:.{}f}", value, digits);
}

void print_table(const std::vector<Row>& rows, const std::optional<std::string>& meant) {
  std::vector<TableLine> lines = {
      {"name", "where", "parameters/M", "GMAC", "top-1/%", "licence", "loads as"}};
  for (const Row& row : rows)
    lines.push_back({printable(row.name) + (meant == row.name ? " (default)" : ""), row.state,
                     figure(row.parameters, 1), figure(row.gmacs, 1), figure(row.top1, 1),
                     row.licence.empty() ? "-" : row.licence,
                     row.family.empty() ? "no: " + printable(row.why_not) : row.family});
  write_out(table(lines, {2, 3, 4}));
}

Json to_json(const Row& row, const std::optional<std::string>& meant) {
  const auto number = [](double value) { return value == 0 ? Json() : Json(value); };
  const auto text = [](const std::string& value) { return value.empty() ? Json() : Json(value); };
  return {{"name", row.name},
          {"state", row.state},
          {"folder", text(row.folder)},
          {"architecture", text(row.architecture)},
          {"parameters_millions", number(row.parameters)},
          {"gmacs", number(row.gmacs)},
          {"imagenet_top1", number(row.top1)},
          {"licence", text(row.licence)},
          {"family", text(row.family)},
          {"why_not", text(row.why_not)},
          {"default", meant == row.name}};
}

int list(bool json) {
  const std::vector<Row> rows = all_rows();
  const std::optional<std::string> meant = user_default();
  if (json) {
    Json array = Json::array();
    for (const Row& row : rows) array.push_back(to_json(row, meant));
    write_out(dump(array, 2) + '\n');
  } else {
    print_table(rows, meant);
  }
  return exit_good;
}

int remove(const std::string& text) {
  const hub::ModelName model = hub::parse_name(text, "NAME");
  if (hub::remove_pulled(model)) return exit_good;
  if (const auto snapshot = hub::hub_cache_snapshot(model))
    complain(fmt::format("models rm {}: it is in the hub's cache, which other programs use too: {}",
                         model.text(), printable(snapshot->native())));
  else
    complain(fmt::format("models rm {}: it was not pulled", model.text()));
  return exit_failed;
}

}  // namespace

void add_models(const Command& program) {
  const auto json = std::make_shared<bool>(false);
  const auto name = std::make_shared<std::string>();
  const Command command = program.command("models", "List models: embedded, on this machine, and known");
  command.flag("--json", *json, "One JSON array");
  const Command rm = command.command("rm", "Delete a model that was pulled");
  rm.option("NAME", *name, "As `fovea models` shows it").required();
  rm.runs([name] { return remove(*name); });
  command.runs([json] { return list(*json); });
}

}  // namespace fovea::apps
