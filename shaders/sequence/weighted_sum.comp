// y[b, i] = scale Σ_j weight[b, i, j] · v[b, j]: the context of attention, and gradients of it and of scores.
// Variants: buffer texel
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/common/units.glsl"
#include "shaders/sequence/weighted_sum.h"

layout(push_constant) uniform Block { WeightedSumPush p; };
layout(binding = 0) readonly buffer Weights { float weights[]; };
UNITS_IN(1, v, STORE, STORE4)  // [batch, items, units]
UNITS_OUT(2, y)                // [batch, rows, units]

void main() {
  const uint unit = global_x(), image = gl_WorkGroupID.z;
  if (unit >= p.units) return;
  for (uint row = global_y(); row < p.rows; row += gl_NumWorkGroups.y * GROUP_Y) {
    vec4 sum = vec4(0);
    for (uint j = 0; j < p.items; ++j) {
      const float weight = weights[image * p.weight_batch + row * p.weight_row + j * p.weight_item];
      sum += weight * v((image * p.items + j) * p.units + unit);
    }
    write_y((image * p.rows + row) * p.units + unit, p.scale * sum);
  }
}
