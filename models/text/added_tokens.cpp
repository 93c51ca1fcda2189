#include "models/text/added_tokens.h"

#include "models/text/unicode.h"

namespace fovea::text {

namespace {

bool continues(char byte) {
  return (static_cast<unsigned char>(byte) & 0xc0U) == 0x80U;
}

// Where the character in front of `at` begins, which is not the text's begin.
size_t character_before(std::string_view text, size_t at) {
  do {
    --at;
  } while (at > 0 && continues(text[at]));
  return at;
}

size_t character_end(std::string_view text, size_t at) {
  do {
    ++at;
  } while (at < text.size() && continues(text[at]));
  return at;
}

char32_t character(std::string_view text, size_t begin, size_t end) {
  return CodePoints(text.substr(begin, end - begin))[0];
}

bool within_word(std::string_view text, size_t begin, size_t end) {
  return (begin > 0 && is_word(character(text, character_before(text, begin), begin))) ||
         (end < text.size() && is_word(character(text, end, character_end(text, end))));
}

}  // namespace

void AddedTokens::add(const AddedToken& token) {
  size_t node = 0;
  for (const char byte : token.content) {
    const auto [next, is_new] = nodes_[node].next.try_emplace(byte, nodes_.size());
    node = next->second;
    if (is_new) nodes_.emplace_back();
  }
  nodes_[node].token = static_cast<int64_t>(tokens_.size());
  tokens_.push_back(token);
}

AddedTokens::Match AddedTokens::match(std::string_view text, size_t begin) const {
  Match best;
  size_t node = 0;
  for (size_t at = begin; at < text.size(); ++at) {
    const auto next = nodes_[node].next.find(text[at]);
    if (next == nodes_[node].next.end()) break;
    node = next->second;
    if (nodes_[node].token >= 0) best = {at + 1, nodes_[node].token};
  }
  if (best.token >= 0 && tokens_[static_cast<size_t>(best.token)].single_word &&
      within_word(text, begin, best.end))
    return {};
  return best;
}

std::vector<Piece> AddedTokens::cut(std::string_view text) const {
  std::vector<Piece> out;
  size_t done = 0;
  for (size_t at = 0; at < text.size();) {
    const Match found = match(text, at);
    if (found.token < 0) {
      ++at;
      continue;
    }
    const AddedToken& token = tokens_[static_cast<size_t>(found.token)];
    size_t begin = at;
    size_t end = found.end;
    while (token.lstrip && begin > done) {
      const size_t before = character_before(text, begin);
      if (!is_space(character(text, before, begin))) break;
      begin = before;
    }
    while (token.rstrip && end < text.size()) {
      const size_t behind = character_end(text, end);
      if (!is_space(character(text, end, behind))) break;
      end = behind;
    }
    if (begin > done) out.push_back({text.substr(done, begin - done), -1});
    out.push_back({text.substr(begin, end - begin), token.id});
    done = at = end;
  }
  if (done < text.size()) out.push_back({text.substr(done), -1});
  return out;
}

}  // namespace fovea::text
