// A whole sequence of LSTM or GRU cells in one dispatch. States lie in shared memory; a lane owns units of hidden
// channels and reads their recurrent weights once a step for all rows.
// Variants: buffer texel
#version 450
#extension GL_GOOGLE_include_directive : require
#ifdef TEXELS
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#endif
#extension GL_EXT_control_flow_attributes : require
#include "shaders/common/activation.glsl"
#include "shaders/common/storage.glsl"
#include "shaders/common/units.glsl"
#include "shaders/sequence/recurrent.h"

layout(constant_id = 5) const uint LANES = 1;  // of a subgroup, that each fetch a state and hand it round
#include "shaders/sequence/recurrent_io.glsl"

shared float states[2 * STATES], cells[STATES];

vec4 state(uint at) {
  return FOURS ? vec4(states[at], states[at + 1], states[at + 2], states[at + 3]) : vec4(states[at]);
}
vec4 cell(uint at) {
  return FOURS ? vec4(cells[at], cells[at + 1], cells[at + 2], cells[at + 3]) : vec4(cells[at]);
}

void main() {
  const uint lane = gl_LocalInvocationIndex;
  uint length[ROWS], longest = 0;
  for (uint r = 0; r < ROWS; ++r) {
    length[r] = length_of(r);
    longest = max(longest, length[r]);
  }
  for (uint i = lane; i < STATES; i += GROUP) {
    const uint at = ends_of(i / HIDDEN) + i % HIDDEN;
    states[i] = HAS_START ? float(h0[at]) : 0.0;
    cells[i] = HAS_START && GATES == 4 ? float(c0[at]) : 0.0;
  }
  barrier();

  uint now = 0;
  for (uint s = 0; s < longest; ++s) {
    for (uint base = 0; base < UNITS; base += GROUP) {
      const uint unit = min(base + lane, UNITS - 1);  // lanes beyond fetch along
      vec4 sum[ROWS * GATES];
      [[unroll]] for (uint g = 0; g < GATES; ++g) {
        const vec4 b = bias(direction() * W_ROW + g * UNITS + unit);
        [[unroll]] for (uint r = 0; r < ROWS; ++r) sum[r * GATES + g] = b;
      }
      for (uint k = 0; k < HIDDEN; k += LANES) {
#ifdef TEXELS
        const uint mine = k + gl_SubgroupInvocationID % LANES;
        float own[ROWS];
        [[unroll]] for (uint r = 0; r < ROWS; ++r) own[r] = mine < HIDDEN ? states[now + r * HIDDEN + mine] : 0.0;
#endif
        [[unroll]] for (uint j = 0; j < LANES; ++j) {
          const uint at = (direction() * HIDDEN + min(k + j, HIDDEN - 1)) * W_ROW + unit;
          vec4 weight[GATES];
          [[unroll]] for (uint g = 0; g < GATES; ++g) weight[g] = w(at + g * UNITS);
          [[unroll]] for (uint r = 0; r < ROWS; ++r) {
#ifdef TEXELS
            const float h = subgroupShuffle(own[r], j);
#else
            const float h = states[now + r * HIDDEN + k];  // LANES is 1
#endif
            [[unroll]] for (uint g = 0; g < GATES; ++g) sum[r * GATES + g] += h * weight[g];
          }
        }
      }
      if (base + lane >= UNITS) continue;
      for (uint r = 0; r < ROWS; ++r) {
        const uint in_row = r * HIDDEN + unit * CHANNELS, next = STATES - now + in_row;
        if (s < length[r]) {
          vec4 u[4], h, c;
          for (uint g = 0; g < GATES; ++g) u[g] = sum[r * GATES + g];
          advance(r, direction() == 0 ? s : length[r] - 1 - s, unit, true, u, state(now + in_row), cell(in_row), h, c);
          for (uint i = 0; i < CHANNELS; ++i) {
            states[next + i] = h[i];
            cells[in_row + i] = c[i];
          }
        } else {
          for (uint i = 0; i < CHANNELS; ++i) states[next + i] = states[now + in_row + i];
        }
      }
    }
    now = STATES - now;
    barrier();
  }

  for (uint r = 0; r < ROWS && row_of(r) < p.batch; ++r) {
    for (uint i = lane; i < HIDDEN; i += GROUP) {
      hn[ends_of(r) + i] = STORE(states[now + r * HIDDEN + i]);
      if (GATES == 4) cn[ends_of(r) + i] = STORE(cells[r * HIDDEN + i]);
    }
    write_rest(r);
  }
}
