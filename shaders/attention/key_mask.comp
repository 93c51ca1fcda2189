// A mask of keys as it is added to logits, one row for all heads and queries: 0 for a key that is seen, else −∞.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/attention/key_mask.h"
layout(constant_id = 0) const uint GROUP = 64;
layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { KeyMaskPush p; };
layout(binding = 0) readonly buffer Words { uint words[]; };   // [images, keys]
layout(binding = 1) writeonly buffer Mask { float mask[]; };   // [images, keys rounded up to 4]

const float HIDDEN = -3e38;

void main() {
  const uint key = gl_GlobalInvocationID.x, image = gl_WorkGroupID.y, row = (p.keys + 3) / 4 * 4;
  if (key >= row) return;
  const bool seen = key < p.keys && (words[image * p.keys + key] != 0) == (p.seen != 0);
  mask[image * row + key] = seen ? 0.0 : HIDDEN;
}
