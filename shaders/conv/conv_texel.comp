// Convolution as a product of matrices for CPU drivers: y = final(residual + scale ⊙ act(x ∗ W + bias)). Rows are
// output pixels, k runs over the window and then over the inputs of a group; nothing is gathered in memory.
// Beside conv_tiled: texels, as loads from storage buffers are loops over lanes on CPU drivers.
// Variants: texel
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#include "shaders/common/activation.glsl"
#include "shaders/common/storage.glsl"
#include "shaders/common/tile_texel.glsl"
#include "shaders/conv/conv.h"
layout(constant_id = 4) const bool FOURS = true;  // columns are a multiple of four
#define EPILOGUE 5
#include "shaders/common/epilogue_texel.glsl"

layout(push_constant) uniform Block { ConvPush p; };
layout(binding = 0) uniform textureBuffer x;  // [images, height, width, inputs / 4]

void main() {
  const int columns4 = int(p.columns4), group_columns4 = columns4 / int(p.groups);
  const int inputs4 = int(p.inputs / 4), depth4 = inputs4 / int(p.groups);
  const int height = int(p.height), width = int(p.width);
  const uint blocks = (group_columns4 + COLUMNS - 1) / COLUMNS;  // of a group's columns
  const int group = int(gl_WorkGroupID.x / blocks);
  const int in_group = int(gl_WorkGroupID.x % blocks * COLUMNS + tile_lane() % COLUMNS);
  const int column = group * group_columns4 + min(in_group, group_columns4 - 1);  // lanes beyond fetch along
  const uint m = p.images * p.out_height * p.out_width;
  const uint first_row = tile_first_row(gl_WorkGroupID.y + gl_WorkGroupID.z * gl_NumWorkGroups.y);

  int x_row[FETCHES], x_col[FETCHES], x_image[FETCHES];  // where the window of a row fetched begins
  for (uint f = 0; f < FETCHES; ++f) {
    const uint pixel = min(first_row + tile_own_row(f), m - 1);
    x_col[f] = int(pixel % p.out_width * p.stride) - int(p.left);
    x_row[f] = int(pixel / p.out_width % p.out_height * p.stride) - int(p.top);
    x_image[f] = int(pixel / p.out_width / p.out_height) * height;
  }
  tile_clear();
  int w_at = column;
  for (int tap_row = 0; tap_row < int(p.window_height); ++tap_row)
    for (int tap_col = 0; tap_col < int(p.window_width); ++tap_col) {
      int x_at[FETCHES];
      bool inside[FETCHES];
      for (uint f = 0; f < FETCHES; ++f) {
        const int row = x_row[f] + tap_row * int(p.dilation), col = x_col[f] + tap_col * int(p.dilation);
        inside[f] = row >= 0 && row < height && col >= 0 && col < width;
        x_at[f] = inside[f] ? ((x_image[f] + row) * width + col) * inputs4 + group * depth4 : 0;
      }
      for (int k4 = 0; k4 < depth4; ++k4) {
        vec4 x_own[FETCHES];
        for (uint f = 0; f < FETCHES; ++f) {
          x_own[f] = texelFetch(x, x_at[f] + k4);
          if (!inside[f]) x_own[f] = vec4(0);
        }
        tile_multiply(x_own, w_at, columns4);
        w_at += 4 * columns4;
      }
    }

  if (in_group >= group_columns4) return;
  const vec4 b = bias_of(column), s = scale_of(column);
  for (uint r = 0; r < ROWS; ++r) {
    if (first_row + r >= m) break;
    const int row = int(first_row + r);
    if (FOURS)
      store_four(row * columns4 + column, b, s, sum[r]);
    else
      store_some(row, column, int(p.columns), b, s, sum[r]);
  }
}
