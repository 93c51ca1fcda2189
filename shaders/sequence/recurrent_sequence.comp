// A whole sequence of LSTM or GRU cells in one dispatch. A workgroup has one direction of ROWS rows, whose states lie
// in shared memory; a lane owns units of hidden channels and reads their recurrent weights once a step for all rows.
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

layout(constant_id = 3) const uint ROWS = 1;
layout(constant_id = 4) const uint STATES = 64;       // ROWS times hidden channels
layout(constant_id = 5) const uint LANES = 1;         // of a subgroup, that each fetch a state and hand it round
layout(constant_id = 6) const uint GATES = 4;
layout(constant_id = 7) const bool HAS_START = true;  // else states begin at zero
layout(constant_id = 8) const bool HAS_LENGTHS = true;
layout(constant_id = 9) const bool SAVE = true;       // what a gradient needs
#include "shaders/sequence/recurrent_cell.glsl"

layout(push_constant) uniform Block { RecurrentPush p; };
UNITS_IN(0, x, STORE, STORE4)   // [batch, steps, directions, GATES, units], of inputs with their biases
UNITS_IN(1, w, STORE, STORE4)   // [directions, hidden, W_ROW], a row of it [GATES, units]
UNITS_IN(2, bias, float, vec4)  // [directions, W_ROW]
layout(binding = 3) readonly buffer H0 { STORE h0[]; };
layout(binding = 4) readonly buffer C0 { STORE c0[]; };
layout(binding = 5) readonly buffer Lengths { uint lengths[]; };  // [batch]
UNITS_OUT(6, y)                 // [batch, steps, directions, units], zeros beyond a row's length
layout(binding = 7) writeonly buffer Hn { STORE hn[]; };
layout(binding = 8) writeonly buffer Cn { STORE cn[]; };
layout(binding = 9) writeonly buffer Trace { float trace[]; };  // [batch, steps, directions, TRACE, units]
layout(binding = 9) writeonly buffer Trace4 { vec4 trace4[]; };

const uint HIDDEN = STATES / ROWS;
const uint CHANNELS = FOURS ? 4 : 1;  // of a unit
const uint UNITS = HIDDEN / CHANNELS;
const uint W_ROW = FOURS ? GATES * UNITS : (GATES * UNITS + 3) / 4 * 4;  // as linear layers pack them
shared float states[2 * STATES], cells[STATES];

void write_trace(uint i, vec4 value) {
  if (FOURS) trace4[i] = value;
  else trace[i] = value.x;
}
vec4 state(uint at) {
  return FOURS ? vec4(states[at], states[at + 1], states[at + 2], states[at + 3]) : vec4(states[at]);
}
vec4 cell(uint at) {
  return FOURS ? vec4(cells[at], cells[at + 1], cells[at + 2], cells[at + 3]) : vec4(cells[at]);
}

// A step of one row from the states at `now` to those at `next`.
void advance(uint row, uint t, uint unit, vec4 u[4], uint in_row, uint now, uint next) {
  const uint at = (row * p.steps + t) * p.directions + gl_WorkGroupID.y;
  vec4 given[4], h, c, parts[4];
  for (uint g = 0; g < GATES; ++g) given[g] = x((at * GATES + g) * UNITS + unit);
  const vec4 h_before = state(now + in_row), c_before = cell(in_row);
  step_cell(given, u, h_before, c_before, h, c, parts);
  for (uint i = 0; i < CHANNELS; ++i) {
    states[next + in_row + i] = h[i];
    cells[in_row + i] = c[i];
  }
  write_y(at * UNITS + unit, h);
  if (SAVE) {
    for (uint i = 0; i < 4; ++i) write_trace((at * TRACE + i) * UNITS + unit, parts[i]);
    if (GATES == 4) write_trace((at * TRACE + 4) * UNITS + unit, c_before);
    write_trace((at * TRACE + TRACE - 1) * UNITS + unit, h_before);
  }
}

void main() {
  const uint lane = gl_LocalInvocationIndex, direction = gl_WorkGroupID.y, first = gl_WorkGroupID.x * ROWS;
  uint length[ROWS], longest = 0;
  for (uint r = 0; r < ROWS; ++r) {
    length[r] = first + r >= p.batch ? 0 : HAS_LENGTHS ? min(lengths[first + r], p.steps) : p.steps;
    longest = max(longest, length[r]);
  }
  const uint start = p.state_first + direction * HIDDEN;
  for (uint i = lane; i < STATES; i += GROUP) {
    const uint at = min(first + i / HIDDEN, p.batch - 1) * p.state_row + start + i % HIDDEN;
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
        const vec4 b = bias(direction * W_ROW + g * UNITS + unit);
        [[unroll]] for (uint r = 0; r < ROWS; ++r) sum[r * GATES + g] = b;
      }
      for (uint k = 0; k < HIDDEN; k += LANES) {
#ifdef TEXELS
        const uint mine = k + gl_SubgroupInvocationID % LANES;
        float own[ROWS];
        [[unroll]] for (uint r = 0; r < ROWS; ++r) own[r] = mine < HIDDEN ? states[now + r * HIDDEN + mine] : 0.0;
#endif
        [[unroll]] for (uint j = 0; j < LANES; ++j) {
          const uint at = (direction * HIDDEN + min(k + j, HIDDEN - 1)) * W_ROW + unit;
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
        const uint in_row = r * HIDDEN + unit * CHANNELS, next = STATES - now;
        if (s < length[r]) {
          vec4 u[4];
          for (uint g = 0; g < GATES; ++g) u[g] = sum[r * GATES + g];
          advance(first + r, direction == 0 ? s : length[r] - 1 - s, unit, u, in_row, now, next);
        } else {
          for (uint i = 0; i < CHANNELS; ++i) states[next + in_row + i] = states[now + in_row + i];
        }
      }
    }
    now = STATES - now;
    barrier();
  }

  for (uint r = 0; r < ROWS && first + r < p.batch; ++r) {
    for (uint i = lane; i < HIDDEN; i += GROUP) {
      const uint at = (first + r) * p.state_row + start + i;
      hn[at] = STORE(states[now + r * HIDDEN + i]);
      if (GATES == 4) cn[at] = STORE(cells[r * HIDDEN + i]);
    }
    for (uint t = length[r]; t < p.steps; ++t) {
      const uint at = ((first + r) * p.steps + t) * p.directions + direction;
      for (uint unit = lane; unit < UNITS; unit += GROUP) write_y(at * UNITS + unit, vec4(0));
      if (SAVE)
        for (uint i = lane; i < TRACE * UNITS; i += GROUP) write_trace(at * TRACE * UNITS + i, vec4(0));
    }
  }
}
