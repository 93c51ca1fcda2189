// Patches as rows, in the order of a convolution's weights: x [images, channels, height, width] →
// y [images, patches, channels · patch_rows · patch_cols]. Pixels beyond the last whole patch are left out.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/nn/patch_gather.h"

layout(constant_id = 0) const uint GROUP = 64;

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { PatchGatherPush p; };
layout(binding = 0) readonly buffer X { STORE x[]; };
layout(binding = 1) writeonly buffer Y { STORE y[]; };

void main() {
  // One lane an element of a patch; patches along y, images along z.
  const uint row = p.channels * p.patch_rows * p.patch_cols;
  const uint e = gl_GlobalInvocationID.x;
  if (e >= row) return;
  const uint grid_cols = p.width / p.patch_cols, patches = grid_cols * (p.height / p.patch_rows);
  const uint patch_index = gl_WorkGroupID.y, image = gl_WorkGroupID.z;
  const uint channel = e / (p.patch_rows * p.patch_cols), in_patch = e % (p.patch_rows * p.patch_cols);
  const uint pixel_row = patch_index / grid_cols * p.patch_rows + in_patch / p.patch_cols;
  const uint pixel_col = patch_index % grid_cols * p.patch_cols + in_patch % p.patch_cols;
  y[(image * patches + patch_index) * row + e] =
      x[((image * p.channels + channel) * p.height + pixel_row) * p.width + pixel_col];
}
