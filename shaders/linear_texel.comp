// y = final(residual + scale ⊙ act(x Wᵀ + bias)), for CPU drivers: no shared memory, every load a texel.
// A lane holds 16 rows × 4 columns. The lanes of a subgroup each fetch one row of x and hand it round by
// shuffles, because a load whose address differs between lanes costs a loop there, whatever it loads.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#include "common/activation.glsl"
#include "common/storage.glsl"
#include "linear.h"

layout(constant_id = 0) const uint GROUP = 8;
layout(constant_id = 1) const uint LANES = 8;  // of a subgroup that fetch different rows: 4, 8 or 16
#define EPILOGUE 2
#include "common/epilogue_texel.glsl"

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { LinearPush p; };
layout(binding = 0) uniform textureBuffer x;         // [m, k / 4]
layout(binding = 1) uniform textureBuffer w;         // [k, columns4]

const uint ROWS = 16;
const uint FETCHES = ROWS / LANES;

void main() {
  const int columns4 = int(p.columns4);
  const int column = int(gl_GlobalInvocationID.x);
  const uint first_row = gl_WorkGroupID.y * ROWS;
  const int k4_count = int(p.k / 4);

  int x_row[FETCHES];
  for (uint f = 0; f < FETCHES; ++f)
    x_row[f] = int(min(first_row + f * LANES + gl_SubgroupInvocationID % LANES, p.m - 1)) * k4_count;
  vec4 sum[ROWS];
  for (uint r = 0; r < ROWS; ++r) sum[r] = vec4(0);

  int w_at = min(column, columns4 - 1);  // lanes beyond the last column fetch along
  for (int k4 = 0; k4 < k4_count; ++k4) {
    vec4 x_own[FETCHES];
    for (uint f = 0; f < FETCHES; ++f) x_own[f] = texelFetch(x, x_row[f] + k4);
    for (uint kk = 0; kk < 4; ++kk) {
      const vec4 w_own = texelFetch(w, w_at);
      for (uint r = 0; r < ROWS; ++r) sum[r] += subgroupShuffle(x_own[r / LANES][kk], r % LANES) * w_own;
      w_at += columns4;
    }
  }

  if (column >= columns4) return;
  const vec4 b = bias_of(column), s = scale_of(column);
  for (uint r = 0; r < ROWS; ++r) {
    if (first_row + r >= p.m) break;
    store_four(int(first_row + r) * columns4 + column, b, s, sum[r]);
  }
}
