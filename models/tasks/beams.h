// The best of several texts that are written at once (beam search).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "models/tasks/generate.h"

namespace fovea {

// A token of a text and what is known of the step that chose it, in the row it was chosen from. Texts that
// begin alike share their beginning.
struct BeamToken {
  uint32_t id = 0;
  float log = 0;                          // of its probability
  std::vector<std::vector<float>> cross;  // a layer: [heads, keys]
  std::vector<float> logits;              // with Generation::Options::logits
  std::shared_ptr<const BeamToken> before;
};
using BeamText = std::shared_ptr<const BeamToken>;  // its last token; null for none

// Which texts of one picture are gone on with and which have come to an end, by the rules of transformers'
// beam search with early_stopping=False: an end is kept where it is among the `beams` best continuations; of
// the ended ones the `beams` best stay; and it is over when the worst of them is no worse than the best
// continuation, were it as good a text as it is at its present length.
class Beams {
 public:
  Beams(uint32_t beams, float length_penalty, uint32_t end)
      : length_penalty_(length_penalty), end_(end), open_(beams) {}

  // Those of a step, best first; looked(beam) gives what was seen in that row, as a token without its id.
  void take(std::span<const BeamCandidate> candidates, const std::function<BeamToken(uint32_t)>& looked);
  bool over() const { return over_; }

  struct Written {
    BeamText text;
    float sum = 0, score = 0;  // of logarithms of probabilities; / length^length_penalty
  };
  // The best one; those that are not at an end count too, unless it is over.
  Written best() const;

 private:
  float score(float sum, uint32_t length) const;
  void keep(std::vector<Written>& ended, Written one) const;

  float length_penalty_;
  uint32_t end_, length_ = 0;
  bool over_ = false;
  std::vector<Written> open_, ended_;  // ended_: as many as beams at most
};

// Its tokens, the first one first.
std::vector<BeamText> tokens_of(const BeamText& text);

// What is written about the first `used` pictures of a generation that stands at its start.
std::vector<Beams::Written> search_beams(Generation& generation, uint32_t used);

}  // namespace fovea
