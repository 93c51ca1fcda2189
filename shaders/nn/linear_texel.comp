// y = final(residual + scale ⊙ act(x Wᵀ + bias)), for CPU drivers.
// Beside linear_tiled: texels, as loads from storage buffers are loops over lanes on CPU drivers.
// Variants: texel
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#include "shaders/common/activation.glsl"
#include "shaders/common/storage.glsl"
#include "shaders/common/tile_texel.glsl"
#include "shaders/nn/linear.h"
#define EPILOGUE 4
#include "shaders/common/epilogue_texel.glsl"

layout(push_constant) uniform Block { LinearPush p; };
layout(binding = 0) uniform textureBuffer x;  // [m, k / 4]

void main() {
  const int columns4 = int(p.columns4), k4_count = int(p.k / 4);
  const int column = int(gl_WorkGroupID.x * COLUMNS + tile_lane() % COLUMNS);
  const uint first_row = tile_first_row(gl_WorkGroupID.y);

  int x_row[FETCHES];
  for (uint f = 0; f < FETCHES; ++f) x_row[f] = int(min(first_row + tile_own_row(f), p.m - 1)) * k4_count;
  tile_clear();
  int w_at = min(column, columns4 - 1);  // lanes beyond the last column fetch along
  for (int k4 = 0; k4 < k4_count; ++k4) {
    vec4 x_own[FETCHES];
    for (uint f = 0; f < FETCHES; ++f) x_own[f] = texelFetch(x, x_row[f] + k4);
    tile_multiply(x_own, w_at, columns4);
    w_at += 4 * columns4;
  }

  if (column >= columns4) return;
  const vec4 b = bias_of(column), s = scale_of(column);
  for (uint r = 0; r < ROWS; ++r) {
    if (first_row + r >= p.m) break;
    store_four(int(first_row + r) * columns4 + column, b, s, sum[r]);
  }
}
