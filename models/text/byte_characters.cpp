#include "models/text/byte_characters.h"

#include <array>

#include "models/text/unicode.h"

namespace fovea::text {

namespace {

struct Alphabet {
  std::array<char32_t, 256> of_byte{};
  std::array<int16_t, 512> of_character{};

  Alphabet() {
    of_character.fill(-1);
    char32_t next = 256;
    for (size_t byte = 0; byte < 256; ++byte) {
      const bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
      of_byte[byte] = printable ? static_cast<char32_t>(byte) : next++;
      of_character[of_byte[byte]] = static_cast<int16_t>(byte);
    }
  }
};

const Alphabet& alphabet() {
  static const Alphabet letters;
  return letters;
}

}  // namespace

std::string to_characters(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char byte : bytes) append(out, alphabet().of_byte[static_cast<unsigned char>(byte)]);
  return out;
}

std::optional<std::string> to_bytes(std::string_view characters) {
  std::string out;
  out.reserve(characters.size());
  for (const char32_t character : CodePoints(characters).points) {
    const int byte = character < 512 ? alphabet().of_character[character] : -1;
    if (byte < 0) return {};
    out += static_cast<char>(byte);
  }
  return out;
}

}  // namespace fovea::text
