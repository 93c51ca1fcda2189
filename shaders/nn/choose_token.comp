// A token for every row of scores, and its probability by their softmax: the best one, or one drawn from the softmax of
// scores / temperature, among the k best where LIMITED. The draw is the point of the cumulative sum, in the order of
// ids, that a number by chance of the seed, the position and the row's own number falls on.
// Variants: buffer texel
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/philox.glsl"
#include "shaders/common/storage.glsl"
#include "shaders/nn/choose_token.h"
#include "shaders/nn/vocabulary.glsl"
layout(constant_id = 1) const bool DRAWN = false;
layout(constant_id = 2) const bool LIMITED = false;

layout(push_constant) uniform Block { ChooseTokenPush p; };
layout(binding = 1) readonly buffer Past { uint past[]; };     // [rows]
layout(binding = 2) readonly buffer Chance { uint chance[]; };  // [rows, 3]: seed, its high word, the row's number
layout(binding = 3) writeonly buffer Chosen { uint chosen[]; };                 // [rows]
layout(binding = 4) writeonly buffer Probabilities { float probabilities[]; };  // [rows]

shared float own_sum[GROUP];     // of exp(x - largest)
shared float own_weight[GROUP];  // of those that are drawn from, at the temperature

void main() {
  const uint index = row_index();
  if (index >= p.rows) return;  // uniform: the whole workgroup leaves
  const uint lane = gl_LocalInvocationID.x;
  const Row row = row_of(index, p.classes, p.stride4);
  const uint best = best_of(row).y;
  const float largest = score_of(row, best);

  uvec2 last = uvec2(0);
  uint ties = 0;
  if (LIMITED) {
    last = last_of_best(row, p.k);
    ties = ties_before(row, last);
  }
  float sum = 0.0, weight = 0.0;
  for (uint i = row.begin; i < row.end; ++i) {
    const vec4 x = scores_at(row.first + i);
    for (uint c = 0; c < 4; ++c) {
      if (4 * i + c >= row.count) continue;
      sum += exp(x[c] - largest);
      if (DRAWN && (!LIMITED || is_among(x[c], last, ties))) weight += exp((x[c] - largest) * p.inverse_temperature);
    }
  }
  own_sum[lane] = sum;
  own_weight[lane] = weight;
  barrier();
  if (lane != 0) return;

  float total = 0.0, all_weight = 0.0;
  for (uint other = 0; other < GROUP; ++other) {
    total += own_sum[other];
    all_weight += own_weight[other];
  }
  uint id = best;
  if (DRAWN) {
    const float target =
        all_weight * fraction(philox(uvec4(past[index], chance[3 * index + 2], 0, 0),
                                     uvec2(chance[3 * index], chance[3 * index + 1])).x);
    // The lane whose scores it falls on; the last one with weight where rounding puts it behind all.
    float before = 0.0, running = 0.0;
    uint owner = GROUP;
    for (uint other = 0; other < GROUP && !(owner < GROUP && running > target); ++other) {
      if (own_weight[other] > 0.0) {
        owner = other;
        before = running;
      }
      running += own_weight[other];
    }
    if (owner < GROUP) {
      const uint each = (row.fours + GROUP - 1) / GROUP, end = min((owner + 1) * each, row.fours);
      ties = 0;
      if (LIMITED)
        for (uint other = 0; other < owner; ++other) ties += own_ties[other];
      running = before;
      bool over = false;
      for (uint i = owner * each; i < end && !over; ++i) {
        const vec4 x = scores_at(row.first + i);
        for (uint c = 0; c < 4 && !over; ++c) {
          if (4 * i + c >= row.count || (LIMITED && !is_among(x[c], last, ties))) continue;
          const float own = exp((x[c] - largest) * p.inverse_temperature);
          if (!(own > 0.0)) continue;
          id = 4 * i + c;
          running += own;
          over = running > target;
        }
      }
    }
  }
  chosen[index] = id;
  probabilities[index] = exp(score_of(row, id) - largest) / total;
}
