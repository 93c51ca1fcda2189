// A whole sequence of LSTM or GRU cells of few channels in one dispatch, for CPU drivers. The workgroup is a subgroup; a
// lane owns PASSES units of hidden channels and holds their weights and states from step to step. All loops over them are
// unrolled, so that the driver's compiler sees no indices and a weight that left the registers costs one load.
// Variants: texel
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_EXT_control_flow_attributes : require
#include "shaders/common/activation.glsl"
#include "shaders/common/storage.glsl"
#include "shaders/common/units.glsl"
#include "shaders/sequence/recurrent.h"
layout(constant_id = 5) const uint LANES = 1;  // of the subgroup, as many as of the workgroup
#include "shaders/sequence/recurrent_io.glsl"

const uint PASSES = (UNITS + LANES - 1) / LANES;

// Lanes beyond the last unit follow along with it.
uint unit_of(uint pass) { return min(pass * LANES + gl_SubgroupInvocationID, UNITS - 1); }
bool owns(uint pass) { return pass * LANES + gl_SubgroupInvocationID < UNITS; }

vec4 h_start(uint at) { return vec4(h0[at], h0[at + 1], h0[at + 2], h0[at + 3]); }
vec4 c_start(uint at) { return vec4(c0[at], c0[at + 1], c0[at + 2], c0[at + 3]); }

void main() {
  uint length[ROWS], longest = 0;
  [[unroll]] for (uint r = 0; r < ROWS; ++r) {
    length[r] = length_of(r);
    longest = max(longest, length[r]);
  }
  vec4 weight[PASSES * HIDDEN * GATES], biases[PASSES * GATES];
  vec4 h[PASSES * ROWS], c[PASSES * ROWS], next[PASSES * ROWS];
  [[unroll]] for (uint pass = 0; pass < PASSES; ++pass) {
    [[unroll]] for (uint g = 0; g < GATES; ++g)
      biases[pass * GATES + g] = bias(direction() * W_ROW + g * UNITS + unit_of(pass));
    [[unroll]] for (uint i = 0; i < HIDDEN * GATES; ++i)
      weight[pass * HIDDEN * GATES + i] =
          w((direction() * HIDDEN + i / GATES) * W_ROW + i % GATES * UNITS + unit_of(pass));
    [[unroll]] for (uint r = 0; r < ROWS; ++r) {
      const uint at = ends_of(r) + 4 * unit_of(pass);
      h[pass * ROWS + r] = HAS_START ? h_start(at) : vec4(0);
      c[pass * ROWS + r] = HAS_START && GATES == 4 ? c_start(at) : vec4(0);
    }
  }

  for (uint s = 0; s < longest; ++s) {
    [[unroll]] for (uint pass = 0; pass < PASSES; ++pass) {
      vec4 sum[ROWS * GATES];
      [[unroll]] for (uint i = 0; i < ROWS * GATES; ++i) sum[i] = biases[pass * GATES + i % GATES];
      [[unroll]] for (uint k = 0; k < HIDDEN; ++k) {
        [[unroll]] for (uint r = 0; r < ROWS; ++r) {
          const float one = subgroupShuffle(h[k / 4 / LANES * ROWS + r][k % 4], k / 4 % LANES);
          [[unroll]] for (uint g = 0; g < GATES; ++g)
            sum[r * GATES + g] += one * weight[(pass * HIDDEN + k) * GATES + g];
        }
      }
      [[unroll]] for (uint r = 0; r < ROWS; ++r) {
        const uint i = pass * ROWS + r;
        next[i] = h[i];
        if (s < length[r]) {
          vec4 u[4];
          [[unroll]] for (uint g = 0; g < GATES; ++g) u[g] = sum[r * GATES + g];
          advance(r, direction() == 0 ? s : length[r] - 1 - s, unit_of(pass), owns(pass), u, h[i], c[i], next[i], c[i]);
        }
      }
    }
    [[unroll]] for (uint i = 0; i < PASSES * ROWS; ++i) h[i] = next[i];
  }

  [[unroll]] for (uint r = 0; r < ROWS; ++r) {
    if (row_of(r) >= p.batch) continue;
    [[unroll]] for (uint pass = 0; pass < PASSES; ++pass) {
      const uint at = ends_of(r) + 4 * unit_of(pass), i = pass * ROWS + r;
      if (owns(pass))
        for (uint channel = 0; channel < 4; ++channel) {
          hn[at + channel] = STORE(h[i][channel]);
          if (GATES == 4) cn[at + channel] = STORE(c[i][channel]);
        }
    }
    write_rest(r);
  }
}
