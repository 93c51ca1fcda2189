// Tokenizers: text to the numbers that a model of text reads, and back, as the hub's libraries do it. What is
// read and by which rules: docs/text.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fovea {

struct ModelBytes;
namespace text {
struct Pipeline;
}

struct EncodeOptions {
  bool special = true;  // with the tokens that the model expects around a text: [CLS] … [SEP]
  // How many ids at most, the special ones among them: the end of the text is left out.
  size_t most = SIZE_MAX;
};

struct DecodeOptions {
  bool skip_special = true;
  // Takes spaces in front of punctuation out, as transformers' clean_up_tokenization_spaces. Where it is not
  // said: what the folder says, and not at all where that says nothing.
  std::optional<bool> clean_up = std::nullopt;
};

// Cheap to copy, and used from any number of threads.
class Tokenizer {
 public:
  explicit Tokenizer(std::shared_ptr<const text::Pipeline> pipeline) : pipeline_(std::move(pipeline)) {}

  // Special tokens that stand in the text count as such. Throws Error(usage) where it is not UTF-8.
  std::vector<int32_t> encode(std::string_view text, const EncodeOptions& options = {}) const;
  // Bytes that are no UTF-8, such as half a character at the end, become U+FFFD. Throws Error(usage) for ids
  // beyond the vocabulary.
  std::string decode(std::span<const int32_t> ids, const DecodeOptions& options = {}) const;

  // Ids are 0 to vocabulary() - 1. Their tokens are as the files have them: "Ġcat", "##ing".
  size_t vocabulary() const;
  const std::string& token(int32_t id) const;
  std::optional<int32_t> id(std::string_view token) const;

 private:
  std::shared_ptr<const text::Pipeline> pipeline_;
};

// The names of files that a tokenizer may be made of, as hubs have them. A folder holds some of them.
std::span<const char* const> tokenizer_file_names();
// The tokenizer of a hub folder: tokenizer.json, or the older files. Throws Error(file) that names the file,
// what is wrong and what to do.
Tokenizer load_tokenizer(const std::filesystem::path& folder);
// Of a model in memory, whose config.json says which characters it writes.
Tokenizer load_tokenizer(const ModelBytes& files);

}  // namespace fovea
