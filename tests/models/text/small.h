// Small tokenizers, written by the tests themselves.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "fovea/tokenizer.h"
#include "tests/models/weights/files.h"

namespace fovea::test {

using Ids = std::vector<int32_t>;
using Files = std::vector<std::pair<std::string, std::string>>;

inline Tokenizer load_files(const Files& files) {
  const TempFolder folder;
  for (const auto& [name, text] : files) folder.write(name, text);
  return load_tokenizer(folder.path());
}

// GPT-2's way with the letters a to d, two unprintable bytes and a space.
inline Files gpt2_files() {
  return {
      {"tokenizer_config.json", R"({"tokenizer_class": "GPT2Tokenizer", "unk_token": "<u>"})"},
      {"vocab.json",
       R"({"a": 0, "b": 1, "c": 2, "d": 3, "Ġ": 4, "bc": 5, "ab": 6, "Ġa": 7, "<u>": 8, "Ċ": 9, "aa": 10, "aaaa": 11})"},
      {"merges.txt", "#version: 0.2\nb c\na b\nĠ a\na a\naa aa\n"}};
}

inline Files bert_files(const std::string& config = "{}") {
  return {{"tokenizer_config.json", config},
          {"vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nun\n##a\n##ab\nÉ\nE\ne\n!\n##le\n"}};
}

// The files with another text under one of the names, or without it where there is no text.
inline Files with(Files files, const std::string& name, const char* text) {
  std::erase_if(files, [&](const auto& file) { return file.first == name; });
  if (text != nullptr) files.emplace_back(name, text);
  return files;
}

}  // namespace fovea::test
