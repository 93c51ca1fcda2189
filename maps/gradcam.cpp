#include "maps/methods.h"
#include "models/nn/stream.h"
#include "runtime/ops/maps/attention_relevance.h"
#include "runtime/ops/nn/place_tokens.h"

namespace fovea::maps {

Drawn gradcam(Recorder& r, const Kept& kept, const MapRequest& request, const ModelInfo& info) {
  const AttentionLayer& grid = info.attention.back();
  Drawn out{{}, grid.rows, grid.cols, grid.prefix_tokens, {}};
  const ClassChoice choice = choose_class(r, kept, request, out);
  layers::StreamBackward backward = backward_of(r, kept, choice);
  const layers::HeadsGradient& last = backward.down(r);
  // The mean over patches of gradient · v is gradient · (mean of v).
  ops::RelevanceCase c;
  c.in = last.attention;
  c.in.layout.queries = 1;
  c.in.v = ops::token_mean(r, last.attention.v, grid.prefix_tokens);
  c.one_value = true;
  c.lse = last.lse;
  c.gradient = ops::leading_tokens(r, last.gradient, 1);
  c.positive = ops::Positive::result;
  c.factor = 1.0F / static_cast<float>(grid.heads);
  out.values = ops::attention_relevance(r, c);
  return out;
}

}  // namespace fovea::maps
