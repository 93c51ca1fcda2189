// Exact rows of softmax(scale · q kᵀ + bias + mask) after fused attention: exp(logit − lse), per head or fused over
// heads. A lane owns a key and eight rows; q is the same for all lanes.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/attention/attention_rows.h"
#include "shaders/common/logit_term.glsl"
#include "shaders/common/storage.glsl"

layout(constant_id = 0) const uint GROUP = 64;
layout(constant_id = 1) const uint FUSION = 0;     // 0 none, one row a head; 1 mean; 2 max; 3 min; 4 one head
layout(constant_id = 2) const bool HAS_BIAS = false;
layout(constant_id = 3) const bool HAS_MASK = false;
layout(constant_id = 4) const bool HAS_LENGTHS = false;
layout(constant_id = 5) const bool CAUSAL = false;

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { AttentionRowsPush p; };
layout(binding = 0) readonly buffer Q { STORE4 q[]; };
layout(binding = 1) readonly buffer K { STORE4 k[]; };
layout(binding = 2) readonly buffer Bias { float bias[]; };  // as LogitTerm says
layout(binding = 3) readonly buffer Mask { float mask[]; };
layout(binding = 4) readonly buffer Lengths { uint lengths[]; };  // as KeyLimits says
layout(binding = 5) readonly buffer Lse { float lse[]; };    // [images, heads, queries]
layout(binding = 6) writeonly buffer Out { float probability[]; };  // [images, heads or 1, rows, keys]

const uint ROWS = 8;

void main() {
  const uint key = gl_GlobalInvocationID.x, own_key = min(key, p.a.keys - 1);
  const uint first = gl_WorkGroupID.y * ROWS;
  const uint outputs = FUSION == 0 ? p.a.heads : 1;
  const uint image = gl_WorkGroupID.z / outputs, output_head = gl_WorkGroupID.z % outputs;
  const uint head_begin = FUSION == 0 ? output_head : FUSION == 4 ? p.head : 0;
  const uint head_end = FUSION == 0 || FUSION == 4 ? head_begin + 1 : p.a.heads;
  const uint width4 = p.a.width / 4;

  const uint seen = HAS_LENGTHS ? min(lengths[image % p.limits.lengths], p.a.keys) : p.a.keys;

  float fused[ROWS];
  for (uint r = 0; r < ROWS; ++r) fused[r] = FUSION == 3 ? 1e30 : 0.0;
  for (uint head = head_begin; head < head_end; ++head) {
    const uint k_at = (p.a.k_first + image * p.a.kv_image + own_key * p.a.kv_token + head * p.a.width) / 4;
    uint q_at[ROWS];
    float score[ROWS];
    for (uint r = 0; r < ROWS; ++r) {
      const uint row = p.first_row + min(first + r, p.rows - 1);
      q_at[r] = (p.a.q_first + image * p.a.q_image + row * p.a.q_token + head * p.a.width) / 4;
      score[r] = 0.0;
    }
    for (uint c = 0; c < width4; ++c) {
      const vec4 k_own = vec4(k[k_at + c]);
      for (uint r = 0; r < ROWS; ++r) score[r] += dot(vec4(q[q_at[r] + c]), k_own);
    }
    for (uint r = 0; r < ROWS; ++r) {
      const uint row = p.first_row + min(first + r, p.rows - 1);
      float logit = score[r] * p.a.scale;
      if (HAS_BIAS) logit += bias[term_row4(p.bias, p.a, image, head, row) * 4 + own_key];
      if (HAS_MASK) logit += mask[term_row4(p.mask, p.a, image, head, row) * 4 + own_key];
      if (HAS_BIAS || HAS_MASK) logit = max(logit, MASKED);
      float value = exp(logit - lse[(image * p.a.heads + head) * p.a.queries + row]);
      if (HAS_LENGTHS || CAUSAL) value = key < (CAUSAL ? min(seen, row + p.limits.offset + 1) : seen) ? value : 0.0;
      fused[r] = FUSION == 2 ? max(fused[r], value) : FUSION == 3 ? min(fused[r], value) : fused[r] + value;
    }
  }
  if (key >= p.a.keys) return;
  const float weight = FUSION == 1 ? 1.0 / float(p.a.heads) : 1.0;
  for (uint r = 0; r < ROWS && first + r < p.rows; ++r)
    probability[((image * outputs + output_head) * p.rows + first + r) * p.a.keys + key] = fused[r] * weight;
}
