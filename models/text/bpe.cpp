#include "models/text/bpe.h"

#include <fmt/format.h>

#include <algorithm>
#include <queue>
#include <tuple>

#include "fovea/error.h"
#include "models/config/text.h"
#include "models/text/unicode.h"

namespace fovea::text {

namespace {

constexpr size_t none = SIZE_MAX;

uint64_t key(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32U | static_cast<uint32_t>(right);
}

int32_t id_in_merge(const Vocabulary& vocabulary, const Merge& merge, const std::string& token,
                    const std::string& file) {
  const std::optional<int32_t> id = vocabulary.find(token);
  if (!id) {
    refuse(file,
           fmt::format("merge {}, \"{} {}\", names \"{}\", which is not in the vocabulary", merge.line,
                       io::excerpt(merge.left), io::excerpt(merge.right), io::excerpt(token)),
           "vocabulary and merges must be of the same tokenizer: fetch both again");
  }
  return *id;
}

}  // namespace

// A list: a symbol that was joined to the one before it is dead.
struct Bpe::Symbol {
  int32_t id;
  size_t before, behind;  // `none` at the ends
  bool alive = true;
};

// A pair of neighbours that may be joined. Stale where one of them has changed since.
struct Bpe::Candidate {
  uint32_t rank;
  size_t left;
  int32_t left_id, right_id, id;

  // The smallest comes first: by rank, then from left to right.
  bool operator<(const Candidate& other) const {
    return std::tie(rank, left) > std::tie(other.rank, other.left);
  }
};

Bpe::Bpe(const Vocabulary& vocabulary, const std::vector<Merge>& merges, BpeOptions options,
         const std::string& file)
    : vocabulary_(vocabulary), options_(std::move(options)) {
  merges_.reserve(merges.size());
  uint32_t rank = 0;
  for (const Merge& merge : merges) {
    const int32_t left = id_in_merge(vocabulary, merge, merge.left, file);
    const int32_t right = id_in_merge(vocabulary, merge, merge.right, file);
    const int32_t id = id_in_merge(vocabulary, merge, merge.left + merge.right, file);
    merges_.insert_or_assign(key(left, right), Joined{rank++, id});
  }
}

const Bpe::Joined* Bpe::joined(int32_t left, int32_t right) const {
  const auto found = merges_.find(key(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

std::vector<Bpe::Symbol> Bpe::symbols(std::string_view word) const {
  const CodePoints characters(word);
  std::vector<Symbol> out;
  out.reserve(characters.size());
  bool unknown_before = false;
  for (size_t i = 0; i < characters.size(); ++i) {
    std::string character(characters.slice(i, i + 1));
    if (i + 1 == characters.size()) character += options_.word_end;
    const std::optional<int32_t> known = vocabulary_.find(character);
    const std::optional<int32_t> id = known ? known : options_.unknown;
    if (!id) {
      throw Error(
          ErrorKind::usage,
          fmt::format(
              "[tokenize] the vocabulary has no token for \"{}\", and none for what is unknown: leave it out",
              io::excerpt(character)));
    }
    const bool again = !known && unknown_before && options_.join_unknown;
    unknown_before = !known;
    if (again) continue;
    if (!out.empty()) out.back().behind = out.size();
    out.push_back({*id, out.empty() ? none : out.size() - 1, none});
  }
  return out;
}

void Bpe::encode(std::string_view word, std::vector<int32_t>& out) const {
  if (options_.whole_words) {
    if (const auto whole = vocabulary_.find(word)) {
      out.push_back(*whole);
      return;
    }
  }
  std::vector<Symbol> list = symbols(word);
  std::priority_queue<Candidate> queue;
  const auto offer = [&](size_t left) {
    if (left == none || list[left].behind == none) return;
    const Symbol& right = list[list[left].behind];
    if (const Joined* const pair = joined(list[left].id, right.id))
      queue.push({pair->rank, left, list[left].id, right.id, pair->id});
  };
  for (size_t i = 0; i < list.size(); ++i) offer(i);
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    Symbol& left = list[best.left];
    if (!left.alive || left.id != best.left_id || left.behind == none ||
        list[left.behind].id != best.right_id)
      continue;
    Symbol& right = list[left.behind];
    right.alive = false;
    left.id = best.id;
    left.behind = right.behind;
    if (left.behind != none) list[left.behind].before = best.left;
    offer(left.before);
    offer(best.left);
  }
  for (const Symbol& symbol : list)
    if (symbol.alive) out.push_back(symbol.id);
}

}  // namespace fovea::text
