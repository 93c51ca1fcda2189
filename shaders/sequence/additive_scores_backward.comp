// The gradient of additive scores e · tanh(q_i + k_j), by their queries, or, OVER_QUERIES, by their keys:
// e (1 − tanh²) summed over the others. By e, Σ_j tanh of each query, to be summed over queries.
// Variants: buffer texel
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/activation.glsl"
#include "shaders/common/units.glsl"
#include "shaders/sequence/query_scores.h"

layout(constant_id = 3) const bool OVER_QUERIES = false;

layout(push_constant) uniform Block { QueryScoresPush p; };
UNITS_IN(0, q, float, vec4)       // [batch, queries, units]
UNITS_IN(1, k, float, vec4)       // [batch, keys, units]
UNITS_IN(2, energy, float, vec4)  // [units]
layout(binding = 3) readonly buffer Ds { float ds[]; };        // [batch, queries, keys]
layout(binding = 4) writeonly buffer D { float d_one[]; };     // [batch, queries or keys, units]
layout(binding = 4) writeonly buffer D4 { vec4 d_four[]; };
layout(binding = 5) writeonly buffer De { float de_one[]; };   // [batch, queries, units]
layout(binding = 5) writeonly buffer De4 { vec4 de_four[]; };

void main() {
  const uint unit = global_x(), image = gl_WorkGroupID.z;
  if (unit >= p.units) return;
  const uint own = OVER_QUERIES ? p.keys : p.queries, others = OVER_QUERIES ? p.queries : p.keys;
  for (uint i = global_y(); i < own; i += gl_NumWorkGroups.y * GROUP_Y) {
    vec4 sum = vec4(0), of_energy = vec4(0);
    for (uint j = 0; j < others; ++j) {
      const uint query = OVER_QUERIES ? j : i, key = OVER_QUERIES ? i : j;
      const vec4 a = q((image * p.queries + query) * p.units + unit), b = k((image * p.keys + key) * p.units + unit);
      const vec4 squashed = 2.0 * logistic(2.0 * (a + b)) - 1.0;
      const float given = ds[(image * p.queries + query) * p.keys + key];
      sum += given * (1.0 - squashed * squashed);
      of_energy += given * squashed;
    }
    sum *= energy(unit);
    const uint at = (image * own + i) * p.units + unit;
    if (FOURS) {
      d_four[at] = sum;
      if (!OVER_QUERIES) de_four[at] = of_energy;
    } else {
      d_one[at] = sum.x;
      if (!OVER_QUERIES) de_one[at] = of_energy.x;
    }
  }
}
