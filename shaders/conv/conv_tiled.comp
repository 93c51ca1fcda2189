// Convolution as a product of matrices: y = final(residual + scale ⊙ act(x ∗ W + bias)). Rows are output pixels, k
// runs over the window and then over the inputs of a group; tiles in shared memory, nothing gathered beyond.
// Columns of a group are a multiple of four where there is more than one group.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/activation.glsl"
#include "shaders/common/storage.glsl"
#include "shaders/common/tile_shared.glsl"
#include "shaders/conv/conv.h"
layout(constant_id = 4) const bool FOURS = true;  // inputs of a group are a multiple of four
#define EPILOGUE 5
#include "shaders/common/epilogue_storage.glsl"

layout(push_constant) uniform Block { ConvPush p; };
layout(binding = 0) readonly buffer X { STORE x[]; };  // [images, height, width, inputs]
layout(binding = 0) readonly buffer X4 { STORE4 x4[]; };

// Where the window of each row that this thread loads begins.
int x_row[LOADS], x_col[LOADS];
uint x_image[LOADS];  // its first pixel

// Element of x under `tap` of the window in load i, first input of the group; negative in the padding.
int x_at(uint i, uint tap, uint group) {
  const int row = x_row[i] + int(tap / p.window_width * p.dilation), col = x_col[i] + int(tap % p.window_width * p.dilation);
  if (row < 0 || row >= int(p.height) || col < 0 || col >= int(p.width)) return -1;
  return int((x_image[i] + uint(row) * p.width + uint(col)) * p.inputs + group * (p.inputs / p.groups));
}

vec4 load_x(uint i, uint k, uint group, uint depth, uint k_count) {
  vec4 value = vec4(0);
  if (FOURS) {
    const int at = k < k_count ? x_at(i, k / depth, group) : -1;
    if (at >= 0) value = vec4(x4[(uint(at) + k % depth) / 4]);
  } else {
    for (uint c = 0; c < 4; ++c) {
      const int at = k + c < k_count ? x_at(i, (k + c) / depth, group) : -1;
      if (at >= 0) value[c] = float(x[uint(at) + (k + c) % depth]);
    }
  }
  return value;
}

void main() {
  const uint depth = p.inputs / p.groups, k_count = p.window_height * p.window_width * depth;
  const uint group_columns4 = p.columns4 / p.groups, blocks = (group_columns4 + TILE_N4 - 1) / TILE_N4;
  const uint group = gl_WorkGroupID.x / blocks;
  const uint first_column = group * group_columns4 + gl_WorkGroupID.x % blocks * TILE_N4;
  const uint end_column = (group + 1) * group_columns4;
  const uint m = p.images * p.out_height * p.out_width;
  const uint first_row = (gl_WorkGroupID.y + gl_WorkGroupID.z * gl_NumWorkGroups.y) * TILE_M;
  for (uint i = 0; i < LOADS; ++i) {
    const uint pixel = min(first_row + tile_x_row(i), m - 1);
    x_col[i] = int(pixel % p.out_width * p.stride) - int(p.left);
    x_row[i] = int(pixel / p.out_width % p.out_height * p.stride) - int(p.top);
    x_image[i] = pixel / p.out_width / p.out_height * p.height * p.width;
  }
  tile_clear();
  for (uint k = 0; k < k_count; k += DEPTH) {
    for (uint i = 0; i < LOADS; ++i) tile_keep_x(i, load_x(i, k + tile_x_k(), group, depth, k_count));
    tile_load_w(first_column, end_column, k, k_count, p.columns4);
    tile_multiply();
  }
  const uint column = first_column + tile_own_column();
  if (column >= end_column) return;
  for (uint r = 0; r < ROWS; ++r) {
    const uint row = first_row + tile_own_row() + r;
    if (row < m) store_four(row, column, p.columns, p.columns % 4 == 0, sum[r]);
  }
}
