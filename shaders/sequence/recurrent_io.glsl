// What kernels of whole recurrent sequences read and write. A workgroup has one direction of ROWS rows.
layout(constant_id = 3) const uint ROWS = 1;
layout(constant_id = 4) const uint STATES = 64;  // ROWS times hidden channels
layout(constant_id = 6) const uint GATES = 4;
layout(constant_id = 7) const bool HAS_START = true;  // else states begin at zero
layout(constant_id = 8) const bool HAS_LENGTHS = true;
layout(constant_id = 9) const bool SAVE = true;  // what a gradient needs
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

uint direction() { return gl_WorkGroupID.y; }
uint row_of(uint r) { return gl_WorkGroupID.x * ROWS + r; }
// Steps that a row of the workgroup takes.
uint length_of(uint r) {
  if (row_of(r) >= p.batch) return 0;
  return HAS_LENGTHS ? min(lengths[row_of(r)], p.steps) : p.steps;
}
// Where a row's first and last states of this direction lie.
uint ends_of(uint r) {
  return min(row_of(r), p.batch - 1) * p.state_row + p.state_first + direction() * HIDDEN;
}
uint step_at(uint r, uint t) { return (row_of(r) * p.steps + t) * p.directions + direction(); }

void write_trace(uint i, vec4 value) {
  if (FOURS) trace4[i] = value;
  else trace[i] = value.x;
}

// Step t of a row from its states and recurrent products u: what comes of one unit, written too where `own`.
void advance(uint r, uint t, uint unit, bool own, vec4 u[4], vec4 h_before, vec4 c_before, out vec4 h, out vec4 c) {
  const uint at = step_at(r, t);
  vec4 given[4], parts[4];
  for (uint g = 0; g < GATES; ++g) given[g] = x((at * GATES + g) * UNITS + unit);
  step_cell(given, u, h_before, c_before, h, c, parts);
  if (!own) return;
  write_y(at * UNITS + unit, h);
  if (SAVE) {
    for (uint i = 0; i < 4; ++i) write_trace((at * TRACE + i) * UNITS + unit, parts[i]);
    if (GATES == 4) write_trace((at * TRACE + 4) * UNITS + unit, c_before);
    write_trace((at * TRACE + TRACE - 1) * UNITS + unit, h_before);
  }
}

// Zeros beyond a row's length.
void write_rest(uint r) {
  for (uint t = length_of(r); t < p.steps; ++t) {
    const uint at = step_at(r, t);
    for (uint unit = gl_LocalInvocationIndex; unit < UNITS; unit += GROUP) write_y(at * UNITS + unit, vec4(0));
    if (SAVE)
      for (uint i = gl_LocalInvocationIndex; i < TRACE * UNITS; i += GROUP) write_trace(at * TRACE * UNITS + i, vec4(0));
  }
}
