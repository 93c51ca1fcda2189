// One step of a direction of LSTM or GRU cells, from the recurrent product that a linear layer made. START writes the
// states that a direction begins with instead.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/activation.glsl"
#include "shaders/common/storage.glsl"
#include "shaders/common/units.glsl"
#include "shaders/sequence/recurrent.h"

layout(constant_id = 3) const uint GATES = 4;
layout(constant_id = 4) const bool START = false;
layout(constant_id = 5) const bool HAS_START = true;
layout(constant_id = 6) const bool HAS_LENGTHS = true;
layout(constant_id = 7) const bool SAVE = true;
#include "shaders/sequence/recurrent_cell.glsl"

layout(push_constant) uniform Block { RecurrentStepPush p; };
UNITS_IN(0, x, STORE, STORE4)  // [batch, steps, directions, GATES, units]; to START: h_0, as RecurrentPush has it
UNITS_IN(1, u, STORE, STORE4)  // [batch, GATES, units], with its bias; to START: c_0
UNITS_IN(2, h, STORE, STORE4)  // [batch, units], before the step
layout(binding = 3) buffer Cell { float cell[]; };  // [batch, units]
layout(binding = 3) buffer Cell4 { vec4 cell4[]; };
layout(binding = 4) readonly buffer Lengths { uint lengths[]; };
UNITS_OUT(5, y)       // [batch, steps, directions, units]
UNITS_OUT(6, h_next)  // [batch, units]
UNITS_OUT(7, hn)
UNITS_OUT(8, cn)
layout(binding = 9) writeonly buffer Trace { float trace[]; };  // [batch, steps, directions, TRACE, units]
layout(binding = 9) writeonly buffer Trace4 { vec4 trace4[]; };

void write_trace(uint i, vec4 value) {
  if (FOURS) trace4[i] = value;
  else trace[i] = value.x;
}
void write_cell(uint i, vec4 value) {
  if (FOURS) cell4[i] = value;
  else cell[i] = value.x;
}

void main() {
  const uint channels = FOURS ? 4 : 1, units = p.all.hidden / channels, unit = global_x();
  if (unit >= units) return;
  for (uint row = global_y(); row < p.all.batch; row += gl_NumWorkGroups.y * GROUP_Y) {
    const uint own = row * units + unit;
    const uint ends = (row * p.all.state_row + p.all.state_first + p.direction * p.all.hidden) / channels + unit;
    if (START) {
      const vec4 h_first = HAS_START ? x(ends) : vec4(0), c_first = HAS_START && GATES == 4 ? u(ends) : vec4(0);
      write_h_next(own, h_first);
      write_cell(own, c_first);
      write_hn(ends, h_first);
      if (GATES == 4) write_cn(ends, c_first);
      continue;
    }
    const uint length = HAS_LENGTHS ? min(lengths[row], p.all.steps) : p.all.steps;
    const bool runs = p.step < length;
    const uint t = runs && p.direction != 0 ? length - 1 - p.step : p.step;
    const uint at = (row * p.all.steps + t) * p.all.directions + p.direction;
    const vec4 h_before = h(own), c_before = FOURS ? cell4[own] : vec4(cell[own]);
    vec4 given[4], product[4], h_after, c_after, parts[4];
    for (uint g = 0; g < GATES; ++g) {
      given[g] = x((at * GATES + g) * units + unit);
      product[g] = u((row * GATES + g) * units + unit);
    }
    step_cell(given, product, h_before, c_before, h_after, c_after, parts);
    write_h_next(own, runs ? h_after : h_before);
    if (runs) write_cell(own, c_after);
    write_y(at * units + unit, runs ? h_after : vec4(0));
    if (p.step + 1 == length) {
      write_hn(ends, h_after);
      if (GATES == 4) write_cn(ends, c_after);
    }
    if (SAVE) {
      for (uint i = 0; i < 4; ++i) write_trace((at * TRACE + i) * units + unit, runs ? parts[i] : vec4(0));
      if (GATES == 4) write_trace((at * TRACE + 4) * units + unit, runs ? c_before : vec4(0));
      write_trace((at * TRACE + TRACE - 1) * units + unit, runs ? h_before : vec4(0));
    }
  }
}
