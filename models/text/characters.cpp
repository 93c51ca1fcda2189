#include "models/text/characters.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "fovea/error.h"
#include "models/config/config.h"
#include "models/config/text.h"
#include "models/text/unicode.h"

namespace fovea::text {

void Characters::encode(std::string_view word, std::vector<int32_t>& out) const {
  const CodePoints points(word);
  for (size_t i = 0; i < points.size(); ++i) {
    const std::string_view character = points.slice(i, i + 1);
    const auto id = vocabulary_.find(character);
    if (!id)
      throw Error(ErrorKind::usage, fmt::format("[tokenize] \"{}\" is none of the characters that the model "
                                                "writes: leave it out",
                                                io::excerpt(character)));
    out.push_back(*id);
  }
}

bool has_characters(const nlohmann::json& config) {
  return config.contains("system") && config.contains("characters");
}

void parse_characters(const nlohmann::json& config, const std::string& file, Pipeline& pipeline) {
  const io::CharacterIds ids = io::character_ids(config, file);
  const auto special = [&](const char* content, uint32_t id) {
    AddedToken token;
    token.content = content;
    token.special = true;
    token.id = static_cast<int32_t>(id);
    pipeline.add(std::move(token), file);
    return static_cast<int32_t>(id);
  };
  special("<pad>", ids.pad);
  pipeline.before = {special("<start>", ids.start)};
  pipeline.behind = {special("<end>", ids.end)};
  for (const std::string& character : ids.characters) pipeline.vocabulary.append(character, file);
  pipeline.vocabulary.complete();
  pipeline.model = std::make_unique<Characters>(pipeline.vocabulary);
  pipeline.decoding = Decoding::characters;
}

}  // namespace fovea::text
