// Separable self-attention (Mehta and Rastegari 2022, section 3.2): the softmax of the queries over tokens weighs
// the keys, and their sum, the context, multiplies every token's relu(value). A workgroup has some units of a
// group; the lanes of its columns share the tokens, each with a running maximum and sums relative to it.
// Variants: buffer texel
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/common/units.glsl"
#include "shaders/attention/separable_attention.h"

layout(push_constant) uniform Block { SeparableAttentionPush p; };
UNITS_IN(0, x, STORE, STORE4)
UNITS_OUT(1, y)                                                     // [groups, tokens, units]
layout(binding = 2) writeonly buffer Scores { float scores[]; };  // [groups, tokens]

shared vec4 shared_sum[GROUP];
shared vec2 shared_scale[GROUP];

void main() {
  const uint lane = lane_y(), self = gl_LocalInvocationIndex;
  const uint unit = global_x(), from = min(unit, p.units - 1);
  const uint first = gl_WorkGroupID.y * p.tokens, query_at = 2 * p.units;

  vec4 sum = vec4(0);
  float most = -3.402823e38, total = 0.0;  // finite, so that differences are
  for (uint i = lane; i < p.tokens; i += GROUP_Y) {
    const uint at = (first + i) * p.row;
    const float query = x(at + query_at).x, above = max(most, query);
    const float shrink = exp(most - above), weight = exp(query - above);
    total = total * shrink + weight;
    sum = sum * shrink + weight * x(at + from);
    most = above;
  }
  if (GROUP_Y > 1) {
    shared_sum[self] = sum;
    shared_scale[self] = vec2(most, total);
    for (uint step = GROUP_Y / 2; step > 0; step /= 2) {
      barrier();
      if (lane < step) {
        const vec2 other = shared_scale[self + step * GROUP_X];
        const float above = max(most, other.x), shrink = exp(most - above), weight = exp(other.x - above);
        total = total * shrink + other.y * weight;
        sum = sum * shrink + shared_sum[self + step * GROUP_X] * weight;
        most = above;
        shared_sum[self] = sum;
        shared_scale[self] = vec2(most, total);
      }
    }
    barrier();
    sum = shared_sum[lane_x()];
    most = shared_scale[lane_x()].x;
    total = shared_scale[lane_x()].y;
  }

  if (gl_WorkGroupID.x == 0)
    for (uint i = self; i < p.tokens; i += GROUP)
      scores[first + i] = exp(x((first + i) * p.row + query_at).x - most) / total;
  if (unit >= p.units) return;
  const vec4 context = sum / total;
  for (uint i = lane; i < p.tokens; i += GROUP_Y)
    write_y((first + i) * p.units + unit, max(x((first + i) * p.row + p.units + unit), vec4(0)) * context);
}
