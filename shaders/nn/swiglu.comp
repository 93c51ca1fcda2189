// SwiGLU (Shazeer 2020, eq. 5): x [rows, 2 · hidden] → y = silu(first half) ⊙ second half.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/nn/swiglu.h"

layout(constant_id = 0) const uint GROUP = 64;

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { SwigluPush p; };
layout(binding = 0) readonly buffer X { STORE x[]; };
layout(binding = 1) writeonly buffer Y { STORE y[]; };

void main() {
  const uint c = gl_GlobalInvocationID.x, row = gl_WorkGroupID.z * gl_NumWorkGroups.y + gl_WorkGroupID.y;
  if (c >= p.hidden || row >= p.rows) return;
  const float gate = float(x[row * 2 * p.hidden + c]), value = float(x[(row * 2 + 1) * p.hidden + c]);
  y[row * p.hidden + c] = STORE(gate / (1.0 + exp(-gate)) * value);
}
