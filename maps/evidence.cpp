#include "maps/methods.h"
#include "models/nn/stream.h"
#include "runtime/ops/maps/attention_relevance.h"

namespace fovea::maps {

Drawn evidence(Recorder& r, const Kept& kept, const MapRequest& request, const ModelInfo& info) {
  const layers::ClassHead& head = *kept.answer.head;
  const LayerRange range = layers_of(request);
  const AttentionLayer& grid = info.attention[range.last];
  // Parts of a sum are summed over heads, whatever the request says of fusing them.
  const bool one = fusion_of(request) == ops::RowFusion::one_head;
  Drawn out{{}, grid.rows, grid.cols, grid.prefix_tokens, {}};
  const ClassChoice choice = choose_class(r, kept, request, out);
  const auto weights = head.class_weights(r, choice.classes, choice.rank);
  const Tensor w = head.gradient(r, kept.answer.x, weights, /*held=*/true);
  for (uint32_t l = range.first; l <= range.last; ++l) {
    ops::RelevanceCase c;
    c.in = layers::attention_of(kept.layers.at(l), w.shape[1]);
    c.lse = kept.layers.at(l).lse;
    c.gradient = kept.steps.at(l).step->heads_gradient(r, c.in, {}, w, /*held=*/true);
    c.heads = one ? ops::RelevanceHeads::one : ops::RelevanceHeads::sum;
    c.head = one ? request.head : 0;
    c.base = out.values;
    out.values = ops::attention_relevance(r, c);
  }
  return out;
}

}  // namespace fovea::maps
