// What tokenizers ask of Unicode, through ICU: its tables are those that the reference implementations were
// made from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fovea::text {

// Where UTF-8 ends to be such.
std::optional<size_t> invalid_utf8(std::string_view bytes);
// With U+FFFD for each stretch of bytes that is none.
std::string valid_utf8(std::string_view bytes);

// The code points of valid UTF-8.
struct CodePoints {
  explicit CodePoints(std::string_view utf8);
  size_t size() const { return points.size(); }
  char32_t operator[](size_t i) const { return points[i]; }
  // Those from `from` to `to`, which is not one of them.
  std::string_view slice(size_t from, size_t to) const {
    return text.substr(begins[from], begins[to] - begins[from]);
  }

  std::string_view text;
  std::u32string points;
  std::vector<size_t> begins;  // the byte where each begins, and the end
};
void append(std::string& utf8, char32_t point);

bool is_letter(char32_t point);           // L*
bool is_number(char32_t point);           // N*
bool is_punctuation(char32_t point);      // P*
bool is_other(char32_t point);            // C*: controls, formats, what is not assigned
bool is_nonspacing_mark(char32_t point);  // Mn
bool is_space(char32_t point);            // White_Space
bool is_word(char32_t point);             // \w of regular expressions

enum class Form { nfc, nfd, nfkc, nfkd };
std::string normalized(std::string_view utf8, Form form);
// Character by character, whatever stands around it: a sigma at the end of a word is no special one.
std::string lower(std::string_view utf8);
std::string_view trimmed(std::string_view utf8);

}  // namespace fovea::text
