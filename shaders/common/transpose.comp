// y[image, j, i] = scale_j · x[image, i, j], rows of y padded with zeros. A lane turns a block of four rows of x by one
// unit: four columns, or one where b is not a multiple of four. WIDEN stores fp32 whatever x is.
// Variants: buffer texel
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/common/units.glsl"
#include "shaders/common/transpose.h"

layout(constant_id = 3) const bool OUT_FOURS = true;  // width is a multiple of four
layout(constant_id = 4) const bool WIDEN = false;
layout(constant_id = 5) const bool HAS_SCALE = false;

layout(push_constant) uniform Block { TransposePush p; };
UNITS_IN(0, x, STORE, STORE4)  // [images, a, b]
layout(binding = 1) writeonly buffer Y { STORE y[]; };
layout(binding = 1) writeonly buffer Y4 { STORE4 y4[]; };
layout(binding = 1) writeonly buffer Wide { float wide[]; };
layout(binding = 1) writeonly buffer Wide4 { vec4 wide4[]; };
layout(binding = 2) readonly buffer Scale { float scale[]; };  // [b]

void main() {
  const uint step = FOURS ? 4 : 1, units = p.b / step;
  const uint unit = global_x(), image = gl_WorkGroupID.z;
  if (unit >= units) return;
  for (uint i = gl_WorkGroupID.y * 4; i < p.width; i += gl_NumWorkGroups.y * 4) {
    vec4 block[4];
    for (uint r = 0; r < 4; ++r) {
      block[r] = vec4(0);
      if (i + r < p.a) block[r] = x((image * p.a + i + r) * units + unit);
    }
    for (uint c = 0; c < step; ++c) {
      vec4 row = vec4(block[0][c], block[1][c], block[2][c], block[3][c]);
      if (HAS_SCALE) row *= scale[unit * step + c];
      const uint at = (image * p.b + unit * step + c) * p.width + i;
      if (OUT_FOURS) {
        if (WIDEN) wide4[at / 4] = row;
        else y4[at / 4] = STORE4(row);
      } else {
        for (uint r = 0; r < 4 && i + r < p.width; ++r) {
          if (WIDEN) wide[at + r] = row[r];
          else y[at + r] = STORE(row[r]);
        }
      }
    }
  }
}
