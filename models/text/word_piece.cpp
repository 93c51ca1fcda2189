#include "models/text/word_piece.h"

#include <algorithm>
#include <utility>

#include "models/text/unicode.h"

namespace fovea::text {

WordPiece::WordPiece(const Vocabulary& vocabulary, WordPieceOptions options)
    : vocabulary_(vocabulary), options_(std::move(options)) {
  for (size_t id = 0; id < vocabulary.size(); ++id)
    longest_token_ = std::max(longest_token_, vocabulary.token(static_cast<int32_t>(id)).size());
}

void WordPiece::encode(std::string_view word, std::vector<int32_t>& out) const {
  const CodePoints characters(word);
  const size_t first = out.size();
  const auto give_up = [&] {
    out.resize(first);
    out.push_back(options_.unknown);
  };
  if (characters.size() > options_.longest_word) return give_up();
  for (size_t begin = 0; begin < characters.size();) {
    const std::string start = begin == 0 ? "" : options_.continues;
    size_t end = std::min(characters.size(), begin + longest_token_);
    std::optional<int32_t> id;
    while (end > begin && !(id = vocabulary_.find(start + std::string(characters.slice(begin, end))))) --end;
    if (!id) return give_up();
    out.push_back(*id);
    begin = end;
  }
}

}  // namespace fovea::text
