// A text's characters, each a token.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "models/text/pipeline.h"

namespace fovea::text {

class Characters : public WordModel {
 public:
  explicit Characters(const Vocabulary& vocabulary) : vocabulary_(vocabulary) {}

  // Throws Error(usage) for a character that is no token.
  void encode(std::string_view word, std::vector<int32_t>& out) const override;

 private:
  const Vocabulary& vocabulary_;
};

// Of a model whose config.json says which characters it writes: behind the start, end and pad tokens, in
// order. `pipeline` is empty.
bool has_characters(const nlohmann::json& config);
void parse_characters(const nlohmann::json& config, const std::string& file, Pipeline& pipeline);

}  // namespace fovea::text
