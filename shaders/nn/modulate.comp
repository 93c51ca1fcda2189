// y = final(residual + act(scale ⊙ x + shift) ⊙ channel gate ⊙ spatial gate), a lane for one unit of several
// tokens.
// Variants: buffer texel
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/common/activation.glsl"
#include "shaders/common/units.glsl"
#include "shaders/nn/modulate.h"

layout(constant_id = 3) const uint ACTIVATION = 0;
layout(constant_id = 4) const bool HAS_SCALE = false;
layout(constant_id = 5) const bool HAS_SHIFT = false;
layout(constant_id = 6) const bool HAS_CHANNEL_GATE = false;
layout(constant_id = 7) const bool HAS_SPATIAL_GATE = false;
layout(constant_id = 8) const bool HAS_RESIDUAL = false;
layout(constant_id = 9) const uint FINAL = 0;

layout(push_constant) uniform Block { ModulatePush p; };
UNITS_IN(0, x, STORE, STORE4)             // [images, tokens, units]
UNITS_IN(1, scale, float, vec4)           // [units]
UNITS_IN(2, shift, float, vec4)           // [units]
UNITS_IN(3, channel_gate, STORE, STORE4)  // [images, units]
layout(binding = 4) readonly buffer SpatialGate { STORE spatial_gate[]; };  // [images, tokens, gate_step]
UNITS_IN(5, residual, STORE, STORE4)      // [images, tokens, units]
UNITS_OUT(6, y)

void main() {
  const uint unit = global_x(), image = gl_WorkGroupID.z;
  if (unit >= p.units) return;
  const vec4 a = HAS_SCALE ? scale(unit) : vec4(1);
  const vec4 b = HAS_SHIFT ? shift(unit) : vec4(0);
  const vec4 gate = HAS_CHANNEL_GATE ? channel_gate(image * p.units + unit) : vec4(1);
  for (uint i = global_y(); i < p.tokens; i += gl_NumWorkGroups.y * GROUP_Y) {
    const uint token = image * p.tokens + i, at = token * p.units + unit;
    vec4 value = activate(ACTIVATION, a * x(at) + b) * gate;
    if (HAS_SPATIAL_GATE) value *= float(spatial_gate[token * p.gate_step]);
    if (HAS_RESIDUAL) value += residual(at);
    write_y(at, activate(FINAL, value));
  }
}
