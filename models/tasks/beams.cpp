#include "models/tasks/beams.h"

#include <algorithm>
#include <cmath>

namespace fovea {
namespace {

// What the last step saw in a row: in [pictures, heads, beams, keys] of each layer, and [rows, vocabulary].
class Looks {
 public:
  explicit Looks(const Generation& generation) : generation_(generation) {
    for (size_t layer = 0; layer < generation.cross_layers(); ++layer)
      cross_.push_back(generation.cross(layer));
    if (generation.options().logits) logits_ = generation.logits();
  }

  BeamToken of(uint32_t picture, uint32_t beam) const {
    BeamToken out;
    for (size_t layer = 0; layer < cross_.size(); ++layer) {
      const Shape& shape = generation_.cross_shape(layer);
      std::vector<float>& rows = out.cross.emplace_back();
      for (size_t head = 0; head < shape[1]; ++head) {
        const auto from =
            cross_[layer].begin() +
            static_cast<std::ptrdiff_t>(((picture * shape[1] + head) * shape[2] + beam) * shape[3]);
        rows.insert(rows.end(), from, from + shape[3]);
      }
    }
    if (!logits_.empty()) {
      const size_t count = generation_.vocabulary(), beams = generation_.options().choice.beams;
      const auto from = logits_.begin() + static_cast<std::ptrdiff_t>((picture * beams + beam) * count);
      out.logits.assign(from, from + static_cast<std::ptrdiff_t>(count));
    }
    return out;
  }

 private:
  const Generation& generation_;
  std::vector<std::vector<float>> cross_;
  std::vector<float> logits_;
};

}  // namespace

void Beams::take(std::span<const BeamCandidate> candidates,
                 const std::function<BeamToken(uint32_t)>& looked) {
  if (over_) return;
  ++length_;
  const size_t beams = open_.size();
  std::vector<Written> next;
  for (size_t rank = 0; rank < candidates.size() && next.size() < beams; ++rank) {
    const BeamCandidate& c = candidates[rank];
    const bool ends = c.id == end_;
    if (ends && rank >= beams) continue;
    BeamToken token = looked(c.beam);
    token.id = c.id;
    token.log = c.log;
    token.before = open_[c.beam].text;
    Written one{std::make_shared<const BeamToken>(std::move(token)), c.sum, score(c.sum, length_)};
    if (ends)
      keep(ended_, std::move(one));
    else
      next.push_back(std::move(one));
  }
  open_ = std::move(next);
  if (ended_.size() < beams) return;
  const auto worst = std::min_element(ended_.begin(), ended_.end(),
                                      [](const Written& a, const Written& b) { return a.score < b.score; });
  over_ = worst->score >= score(candidates.front().sum, length_);
}

float Beams::score(float sum, uint32_t length) const {
  return static_cast<float>(double{sum} / std::pow(static_cast<double>(length), double{length_penalty_}));
}

// As many as there are beams, of equal ones the older.
void Beams::keep(std::vector<Written>& ended, Written one) const {
  ended.push_back(std::move(one));
  if (ended.size() <= open_.size()) return;
  auto worst = ended.end() - 1;
  for (auto i = ended.begin(); i != ended.end(); ++i)
    if (i->score < worst->score) worst = i;
  ended.erase(worst);
}

Beams::Written Beams::best() const {
  std::vector<Written> all = ended_;
  if (!over_)
    for (const Written& one : open_) keep(all, one);
  return *std::max_element(all.begin(), all.end(),
                           [](const Written& a, const Written& b) { return a.score < b.score; });
}

std::vector<BeamText> tokens_of(const BeamText& text) {
  std::vector<BeamText> out;
  for (BeamText token = text; token; token = token->before) out.push_back(token);
  std::reverse(out.begin(), out.end());
  return out;
}

std::vector<Beams::Written> search_beams(Generation& generation, uint32_t used) {
  const Generation::Options& options = generation.options();
  const TokenChoice& choice = options.choice;
  std::vector<Beams> pictures(used, Beams(choice.beams, choice.length_penalty, generation.ids().end));
  for (uint32_t step = 0; step < options.most; ++step) {
    const std::span<const BeamCandidate> found = generation.step_beams();
    const Looks looks(generation);
    bool over = true;
    for (uint32_t i = 0; i < used; ++i) {
      pictures[i].take(found.subspan(size_t{i} * 2 * choice.beams, size_t{2} * choice.beams),
                       [&](uint32_t beam) { return looks.of(i, beam); });
      over = over && pictures[i].over();
    }
    if (over) break;
  }
  std::vector<Beams::Written> out;
  for (const Beams& picture : pictures) out.push_back(picture.best());
  return out;
}

}  // namespace fovea
