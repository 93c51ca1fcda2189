#include "models/text/files.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <system_error>

#include "fovea/error.h"
#include "fovea/model.h"
#include "fovea/tokenizer.h"
#include "models/config/json.h"
#include "models/config/text.h"
#include "models/text/characters.h"

namespace fovea::text {

using nlohmann::json;

namespace {

// Of the model: what characters one writes that has no tokenizer.
constexpr const char* model_config = "config.json";
constexpr uintmax_t most_bytes = 64U << 20U;
constexpr int deepest = 32;

// What tokenizer.json has of SentencePiece is in its own file too, and read from there.
bool is_unigram(const json& root) {
  const auto model = root.find("model");
  if (model == root.end() || !model->is_object()) return false;
  const auto type = model->find("type");
  return type != model->end() && *type == "Unigram";
}

}  // namespace

const std::string* TokenizerFiles::find(std::string_view name) const {
  const auto found = texts.find(name);
  return found == texts.end() ? nullptr : &found->second;
}

std::optional<json> TokenizerFiles::object(std::string_view name) const {
  const std::string* const text = find(name);
  if (text == nullptr) return {};
  json root = io::parse_json(*text, "[tokenizer] " + path(name), deepest, io::DuplicateKeys::rejected);
  if (!root.is_object()) refuse(path(name), "not a JSON object");
  return root;
}

TokenizerFiles read_tokenizer_files(const std::filesystem::path& folder) {
  TokenizerFiles files;
  files.folder = folder;
  std::error_code ignored;
  for (const char* const name : tokenizer_file_names())
    if (std::filesystem::exists(folder / name, ignored))
      files.texts[name] = io::read_text(folder / name, "[tokenizer]", most_bytes);
  if (files.texts.empty() && std::filesystem::exists(folder / model_config, ignored))
    files.texts[model_config] = io::read_text(folder / model_config, "[tokenizer]", most_bytes);
  return files;
}

TokenizerFiles tokenizer_files(const ModelBytes& model) {
  return {model.name, {{model_config, std::string(model.config)}}};
}

std::shared_ptr<const Pipeline> parse_tokenizer(const TokenizerFiles& files) {
  auto pipeline = std::make_shared<Pipeline>();
  const std::optional<json> model = files.object(model_config);
  if (model && has_characters(*model)) {
    parse_characters(*model, files.path(model_config), *pipeline);
    return pipeline;
  }
  if (files.texts.empty() || model)
    refuse(files.folder.string(), "no file of a tokenizer in it",
           "fetch tokenizer.json, or vocab.json and the like");
  if (const auto config = files.object("tokenizer_config.json"))
    pipeline->clean_up =
        flag(*config, "clean_up_tokenization_spaces", false, files.path("tokenizer_config.json"));
  const std::optional<json> whole = files.object("tokenizer.json");
  const bool pieces =
      files.find("spiece.model") != nullptr || files.find("sentencepiece.bpe.model") != nullptr;
  if (whole && !(is_unigram(*whole) && pieces)) {
    parse_tokenizer_json(*whole, files.path("tokenizer.json"), *pipeline);
  } else {
    parse_older_files(files, *pipeline);
  }
  return pipeline;
}

bool flag(const json& object, const char* key, bool fallback, const std::string& file) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return fallback;
  if (!found->is_boolean())
    refuse(file, fmt::format("\"{}\" is {}, and true or false is wanted", key, io::value_text(*found)));
  return found->get<bool>();
}

std::optional<std::string> text_field(const json& object, const char* key, const std::string& file) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return {};
  if (!found->is_string())
    refuse(file, fmt::format("\"{}\" is {}, and text is wanted", key, io::value_text(*found)));
  return found->get<std::string>();
}

AddedToken token_flags(const json& object, const std::string& file) {
  AddedToken token;
  token.special = flag(object, "special", false, file);
  token.lstrip = flag(object, "lstrip", false, file);
  token.rstrip = flag(object, "rstrip", false, file);
  token.single_word = flag(object, "single_word", false, file);
  token.normalized = flag(object, "normalized", false, file);
  return token;
}

void add_vocabulary(const json& object, Vocabulary& vocabulary, const std::string& file) {
  for (const auto& [token, id] : object.items()) {
    if (!id.is_number_integer() || (id.is_number_unsigned() && id.get<uint64_t>() > INT32_MAX))
      refuse(file, fmt::format("the id of \"{}\" is {}", io::excerpt(token), io::value_text(id)));
    vocabulary.add(token, id.get<int64_t>(), file);
  }
}

void refuse_kind(const std::string& file, const std::string& what, const std::string& value,
                 const std::string& known) {
  refuse(file, fmt::format("{} is {}, which Fovea does not have", what, io::excerpt(value)),
         "it has " + known + " (docs/text.md)");
}

}  // namespace fovea::text
