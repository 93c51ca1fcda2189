// Convolution in groups of any size: y = final(residual + scale ⊙ act(x ∗ W + bias)), one lane a pixel and four
// columns, which may fall into different groups. For what the faster kernels leave over.
// Beside conv_tiled: channel counts and groups that do not divide into fours, where tiles would be mostly empty.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/activation.glsl"
#include "shaders/common/storage.glsl"
#include "shaders/conv/conv.h"

layout(constant_id = 0) const uint GROUP = 64;
#define EPILOGUE 1
#include "shaders/common/epilogue_storage.glsl"

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { ConvPush p; };
layout(binding = 0) readonly buffer X { STORE x[]; };   // [images, height, width, inputs]
layout(binding = 1) readonly buffer W { STORE4 w[]; };  // [window_height, window_width, inputs / groups, columns4]

void main() {
  const uint column4 = gl_GlobalInvocationID.x % p.columns4, col = gl_GlobalInvocationID.x / p.columns4;
  const uint row = gl_WorkGroupID.y, image = gl_WorkGroupID.z;
  if (col >= p.out_width) return;
  const uint depth = p.inputs / p.groups, breadth = p.columns / p.groups;
  uint first[4];
  for (uint c = 0; c < 4; ++c) first[c] = min(column4 * 4 + c, p.columns - 1) / breadth * depth;

  vec4 sum = vec4(0);
  for (uint tap_row = 0; tap_row < p.window_height; ++tap_row) {
    const int x_row = int(row * p.stride + tap_row * p.dilation) - int(p.top);
    if (x_row < 0 || x_row >= int(p.height)) continue;
    for (uint tap_col = 0; tap_col < p.window_width; ++tap_col) {
      const int x_col = int(col * p.stride + tap_col * p.dilation) - int(p.left);
      if (x_col < 0 || x_col >= int(p.width)) continue;
      const uint pixel = ((image * p.height + uint(x_row)) * p.width + uint(x_col)) * p.inputs;
      uint w_at = (tap_row * p.window_width + tap_col) * depth * p.columns4 + column4;
      for (uint k = 0; k < depth; ++k) {
        vec4 value;
        for (uint c = 0; c < 4; ++c) value[c] = float(x[pixel + first[c] + k]);
        sum += value * vec4(w[w_at]);
        w_at += p.columns4;
      }
    }
  }
  store_four((image * p.out_height + row) * p.out_width + col, column4, p.columns, p.columns % 4 == 0, sum);
}
