// The gradient of one step of a direction of LSTM or GRU cells, from the last step to the first: from that by what the
// step gives to that by what its gates were given, of inputs (dx) and of the recurrent product (du), and what of the
// state's passes the product by.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/activation.glsl"
#include "shaders/common/units.glsl"
#include "shaders/sequence/recurrent.h"

layout(constant_id = 3) const uint GATES = 4;
layout(constant_id = 4) const bool HAS_DH = true;  // else dh and dc are zero before this step
layout(constant_id = 5) const bool HAS_DC = true;
layout(constant_id = 6) const bool HAS_LENGTHS = true;
#include "shaders/sequence/recurrent_cell.glsl"

layout(push_constant) uniform Block { RecurrentStepPush p; };
UNITS_IN(0, trace, float, vec4)  // [batch, steps, directions, TRACE, units]
UNITS_IN(1, dy, float, vec4)     // [batch, steps, directions, units]
UNITS_IN(2, dh, float, vec4)     // [batch, units], from the steps after this one
layout(binding = 3) buffer Dc { float dc_one[]; };  // [batch, units]
layout(binding = 3) buffer Dc4 { vec4 dc_four[]; };
layout(binding = 4) readonly buffer Lengths { uint lengths[]; };
layout(binding = 5) writeonly buffer Dx { float dx_one[]; };  // [batch, steps, directions, GATES, units]
layout(binding = 5) writeonly buffer Dx4 { vec4 dx_four[]; };
layout(binding = 6) writeonly buffer Dus { float dus_one[]; };  // the same of GRU's recurrent product
layout(binding = 6) writeonly buffer Dus4 { vec4 dus_four[]; };
layout(binding = 7) writeonly buffer Du { float du_one[]; };  // [batch, GATES, units]
layout(binding = 7) writeonly buffer Du4 { vec4 du_four[]; };
layout(binding = 8) writeonly buffer Past { float past_one[]; };  // [batch, units]
layout(binding = 8) writeonly buffer Past4 { vec4 past_four[]; };

void main() {
  const uint channels = FOURS ? 4 : 1, units = p.all.hidden / channels, unit = global_x();
  if (unit >= units) return;
  for (uint row = global_y(); row < p.all.batch; row += gl_NumWorkGroups.y * GROUP_Y) {
    const uint length = HAS_LENGTHS ? min(lengths[row], p.all.steps) : p.all.steps, own = row * units + unit;
    const bool runs = p.step < length;
    const uint t = runs && p.direction != 0 ? length - 1 - p.step : p.step;
    const uint at = (row * p.all.steps + t) * p.all.directions + p.direction;
    const vec4 later = HAS_DH ? dh(own) : vec4(0);
    vec4 dc = HAS_DC ? (FOURS ? dc_four[own] : vec4(dc_one[own])) : vec4(0);
    vec4 gates[4], product[4], past = later;
    for (uint g = 0; g < 4; ++g) gates[g] = product[g] = vec4(0);
    if (runs) {
      vec4 part[6];
      for (uint i = 0; i < TRACE; ++i) part[i] = trace((at * TRACE + i) * units + unit);
      const vec4 grad = later + dy(at * units + unit);
      if (GATES == 4) {
        const vec4 i = part[0], f = part[1], g = part[2], o = part[3], c_before = part[4];
        const vec4 out_of = hyperbolic(f * c_before + i * g);
        dc += grad * o * (1.0 - out_of * out_of);
        gates[0] = dc * g * i * (1.0 - i);
        gates[1] = dc * c_before * f * (1.0 - f);
        gates[2] = dc * i * (1.0 - g * g);
        gates[3] = grad * out_of * o * (1.0 - o);
        dc *= f;
        past = vec4(0);
        for (uint k = 0; k < 4; ++k) product[k] = gates[k];
      } else {
        const vec4 r = part[0], z = part[1], n = part[2], u = part[3], h_before = part[TRACE - 1];
        gates[2] = grad * (1.0 - z) * (1.0 - n * n);
        gates[1] = grad * (h_before - n) * z * (1.0 - z);
        gates[0] = gates[2] * u * r * (1.0 - r);
        product[0] = gates[0];
        product[1] = gates[1];
        product[2] = gates[2] * r;
        past = grad * z;
      }
    }
    if (FOURS) {
      dc_four[own] = dc;
      past_four[own] = past;
    } else {
      dc_one[own] = dc.x;
      past_one[own] = past.x;
    }
    for (uint g = 0; g < GATES; ++g) {
      const uint all = (at * GATES + g) * units + unit, one = (row * GATES + g) * units + unit;
      if (FOURS) {
        dx_four[all] = gates[g];
        if (GATES == 3) dus_four[all] = product[g];
        du_four[one] = product[g];
      } else {
        dx_one[all] = gates[g].x;
        if (GATES == 3) dus_one[all] = product[g].x;
        du_one[one] = product[g].x;
      }
    }
  }
}
