// Exact rows of attention as attention_rows.comp computes them, for CPU drivers: lanes fetch different
// queries and hand them round by shuffles. A lane owns a key and sixteen rows, or fewer where there are fewer.
// Beside attention_rows: texels, as loads from storage buffers are loops over lanes on CPU drivers.
// Variants: texel
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#include "shaders/attention/attention_rows.h"
#include "shaders/common/logit_term.glsl"

layout(constant_id = 0) const uint GROUP = 8;
layout(constant_id = 1) const uint LANES = 8;    // of a subgroup that fetch different rows: 16 at most, and divide ROWS
layout(constant_id = 2) const uint ROWS = 16;
layout(constant_id = 3) const uint FUSION = 0;   // as in attention_rows.comp
layout(constant_id = 4) const bool HAS_BIAS = false;
layout(constant_id = 5) const bool HAS_MASK = false;
layout(constant_id = 6) const bool HAS_LENGTHS = false;
layout(constant_id = 7) const bool CAUSAL = false;

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { AttentionRowsPush p; };
layout(binding = 0) uniform textureBuffer q;
layout(binding = 1) uniform textureBuffer k;
layout(binding = 2) uniform textureBuffer bias;  // as LogitTerm says
layout(binding = 3) uniform textureBuffer mask;
layout(binding = 4) readonly buffer Lengths { uint lengths[]; };  // as KeyLimits says
layout(binding = 5) readonly buffer Lse { float lse[]; };  // [images, heads, queries]
layout(binding = 6) writeonly buffer Out { float probability[]; };  // [images, heads or 1, rows, keys]

const uint FETCHES = ROWS / LANES;

void main() {
  const uint key = gl_GlobalInvocationID.x, own_key = min(key, p.a.keys - 1);
  const uint first = gl_WorkGroupID.y * ROWS;
  const uint outputs = FUSION == 0 ? p.a.heads : 1;
  const uint image = gl_WorkGroupID.z / outputs, output_head = gl_WorkGroupID.z % outputs;
  const uint head_begin = FUSION == 0 ? output_head : FUSION == 4 ? p.head : 0;
  const uint head_end = FUSION == 0 || FUSION == 4 ? head_begin + 1 : p.a.heads;
  const int width4 = int(p.a.width / 4);

  const uint seen = HAS_LENGTHS ? min(lengths[image % p.limits.lengths], p.a.keys) : p.a.keys;

  float fused[ROWS];
  [[unroll]] for (uint r = 0; r < ROWS; ++r) fused[r] = FUSION == 3 ? 1e30 : 0.0;
  for (uint head = head_begin; head < head_end; ++head) {
    const int k_at = int(p.a.k_first + image * p.a.kv_image + own_key * p.a.kv_token + head * p.a.width) / 4;
    int q_at[FETCHES];
    float score[ROWS];
    float lse_own[FETCHES];
    [[unroll]] for (uint f = 0; f < FETCHES; ++f) {
      const uint row = p.first_row + min(first + f * LANES + gl_SubgroupInvocationID % LANES, p.rows - 1);
      q_at[f] = int(p.a.q_first + image * p.a.q_image + row * p.a.q_token + head * p.a.width) / 4;
      lse_own[f] = lse[(image * p.a.heads + head) * p.a.queries + row];
    }
    [[unroll]] for (uint r = 0; r < ROWS; ++r) score[r] = 0.0;
    for (int c = 0; c < width4; ++c) {
      const vec4 k_own = texelFetch(k, k_at + c);
      [[unroll]] for (uint f = 0; f < FETCHES; ++f) {
        const vec4 q_own = texelFetch(q, q_at[f] + c);
        [[unroll]] for (uint j = 0; j < LANES; ++j) score[f * LANES + j] += dot(subgroupShuffle(q_own, j), k_own);
      }
    }
    [[unroll]] for (uint r = 0; r < ROWS; ++r) {
      float logit = score[r] * p.a.scale;
      const uint row = p.first_row + min(first + r, p.rows - 1);
      if (HAS_BIAS) logit += texelFetch(bias, int(term_row4(p.bias, p.a, image, head, row) + own_key / 4))[own_key % 4];
      if (HAS_MASK) logit += texelFetch(mask, int(term_row4(p.mask, p.a, image, head, row) + own_key / 4))[own_key % 4];
      if (HAS_BIAS || HAS_MASK) logit = max(logit, MASKED);
      float value = exp(logit - subgroupShuffle(lse_own[r / LANES], r % LANES));
      if (HAS_LENGTHS || CAUSAL) value = key < (CAUSAL ? min(seen, row + p.limits.offset + 1) : seen) ? value : 0.0;
      fused[r] = FUSION == 2 ? max(fused[r], value) : FUSION == 3 ? min(fused[r], value) : fused[r] + value;
    }
  }
  if (key >= p.a.keys) return;
  const float weight = FUSION == 1 ? 1.0 / float(p.a.heads) : 1.0;
  for (uint r = 0; r < ROWS && first + r < p.rows; ++r)
    probability[((image * outputs + output_head) * p.rows + first + r) * p.a.keys + key] = fused[r] * weight;
}
