// Which model is meant: the one place that knows --model, $FOVEA_MODEL, the user's default and the embedded
// models.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "fovea/device.h"
#include "fovea/embedded.h"
#include "fovea/model.h"
#include "fovea/tokenizer.h"

namespace fovea::apps {

struct ModelChoice {
  std::filesystem::path folder;
  std::optional<EmbeddedModel> embedded = std::nullopt;  // instead of a folder
  // The value of --model that means the same model from any working folder.
  std::string text() const { return embedded ? std::string(embedded->name) : folder.string(); }
};

// --model DIR or NAME, else $FOVEA_MODEL, else the user's default, else the embedded model, with a line on
// stderr that says so and how to get another. Throws Error(usage) for what is not on this machine; for a name
// it gives the command that brings it.
ModelChoice choose_model(const std::string& flag);
// The same with the embedded reader in the embedded model's place.
ModelChoice choose_reader(const std::string& flag);
// Whether somebody said which; else an embedded one is taken.
bool is_model_chosen(const std::string& flag);

Model load_model(const Device& device, const ModelChoice& choice, const ModelOptions& options);
// Of a model that writes.
Tokenizer load_tokenizer(const ModelChoice& choice);

// What a user or a variable calls a model; `option` begins errors. Throws Error(usage).
ModelChoice resolve_model(std::string_view text, std::string_view option);

// The user's default, as `fovea default` wrote it.
std::optional<std::string> user_default();
void set_user_default(const std::string& text);  // throws Error(file)
bool unset_user_default();                       // false: there was none. Throws Error(file).

}  // namespace fovea::apps
