#include "models/text/words.h"

#include <algorithm>
#include <iterator>

#include "models/text/byte_characters.h"
#include "models/text/unicode.h"

namespace fovea::text {

namespace {

using Words = std::vector<std::string_view>;

// Where the stretch that begins at `i` and is all of it ends.
template <class Is>
size_t run_end(const CodePoints& text, size_t i, const Is& is) {
  while (i < text.size() && is(text[i])) ++i;
  return i;
}

bool is_else(char32_t c) {
  return !is_space(c) && !is_letter(c) && !is_number(c);
}

// 's|'t|'re|'ve|'m|'ll|'d at `i`: how long, or 0.
size_t contraction(const CodePoints& text, size_t i) {
  if (text[i] != '\'') return 0;
  const auto follows = [&](std::u32string_view letters) {
    return text.points.compare(i + 1, letters.size(), letters) == 0;
  };
  for (const std::u32string_view letters : {U"s", U"t", U"re", U"ve", U"m", U"ll", U"d"})
    if (follows(letters)) return 1 + letters.size();
  return 0;
}

// `'s|…| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`: where the match at `i` ends.
size_t gpt2_end(const CodePoints& text, size_t i) {
  if (const size_t length = contraction(text, i); length > 0) return i + length;
  const size_t start = text[i] == ' ' && i + 1 < text.size() ? i + 1 : i;
  if (is_letter(text[start])) return run_end(text, start, is_letter);
  if (is_number(text[start])) return run_end(text, start, is_number);
  if (is_else(text[start])) return run_end(text, start, is_else);
  const size_t end = run_end(text, i, is_space);
  // The last space belongs to the word behind it.
  return end == text.size() || end == i + 1 ? end : end - 1;
}

void split_gpt2(const CodePoints& text, Words& out) {
  for (size_t i = 0; i < text.size();) {
    const size_t end = gpt2_end(text, i);
    out.push_back(text.slice(i, end));
    i = end;
  }
}

// `'s|…|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+`.
void split_clip(const CodePoints& text, Words& out) {
  for (size_t i = 0; i < text.size();) {
    size_t end = i + contraction(text, i);
    if (end == i && is_letter(text[i])) end = run_end(text, i, is_letter);
    if (end == i && is_number(text[i])) end = i + 1;
    if (end == i) end = run_end(text, i, is_else);
    if (end > i) out.push_back(text.slice(i, end));
    i = std::max(end, i + 1);
  }
}

void split_spaces(const CodePoints& text, Words& out, bool at_punctuation) {
  const auto alone = [&](char32_t c) {
    return at_punctuation && (is_ascii_punctuation(c) || is_punctuation(c));
  };
  for (size_t i = 0; i < text.size();) {
    const size_t end =
        alone(text[i]) ? i + 1 : run_end(text, i, [&](char32_t c) { return !is_space(c) && !alone(c); });
    if (end > i) out.push_back(text.slice(i, end));
    i = std::max(end, i + 1);
  }
}

void split(Split how, std::string_view text, Words& out) {
  const CodePoints points(text);
  switch (how) {
    case Split::gpt2:
      return split_gpt2(points, out);
    case Split::clip:
      return split_clip(points, out);
    case Split::bert:
      return split_spaces(points, out, true);
    case Split::spaces:
      return split_spaces(points, out, false);
  }
}

}  // namespace

bool is_ascii_punctuation(char32_t c) {
  return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) || (c >= 123 && c <= 126);
}

std::vector<std::string> WordSplitter::operator()(std::string_view text) const {
  if (text.empty()) return {};
  const std::string whole = (space_before && text.front() != ' ' ? " " : "") + std::string(text);
  Words words{whole};
  for (const Split how : splits) {
    Words finer;
    for (const std::string_view word : words) split(how, word, finer);
    words = std::move(finer);
  }
  std::vector<std::string> out;
  out.reserve(words.size());
  std::transform(words.begin(), words.end(), std::back_inserter(out),
                 [this](std::string_view word) { return bytes ? to_characters(word) : std::string(word); });
  return out;
}

}  // namespace fovea::text
