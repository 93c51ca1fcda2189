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
layout(binding = 0) readonly buffer X4 { STORE4 x4[]; };

vec4 load_x(uint row, uint k) {
  vec4 value = vec4(0);
  if (row >= p.m) return value;
  const uint from = row * p.k + k;
  if (FOURS) {
    if (k < p.k) value = vec4(x4[from / 4]);
  } else {
    for (uint c = 0; c < 4; ++c)
      if (k + c < p.k) value[c] = float(x[from + c]);
  }
  return value;
}

void main() {
  const uint first_row = gl_WorkGroupID.y * TILE_M, first_column = gl_WorkGroupID.x * TILE_N4;
  tile_clear();
  for (uint k = 0; k < p.k; k += DEPTH) {
    for (uint i = 0; i < LOADS; ++i) tile_keep_x(i, load_x(first_row + tile_x_row(i), k + tile_x_k()));
    tile_load_w(first_column, p.columns4, k, p.k, p.columns4);
    tile_multiply();
  }
  const uint column = first_column + tile_own_column();
  if (column >= p.columns4) return;
  for (uint r = 0; r < ROWS; ++r) {
    const uint row = first_row + tile_own_row() + r;
    if (row < p.m) store_four(row, column, p.n, FOURS, sum[r]);
  }
}
