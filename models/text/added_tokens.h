// Tokens that are found in a text before anything else is done to it: [MASK], <|endoftext|>.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace fovea::text {

struct AddedToken {
  std::string content;
  bool special = false;      // decoding may leave it out
  bool lstrip = false;       // takes white space before it along
  bool rstrip = false;       // and behind it
  bool single_word = false;  // not within a word
  bool normalized = false;   // looked for in the normalised text
  int32_t id = -1;
};

// A stretch of the text, or the token that it is.
struct Piece {
  std::string_view text;
  int32_t id = -1;  // -1: text
};

class AddedTokens {
 public:
  static constexpr size_t longest = 512;  // bytes of a token

  // Tokens of at most `longest` bytes, and not empty.
  void add(const AddedToken& token);
  // In order and without gaps but for white space that tokens take along. Of tokens that begin at one place
  // the longest counts.
  std::vector<Piece> cut(std::string_view text) const;

 private:
  struct Node {
    std::map<char, size_t> next;
    int64_t token = -1;
  };
  struct Match {
    size_t end = 0;
    int64_t token = -1;
  };
  Match match(std::string_view text, size_t begin) const;

  std::vector<Node> nodes_ = std::vector<Node>(1);  // a tree of the tokens' bytes
  std::vector<AddedToken> tokens_;
};

}  // namespace fovea::text
