// y = final(residual + scale ⊙ act(x Wᵀ + bias)): tiles in shared memory.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/activation.glsl"
#include "shaders/common/storage.glsl"
#include "shaders/common/tile_shared.glsl"
#include "shaders/nn/linear.h"
layout(constant_id = 4) const bool FOURS = true;  // k and n are multiples of four
#define EPILOGUE 5
#include "shaders/common/epilogue_storage.glsl"

layout(push_constant) uniform Block { LinearPush p; };
layout(binding = 0) readonly buffer X { STORE x[]; };  // [m, k]
layout(binding = 0) readonly buffer X4 { PACKED4 x4[]; };

PACKED4 x_next[LOADS];
vec4 x_single[LOADS];  // where they are no fours

void fetch_x(uint first_row, uint k) {
  [[unroll]] for (uint i = 0; i < LOADS; ++i) {
    const uint row = min(first_row + tile_x_row(i), p.m - 1) * p.k;
    if (FOURS) {
      x_next[i] = x4[(row + min(k, p.k - 4)) / 4];
    } else {
      [[unroll]] for (uint c = 0; c < 4; ++c) {
        const float value = float(x[row + min(k + c, p.k - 1)]);
        x_single[i][c] = k + c < p.k ? value : 0.0;
      }
    }
  }
}
void keep_x(uint k) {
  [[unroll]] for (uint i = 0; i < LOADS; ++i)
    tile_keep_x(i, !FOURS ? x_single[i] : k < p.k ? opened(x_next[i]) : vec4(0));
}

void main() {
  const uint first_row = gl_WorkGroupID.y * TILE_M, first_column = gl_WorkGroupID.x * TILE_N4;
  tile_clear();
  fetch_x(first_row, tile_x_k());
  tile_fetch_w(first_column, p.columns4, 0, p.k, p.columns4);
  for (uint k = 0; k < p.k; k += DEPTH) {
    keep_x(k + tile_x_k());
    tile_keep_w();
    fetch_x(first_row, k + DEPTH + tile_x_k());
    tile_fetch_w(first_column, p.columns4, k + DEPTH, p.k, p.columns4);
    tile_multiply();
  }
  for (uint r = 0; r < ROWS; ++r) {
    const uint row = first_row + tile_own_row() + r;
    for (uint c = 0; c < COLUMNS4; ++c) {
      const uint column = first_column + tile_own_column(c);
      if (row < p.m && column < p.columns4) store_four(row, column, p.n, FOURS, sum[r * COLUMNS4 + c]);
    }
  }
}
