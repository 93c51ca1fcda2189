#include <bit>

#include "maps/methods.h"
#include "models/nn/stream.h"
#include "runtime/ops/maps/attention_relevance.h"

namespace fovea::maps {

Drawn gae(Recorder& r, const Kept& kept, const MapRequest& request, const ModelInfo& info) {
  const LayerRange range = layers_of(request);
  const AttentionLayer& grid = info.attention[range.last];
  Drawn out{{}, grid.rows, grid.cols, grid.prefix_tokens, {}};
  const ClassChoice choice = choose_class(r, kept, request, out);
  const Shape& stream = kept.answer.x.shape;
  const uint32_t images = stream[0], tokens = stream[1];

  // The row of the product that is wanted.
  out.values = r.input({images, tokens}, DType::f32, "gae start");
  std::vector<uint32_t> start(size_t{images} * tokens);
  const bool pooled = kept.answer.head->reading().tokens == 0;
  const float each = pooled ? 1.0F / static_cast<float>(tokens - grid.prefix_tokens) : 1.0F;
  for (uint32_t i = 0; i < images; ++i)
    for (uint32_t t = pooled ? grid.prefix_tokens : 0; t < (pooled ? tokens : 1); ++t)
      start[size_t{i} * tokens + t] = std::bit_cast<uint32_t>(each);
  out.presets.emplace_back(out.values, std::move(start));

  layers::StreamBackward backward = backward_of(r, kept, choice);
  for (size_t l = kept.steps.size(); l-- > range.first;) {
    const layers::HeadsGradient& at = backward.down(r);
    if (l > range.last) continue;
    ops::RelevanceCase c;
    c.in = at.attention;
    c.lse = at.lse;
    c.gradient = at.gradient;
    c.positive = ops::Positive::terms;
    c.weights = out.values;
    c.base = out.values;
    c.factor = 1.0F / static_cast<float>(grid.heads);
    out.values = ops::attention_relevance(r, c);
  }
  return out;
}

}  // namespace fovea::maps
