// y = final(residual + scale ⊙ act(x Wᵀ + bias)): tiles of x and W in shared memory, a block of y in registers.
// Shared bytes: 4 · DEPTH · (TILE_M + TILE_N); threads: TILE_N / 4 × TILE_M / ROWS.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common/activation.glsl"
#include "common/storage.glsl"
#include "linear.h"

layout(constant_id = 0) const uint GROUP = 128;
layout(constant_id = 1) const uint TILE_M = 64;
layout(constant_id = 2) const uint TILE_N = 64;
layout(constant_id = 3) const uint ROWS = 8;      // of y a thread holds, times four columns
layout(constant_id = 4) const bool FOURS = true;  // k and n are multiples of four
#define EPILOGUE 5
#include "common/epilogue_storage.glsl"

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { LinearPush p; };
layout(binding = 0) readonly buffer X { STORE x[]; };            // [m, k]
layout(binding = 0) readonly buffer X4 { STORE4 x4[]; };
layout(binding = 1) readonly buffer W { STORE4 w[]; };           // [k, columns4]

const uint DEPTH = 16;  // of the inner dimension in shared memory
const uint TILE_N4 = TILE_N / 4;

shared float x_tile[DEPTH * TILE_M];  // [k, row]
shared vec4 w_tile[DEPTH * TILE_N4];  // [k, column4]

void load_tiles(uint first_row, uint first_column, uint k) {
  const uint t = gl_LocalInvocationID.x;
  for (uint i = t; i < TILE_M * DEPTH / 4; i += GROUP) {
    const uint row = i / (DEPTH / 4), k4 = i % (DEPTH / 4) * 4;
    const uint from = (first_row + row) * p.k + k + k4;
    vec4 value = vec4(0);
    if (first_row + row < p.m) {
      if (FOURS) {
        if (k + k4 < p.k) value = vec4(x4[from / 4]);
      } else {
        for (uint c = 0; c < 4; ++c)
          if (k + k4 + c < p.k) value[c] = float(x[from + c]);
      }
    }
    for (uint c = 0; c < 4; ++c) x_tile[(k4 + c) * TILE_M + row] = value[c];
  }
  for (uint i = t; i < DEPTH * TILE_N4; i += GROUP) {
    const uint kk = i / TILE_N4, column = first_column + i % TILE_N4;
    w_tile[i] = k + kk < p.k && column < p.columns4 ? vec4(w[(k + kk) * p.columns4 + column]) : vec4(0);
  }
}

void main() {
  const uint first_row = gl_WorkGroupID.y * TILE_M, first_column = gl_WorkGroupID.x * TILE_N4;
  const uint own_column = gl_LocalInvocationID.x % TILE_N4, own_row = gl_LocalInvocationID.x / TILE_N4 * ROWS;
  vec4 sum[ROWS];
  for (uint r = 0; r < ROWS; ++r) sum[r] = vec4(0);
  for (uint k = 0; k < p.k; k += DEPTH) {
    load_tiles(first_row, first_column, k);
    barrier();
    for (uint kk = 0; kk < DEPTH; ++kk) {
      const vec4 w_own = w_tile[kk * TILE_N4 + own_column];
      for (uint r = 0; r < ROWS; ++r) sum[r] += x_tile[kk * TILE_M + own_row + r] * w_own;
    }
    barrier();
  }
  const uint column = first_column + own_column;
  if (column >= p.columns4) return;
  for (uint r = 0; r < ROWS; ++r) {
    const uint row = first_row + own_row + r;
    if (row < p.m) store_four(row, column, p.n, FOURS, sum[r]);
  }
}
