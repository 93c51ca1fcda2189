#include "apps/text/typed.h"

#include <fmt/format.h>

#include <charconv>
#include <system_error>

#include "core/text.h"
#include "fovea/error.h"

namespace fovea::apps {

void wrong(const std::string& message) {
  throw Error(ErrorKind::usage, message);
}

std::string lower_case(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

bool parse_number(std::string_view text, uint32_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

std::pair<uint32_t, uint32_t> parse_size(const std::string& text) {
  const size_t cross = text.find_first_of("xX");
  uint32_t height = 0, width = 0;
  const bool both = cross != text.npos;
  if (!parse_number(text.substr(0, cross), height) || (both && !parse_number(text.substr(cross + 1), width)))
    wrong(fmt::format("--size {}: want N or HxW, for example 384 or 256x192", printable(text)));
  if (!both) width = height;
  constexpr uint32_t most = 16384;
  if (height == 0 || width == 0 || height > most || width > most)
    wrong(fmt::format("--size {}: each side must be 1 to {}", text, most));
  return {height, width};
}

}  // namespace fovea::apps
