#include "models/text/normalizer.h"

#include <algorithm>
#include <cctype>

#include "models/text/words.h"

namespace fovea::text {

namespace {

bool is_chinese(char32_t c) {
  struct Range {
    char32_t first, last;
  };
  // The blocks of BERT's reference implementation: CJK ideographs, neither kana nor hangul.
  static constexpr Range blocks[] = {{0x4e00, 0x9fff},   {0x3400, 0x4dbf},   {0x20000, 0x2a6df},
                                     {0x2a700, 0x2b73f}, {0x2b740, 0x2b81f}, {0x2b820, 0x2ceaf},
                                     {0xf900, 0xfaff},   {0x2f800, 0x2fa1f}};
  return std::any_of(std::begin(blocks), std::end(blocks),
                     [c](const Range& block) { return c >= block.first && c <= block.last; });
}

std::string applied(const BertText& step, std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char32_t c : CodePoints(text).points) {
    const bool blank = c == '\t' || c == '\n' || c == '\r';
    if (step.clean && (c == 0xfffd || (is_other(c) && !blank))) continue;
    if (step.clean && is_space(c)) {
      out += ' ';
    } else if (step.spaced_chinese && is_chinese(c)) {
      out += ' ';
      append(out, c);
      out += ' ';
    } else {
      append(out, c);
    }
  }
  return out;
}

std::string applied(StripAccents, std::string_view text) {
  std::string out;
  const std::string taken_apart = normalized(text, Form::nfd);
  for (const char32_t c : CodePoints(taken_apart).points)
    if (!is_nonspacing_mark(c)) append(out, c);
  return out;
}

std::string applied(Lowercase, std::string_view text) {
  return lower(text);
}

std::string applied(CollapseSpaces, std::string_view text) {
  std::string out;
  bool before = false;
  for (const char32_t c : CodePoints(text).points) {
    const bool space = is_space(c);
    if (!space) {
      append(out, c);
    } else if (!before) {
      out += ' ';
    }
    before = space;
  }
  return out;
}

std::string applied(StripPunctuation, std::string_view text) {
  std::string out;
  std::copy_if(text.begin(), text.end(), std::back_inserter(out),
               [](char c) { return !is_ascii_punctuation(static_cast<unsigned char>(c)); });
  return std::string(trimmed(out));
}

std::string applied(Form form, std::string_view text) {
  return normalized(text, form);
}

}  // namespace

std::string Normalizer::operator()(std::string_view text) const {
  std::string out(text);
  for (const Normalization& step : steps)
    out = std::visit([&out](const auto& chosen) { return applied(chosen, out); }, step);
  return out;
}

}  // namespace fovea::text
