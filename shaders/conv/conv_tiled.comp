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
layout(binding = 0) readonly buffer X4 { PACKED4 x4[]; };

// Where the window of each row that this thread loads begins.
int x_row[LOADS], x_col[LOADS];
uint x_image[LOADS];  // its first pixel

// Element of x under `tap` of the window in load i, first input of the group; negative in the padding.
int x_at(uint i, uint tap, uint group) {
  const int row = x_row[i] + int(tap / p.window_width * p.dilation), col = x_col[i] + int(tap % p.window_width * p.dilation);
  if (row < 0 || row >= int(p.height) || col < 0 || col >= int(p.width)) return -1;
  return int((x_image[i] + uint(row) * p.width + uint(col)) * p.inputs + group * (p.inputs / p.groups));
}

PACKED4 x_next[LOADS];
bool x_inside[LOADS];
vec4 x_single[LOADS];  // where they are no fours

void fetch_x(uint k, uint group, uint depth, uint k_count) {
  [[unroll]] for (uint i = 0; i < LOADS; ++i) {
    if (FOURS) {
      const uint clamped = min(k, k_count - 4);
      const int at = x_at(i, clamped / depth, group);
      x_inside[i] = k < k_count && at >= 0;
      x_next[i] = x4[(uint(max(at, 0)) + clamped % depth) / 4];
    } else {
      [[unroll]] for (uint c = 0; c < 4; ++c) {
        const uint clamped = min(k + c, k_count - 1);
        const int at = x_at(i, clamped / depth, group);
        const float value = float(x[uint(max(at, 0)) + clamped % depth]);
        x_single[i][c] = k + c < k_count && at >= 0 ? value : 0.0;
      }
    }
  }
}
void keep_x() {
  [[unroll]] for (uint i = 0; i < LOADS; ++i)
    tile_keep_x(i, !FOURS ? x_single[i] : x_inside[i] ? opened(x_next[i]) : vec4(0));
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
  fetch_x(tile_x_k(), group, depth, k_count);
  tile_fetch_w(first_column, end_column, 0, k_count, p.columns4);
  for (uint k = 0; k < k_count; k += DEPTH) {
    keep_x();
    tile_keep_w();
    fetch_x(k + DEPTH + tile_x_k(), group, depth, k_count);
    tile_fetch_w(first_column, end_column, k + DEPTH, k_count, p.columns4);
    tile_multiply();
  }
  for (uint r = 0; r < ROWS; ++r) {
    const uint row = first_row + tile_own_row() + r;
    for (uint c = 0; c < COLUMNS4; ++c) {
      const uint column = first_column + tile_own_column(c);
      if (row < m && column < end_column) store_four(row, column, p.columns, p.columns % 4 == 0, sum[r * COLUMNS4 + c]);
    }
  }
}
