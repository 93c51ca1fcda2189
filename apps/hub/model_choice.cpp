#include "apps/hub/model_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <system_error>

#include "apps/hub/name.h"
#include "apps/hub/store.h"
#include "apps/text/typed.h"
#include "apps/util/terminal.h"
#include "core/atomic_file.h"
#include "core/text.h"
#include "core/xdg.h"
#include "fovea/error.h"
#include "models/config/json.h"

namespace fovea::apps {
namespace fs = std::filesystem;

namespace {

constexpr const char* example = "vit_tiny_patch16_224";
constexpr const char* other_reader = "microsoft/trocr-small-printed";

fs::path default_file() {
  const fs::path folder = config_home();
  if (folder.empty()) wrong("no place for a default: set XDG_CONFIG_HOME or HOME to an absolute path");
  return folder / "default-model";
}

// A path, by its look; `org/name` may be both and is a name unless such a folder is there.
bool looks_like_path(std::string_view text) {
  return text.starts_with('/') || text.starts_with('.') || text.starts_with('~') || text.ends_with('/') ||
         std::count(text.begin(), text.end(), '/') > 1;
}

// What --model, $FOVEA_MODEL or `fovea default` says.
std::optional<ModelChoice> said_model(const std::string& flag) {
  if (!flag.empty()) return resolve_model(flag, "--model");
  if (const char* variable = std::getenv("FOVEA_MODEL"); variable != nullptr && *variable != '\0')
    return resolve_model(variable, "FOVEA_MODEL");
  if (const auto text = user_default()) return resolve_model(*text, "the default of `fovea default`,");
  return std::nullopt;
}

}  // namespace

ModelChoice resolve_model(std::string_view text, std::string_view option) {
  std::error_code error;
  if (fs::is_directory(text, error)) return {fs::path(text)};
  for (const EmbeddedModel& model : {embedded_model(), embedded_reader()})
    if (text == model.name) return {{}, model};
  if (looks_like_path(text) || fs::exists(text, error))
    wrong(fmt::format("{} {}: not a folder; it should hold config.json and model.safetensors", option,
                      printable(text)));
  if (const auto folder = hub::find_model(text, option)) return {*folder};
  wrong(fmt::format(
      "{} {}: no such folder, and no model of that name on this machine; `fovea pull {}` brings it", option,
      printable(text), printable(text)));
}

bool is_model_chosen(const std::string& flag) {
  const char* variable = std::getenv("FOVEA_MODEL");
  return !flag.empty() || (variable != nullptr && *variable != '\0') || user_default();
}

ModelChoice choose_model(const std::string& flag) {
  if (const auto said = said_model(flag)) return *said;
  complain(fmt::format(
      "using the embedded model, which knows {} classes; for one that knows 1000: fovea pull {} && "
      "fovea default {}",
      embedded_model().classes, example, example));
  return {{}, embedded_model()};
}

ModelChoice choose_reader(const std::string& flag) {
  if (const auto said = said_model(flag)) return *said;
  complain(
      fmt::format("using the embedded reader, of a word or a short line in print; for longer lines: fovea "
                  "pull {}, then --model {}",
                  other_reader, other_reader));
  return {{}, embedded_reader()};
}

Model load_model(const Device& device, const ModelChoice& choice, const ModelOptions& options) {
  if (choice.embedded) return Model::load(device, choice.embedded->files, options);
  return Model::load(device, choice.folder, options);
}

Tokenizer load_tokenizer(const ModelChoice& choice) {
  return choice.embedded ? fovea::load_tokenizer(choice.embedded->files)
                         : fovea::load_tokenizer(choice.folder);
}

std::optional<std::string> user_default() {
  const fs::path folder = config_home();
  const fs::path file = folder / "default-model";
  std::error_code error;
  if (folder.empty() || !fs::exists(file, error)) return std::nullopt;
  constexpr uintmax_t most_bytes = 8192;
  std::string text = io::read_text(file, "default:", most_bytes);
  while (text.ends_with('\n')) text.pop_back();
  if (text.empty()) return std::nullopt;
  return text;
}

void set_user_default(const std::string& text) {
  const fs::path file = default_file();
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  const std::string line = text + '\n';
  write_file(file, {reinterpret_cast<const unsigned char*>(line.data()), line.size()});
}

bool unset_user_default() {
  std::error_code error;
  const fs::path file = default_file();
  const bool removed = fs::remove(file, error);
  if (error)
    throw Error(ErrorKind::file,
                fmt::format("default: cannot delete {}: {}", printable(file.native()), error.message()));
  return removed;
}

}  // namespace fovea::apps
