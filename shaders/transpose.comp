// y[image, j, i] = x[image, i, j], rows of y padded with zeros. A lane turns a block of four rows of x by four
// columns, or by one where b is not a multiple of four.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common/storage.glsl"
#include "transpose.h"

layout(constant_id = 0) const uint GROUP = 64;
layout(constant_id = 1) const bool FOURS = true;      // b is a multiple of four
layout(constant_id = 2) const bool OUT_FOURS = true;  // width is a multiple of four

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { TransposePush p; };
layout(binding = 0) readonly buffer X { STORE x[]; };
layout(binding = 0) readonly buffer X4 { STORE4 x4[]; };
layout(binding = 1) writeonly buffer Y { STORE y[]; };
layout(binding = 1) writeonly buffer Y4 { STORE4 y4[]; };

void main() {
  const uint step = FOURS ? 4 : 1;
  const uint j = gl_GlobalInvocationID.x * step, image = gl_WorkGroupID.z;
  if (j >= p.b) return;
  for (uint i = gl_WorkGroupID.y * 4; i < p.width; i += gl_NumWorkGroups.y * 4) {
    vec4 block[4];
    for (uint r = 0; r < 4; ++r) {
      block[r] = vec4(0);
      if (i + r >= p.a) continue;
      const uint at = (image * p.a + i + r) * p.b + j;
      if (FOURS) block[r] = vec4(x4[at / 4]);
      else block[r].x = float(x[at]);
    }
    for (uint c = 0; c < step; ++c) {
      const vec4 row = vec4(block[0][c], block[1][c], block[2][c], block[3][c]);
      const uint at = (image * p.b + j + c) * p.width + i;
      if (OUT_FOURS) y4[at / 4] = STORE4(row);
      else
        for (uint r = 0; r < 4 && i + r < p.width; ++r) y[at + r] = STORE(row[r]);
    }
  }
}
