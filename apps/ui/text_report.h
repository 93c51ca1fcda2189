// What was written about a picture, as JSON, and the parts of a request that come as text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apps/text/json.h"
#include "fovea/generate.h"

namespace fovea::apps {

struct Written {
  std::vector<TextToken> tokens;
  std::vector<std::string> texts;  // so far, one a token
  double text_ms = 0;
};

// "x,y,width,height". Throws RequestError.
Region region_named(const std::string& text);
// As typed: a method's name; a decoder's layer, and a head's number or how heads are fused.
struct TokenMapNames {
  std::string method = "raw", layer = "-1", head = "mean";
};
// Throws RequestError.
TokenMapRequest token_map_named(const TokenMapNames& names);

// The command for models of a task: "caption".
const char* command_for(TextTask task);
// What words in front of a text are called: "question", "prompt".
const char* name_of_words(TextTask task);

// [x, y, width, height] to hundredths of a pixel.
Json rounded_box(const Region& region);
// `seen`: what the model saw of the picture.
Json token_json(const TextToken& token, const Region& seen);
// All of docs/reading.md but `path`, after the last token.
Json text_json(const TextSession& session, const std::string& words, const Written& written,
               double decode_ms);

}  // namespace fovea::apps
