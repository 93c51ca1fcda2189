#include "maps/methods.h"
#include "models/nn/stream.h"
#include "runtime/ops/maps/attention_relevance.h"

namespace fovea::maps {

Drawn gradsum(Recorder& r, const Kept& kept, const MapRequest& request, const ModelInfo& info) {
  const LayerRange range = layers_of(request);
  const AttentionLayer& grid = info.attention[range.last];
  Drawn out{{}, grid.rows, grid.cols, grid.prefix_tokens, {}};
  const ClassChoice choice = choose_class(r, kept, request, out);
  layers::StreamBackward backward = backward_of(r, kept, choice);
  for (size_t l = kept.steps.size(); l-- > range.first;) {
    const layers::HeadsGradient& at = backward.down(r);
    if (l > range.last) continue;
    ops::RelevanceCase c;
    c.in = at.attention;
    c.lse = at.lse;
    c.gradient = at.gradient;
    c.times_attention = false;
    c.positive = ops::Positive::terms;
    c.base = out.values;
    c.factor = 1.0F / (static_cast<float>(grid.heads) * static_cast<float>(at.attention.layout.keys));
    out.values = ops::attention_relevance(r, c);
  }
  return out;
}

}  // namespace fovea::maps
