// Texts and ids of the reference implementation: cases.json beside a tokenizer's files.
#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "fovea/tokenizer.h"

namespace fovea::test {

using Ids = std::vector<int32_t>;

inline nlohmann::json read_json(const std::filesystem::path& file) {
  return nlohmann::json::parse(std::ifstream(file));
}

// Each way there is an answer for. Ids are of texts cut at the model's 77 in CLIP's cases, and whole in the
// others'. CLIP's `ids` are those of a tokenizer that repairs text first (ftfy), `ids_fast_rule` the hub's
// fast one's.
inline void check_case(const Tokenizer& tokenizer, const nlohmann::json& one) {
  const Ids ids = one.at("ids");
  if (one.contains("text")) {
    const std::string text = one.at("text");
    CAPTURE(text);
    const Ids expected = one.contains("ids_fast_rule") ? one.at("ids_fast_rule") : one.at("ids");
    CHECK(tokenizer.encode(text, {.most = one.contains("ids_fast_rule") ? 77 : SIZE_MAX}) == expected);
  }
  CAPTURE(ids);
  if (one.contains("tokens")) {
    const std::vector<std::string> tokens = one.at("tokens");
    REQUIRE(tokens.size() == ids.size());
    for (size_t i = 0; i < ids.size(); ++i) {
      CHECK(tokenizer.token(ids[i]) == tokens[i]);
      CHECK(tokenizer.id(tokens[i]) == ids[i]);
    }
  }
  // SentencePiece itself writes what is unknown, and the hub leaves it out.
  const std::string decoded = one.at("decoded");
  if (decoded.find("⁇") == std::string::npos) CHECK(tokenizer.decode(ids, {true, false}) == decoded);
  if (one.contains("decoded_clean")) CHECK(tokenizer.decode(ids, {true, true}) == one.at("decoded_clean"));
  if (one.contains("decoded_keep_special"))
    CHECK(tokenizer.decode(ids, {false, false}) == one.at("decoded_keep_special"));
}

// Returns how many cases there were.
inline size_t check_cases(const Tokenizer& tokenizer, const std::filesystem::path& file) {
  const nlohmann::json all = read_json(file);
  if (all.contains("vocab_size")) CHECK(tokenizer.vocabulary() == all.at("vocab_size"));
  size_t count = 0;
  for (const char* const kind : {"cases", "special_cases", "decode_cases"}) {
    if (!all.contains(kind)) continue;
    for (const auto& one : all.at(kind)) check_case(tokenizer, one);
    count += all.at(kind).size();
  }
  return count;
}

}  // namespace fovea::test
