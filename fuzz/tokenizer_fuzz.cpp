// Sections with a NUL between: a file's name in the first line, then its text. The one called "text" is
// encoded.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/error.h"
#include "fovea/tokenizer.h"
#include "models/text/files.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  fovea::text::TokenizerFiles files;
  files.folder = "fuzz";
  while (!rest.empty()) {
    const std::string_view section = rest.substr(0, rest.find('\0'));
    rest.remove_prefix(std::min(section.size() + 1, rest.size()));
    const size_t line = std::min(section.find('\n'), section.size());
    const std::string name(section.substr(0, line));
    if (!name.ends_with(".model"))  // whose parser is libsentencepiece's
      files.texts[name] = section.substr(std::min(line + 1, section.size()));
  }
  try {
    const fovea::Tokenizer tokenizer(fovea::text::parse_tokenizer(files));
    const std::string* const text = files.find("text");
    const std::vector<int32_t> ids = tokenizer.encode(text == nullptr ? "a photo of a cat" : *text);
    for (const int32_t id : ids)
      if (id < 0 || static_cast<size_t>(id) >= tokenizer.vocabulary()) std::abort();
    tokenizer.decode(ids, {.skip_special = false, .clean_up = true});
    std::vector<int32_t> all(std::min<size_t>(tokenizer.vocabulary(), 1000));
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int32_t>(i);
    tokenizer.decode(all);
  } catch (const fovea::Error&) {  // the only exception that may leave the parser
  }
  return 0;
}
