// The k best of each row of scores, best first, and the logarithms of their probabilities.
// Beside softmax_topk: a vocabulary's tens of thousands of scores are not read again for each of the k, and
// logarithms do not underflow.
// Variants: buffer texel
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/nn/best_tokens.h"
#include "shaders/nn/vocabulary.glsl"

layout(push_constant) uniform Block { BestTokensPush p; };
layout(binding = 1) writeonly buffer Tokens { uint tokens[]; };  // [rows, k]
layout(binding = 2) writeonly buffer Logs { float logs[]; };     // [rows, k]

const uint MOST = 32;
shared uvec2 among[MOST];
shared uint count;
shared float own_sum[GROUP];

void main() {
  const uint index = row_index();
  if (index >= p.rows) return;  // uniform: the whole workgroup leaves
  const uint lane = gl_LocalInvocationID.x;
  const Row row = row_of(index, p.classes, p.stride4);
  const uvec2 last = last_of_best(row, p.k);
  if (lane == 0) count = 0;
  uint ties = ties_before(row, last);  // with a barrier
  for (uint i = row.begin; i < row.end; ++i) {
    const vec4 x = scores_at(row.first + i);
    for (uint c = 0; c < 4; ++c)
      if (4 * i + c < row.count && is_among(x[c], last, ties))
        among[atomicAdd(count, 1u)] = uvec2(order_of(x[c]), 4 * i + c);
  }
  barrier();
  uint best = 0;
  for (uint i = 1; i < p.k; ++i)
    if (better(among[i], among[best])) best = i;
  const float largest = score_of(row, among[best].y);
  float sum = 0.0;
  for (uint i = row.begin; i < row.end; ++i) {
    const vec4 x = scores_at(row.first + i);
    for (uint c = 0; c < 4; ++c)
      if (4 * i + c < row.count) sum += exp(x[c] - largest);
  }
  own_sum[lane] = sum;
  barrier();
  float total = 0.0;
  for (uint other = 0; other < GROUP; ++other) total += own_sum[other];
  for (uint i = lane; i < p.k; i += GROUP) {
    uint rank = 0;
    for (uint other = 0; other < p.k; ++other) rank += better(among[other], among[i]) ? 1 : 0;
    tokens[index * p.k + rank] = among[i].y;
    logs[index * p.k + rank] = score_of(row, among[i].y) - largest - log(total);
  }
}
