// The files of a hub folder that describe its tokenizer, and what is made of them.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "models/text/pipeline.h"

namespace fovea {
struct ModelBytes;
}

namespace fovea::text {

struct TokenizerFiles {
  const std::string* find(std::string_view name) const;
  std::string path(std::string_view name) const { return (folder / name).string(); }
  // Nothing where the file is absent. Throws Error(file) where it is no JSON object.
  std::optional<nlohmann::json> object(std::string_view name) const;

  std::filesystem::path folder;
  std::map<std::string, std::string, std::less<>> texts;  // by name
};

// Those of tokenizer_file_names() that are there, else the model's own config.json. Throws Error(file).
TokenizerFiles read_tokenizer_files(const std::filesystem::path& folder);
TokenizerFiles tokenizer_files(const ModelBytes& model);  // config.json alone
// Throws Error(file).
std::shared_ptr<const Pipeline> parse_tokenizer(const TokenizerFiles& files);

// The two ways: the one file, and the older ones. `pipeline` is empty but for clean_up.
void parse_tokenizer_json(const nlohmann::json& root, const std::string& file, Pipeline& pipeline);
void parse_older_files(const TokenizerFiles& files, Pipeline& pipeline);

// Fields of a JSON object. What is absent or null is the fallback, of another type an Error(file).
bool flag(const nlohmann::json& object, const char* key, bool fallback, const std::string& file);
std::optional<std::string> text_field(const nlohmann::json& object, const char* key, const std::string& file);
// Flags of a token; its content is not among them.
AddedToken token_flags(const nlohmann::json& object, const std::string& file);
// {"token": id, …}
void add_vocabulary(const nlohmann::json& object, Vocabulary& vocabulary, const std::string& file);

// A tokenizer that Fovea does not have, and what it has instead.
[[noreturn]] void refuse_kind(const std::string& file, const std::string& what, const std::string& value,
                              const std::string& known);

}  // namespace fovea::text
