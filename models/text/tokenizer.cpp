#include "fovea/tokenizer.h"

#include <fmt/format.h>

#include "core/boundary.h"
#include "models/text/files.h"

namespace fovea {

std::vector<int32_t> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  return at_boundary("tokenize", [&] { return pipeline_->encode(text, options.special, options.most); });
}

std::string Tokenizer::decode(std::span<const int32_t> ids, const DecodeOptions& options) const {
  return at_boundary("decode", [&] {
    return pipeline_->decode(ids, options.skip_special, options.clean_up.value_or(pipeline_->clean_up));
  });
}

size_t Tokenizer::vocabulary() const {
  return pipeline_->vocabulary.size();
}

const std::string& Tokenizer::token(int32_t id) const {
  pipeline_->check(id);
  return pipeline_->vocabulary.token(id);
}

std::optional<int32_t> Tokenizer::id(std::string_view token) const {
  return pipeline_->vocabulary.find(token);
}

std::span<const char* const> tokenizer_file_names() {
  static constexpr const char* names[] = {"tokenizer.json",
                                          "vocab.json",
                                          "merges.txt",
                                          "vocab.txt",
                                          "added_tokens.json",
                                          "special_tokens_map.json",
                                          "spiece.model",
                                          "tokenizer_config.json",
                                          "sentencepiece.bpe.model"};
  return names;
}

Tokenizer load_tokenizer(const std::filesystem::path& folder) {
  return at_boundary("tokenizer",
                     [&] { return Tokenizer(text::parse_tokenizer(text::read_tokenizer_files(folder))); });
}

Tokenizer load_tokenizer(const ModelBytes& files) {
  return at_boundary("tokenizer",
                     [&] { return Tokenizer(text::parse_tokenizer(text::tokenizer_files(files))); });
}

}  // namespace fovea
