// scores[b, i, j] = scale · q_i · k_j (Luong et al. 2015, dot), or e · tanh(q_i + k_j) (Bahdanau et al. 2015).
// A lane has a key.
// Variants: buffer texel
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/activation.glsl"
#include "shaders/common/storage.glsl"
#include "shaders/common/units.glsl"
#include "shaders/sequence/query_scores.h"

layout(constant_id = 3) const bool ADDITIVE = false;

layout(push_constant) uniform Block { QueryScoresPush p; };
UNITS_IN(0, q, STORE, STORE4)     // [batch, queries, units]
UNITS_IN(1, k, STORE, STORE4)     // [batch, keys, units]
UNITS_IN(2, energy, float, vec4)  // [units]
layout(binding = 3) writeonly buffer Scores { float scores[]; };  // [batch, queries, keys]

void main() {
  const uint key = global_x(), image = gl_WorkGroupID.z;
  if (key >= p.keys) return;
  for (uint query = global_y(); query < p.queries; query += gl_NumWorkGroups.y * GROUP_Y) {
    const uint q_at = (image * p.queries + query) * p.units, k_at = (image * p.keys + key) * p.units;
    float sum = 0.0;
    for (uint c = 0; c < p.units; ++c) {
      const vec4 a = q(q_at + c), b = k(k_at + c);
      // A unit of one channel comes four times over.
      if (ADDITIVE) {
        const vec4 term = energy(c) * (2.0 * logistic(2.0 * (a + b)) - 1.0);
        sum += FOURS ? dot(term, vec4(1)) : term.x;
      } else {
        sum += FOURS ? dot(a, b) : a.x * b.x;
      }
    }
    scores[(image * p.queries + query) * p.keys + key] = p.scale * sum;
  }
}
