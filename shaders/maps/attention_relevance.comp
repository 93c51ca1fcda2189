// What each key's attention does for a number whose gradient by the heads' outputs is known. The gradient by the
// attention itself has rank `width`, so nothing of size queries × keys is stored:
//   G[h,i,j] = gradient_i · v_j                    y_j = base_j + factor · Σ_i w_i Σ_h f(G[h,i,j] (· A[h,i,j]))
// A lane owns a key and ROWS queries, which are the same for all lanes. Each tile of rows writes its part of y.
// Variants: buffer texel
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/maps/attention_relevance.h"
#include "shaders/common/logit_term.glsl"

layout(constant_id = 0) const uint GROUP = 64;
layout(constant_id = 1) const uint ROWS = 8;
layout(constant_id = 2) const uint HEADS = 0;      // 0 their sum; 1 one; 2 each by itself
layout(constant_id = 3) const bool TIMES_A = true;
layout(constant_id = 4) const uint POSITIVE = 0;   // 0 f is the identity; 1 f is ReLU; 2 ReLU of y
layout(constant_id = 5) const bool WEIGHTED = false;
layout(constant_id = 6) const bool HAS_BASE = false;
layout(constant_id = 7) const bool HAS_BIAS = false;
layout(constant_id = 8) const bool HAS_MASK = false;

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { AttentionRelevancePush p; };
#ifdef TEXELS
#define FOURS(BINDING, NAME, TYPE)                           \
  layout(binding = BINDING) uniform textureBuffer NAME##_in; \
  vec4 NAME(uint i) { return texelFetch(NAME##_in, int(i)); }
#else
#define FOURS(BINDING, NAME, TYPE)                                      \
  layout(binding = BINDING) readonly buffer NAME##_in { TYPE NAME##_at[]; }; \
  vec4 NAME(uint i) { return vec4(NAME##_at[i]); }
#endif
FOURS(0, q, STORE4)
FOURS(1, k, STORE4)
FOURS(2, v, STORE4)
FOURS(3, gradient, vec4)                                    // [images, queries, heads * width / 4]
FOURS(4, bias, vec4)                                        // as LogitTerm says
FOURS(5, mask, vec4)
layout(binding = 6) readonly buffer Lse { float lse[]; };   // [images, heads, lse_queries]
layout(binding = 7) readonly buffer W { float weights[]; };
layout(binding = 8) readonly buffer Base { float base[]; }; // [images, keys]
layout(binding = 9) writeonly buffer Y { float y[]; };      // [images, heads or 1, tiles, keys]

void main() {
  const uint key = gl_GlobalInvocationID.x, own_key = min(key, p.a.keys - 1);
  const uint tile = gl_WorkGroupID.y, tiles = gl_NumWorkGroups.y, first = tile * ROWS;
  const uint outputs = HEADS == 2 ? p.a.heads : 1;
  const uint image = gl_WorkGroupID.z / outputs, output_head = gl_WorkGroupID.z % outputs;
  const uint head_begin = HEADS == 0 ? 0 : HEADS == 1 ? p.head : output_head;
  const uint head_end = HEADS == 0 ? p.a.heads : head_begin + 1;
  const uint width4 = p.a.width / 4;

  float weight[ROWS];
  for (uint r = 0; r < ROWS; ++r)
    weight[r] = first + r >= p.a.queries ? 0.0 : WEIGHTED ? weights[image * p.weights_image + first + r] : 1.0;
  float sum = 0.0;
  for (uint head = head_begin; head < head_end; ++head) {
    const uint k_at = (p.a.k_first + image * p.a.kv_image + own_key * p.a.kv_token) / 4 + head * width4;
    const uint v_at = (p.a.v_first + image * p.v_image + own_key * p.v_token) / 4 + head * width4;
    uint q_at[ROWS], gradient_at[ROWS];
    float score[ROWS], towards[ROWS];
    for (uint r = 0; r < ROWS; ++r) {
      const uint row = min(first + r, p.a.queries - 1);
      q_at[r] = (p.a.q_first + image * p.a.q_image + row * p.a.q_token) / 4 + head * width4;
      gradient_at[r] = ((image * p.a.queries + row) * p.a.heads + head) * width4;
      score[r] = towards[r] = 0.0;
    }
    for (uint c = 0; c < width4; ++c) {
      const vec4 v_own = v(v_at + c);
      for (uint r = 0; r < ROWS; ++r) towards[r] += dot(gradient(gradient_at[r] + c), v_own);
      if (TIMES_A) {
        const vec4 k_own = k(k_at + c);
        for (uint r = 0; r < ROWS; ++r) score[r] += dot(q(q_at[r] + c), k_own);
      }
    }
    for (uint r = 0; r < ROWS; ++r) {
      float value = towards[r];
      if (TIMES_A) {
        const uint row = min(first + r, p.a.queries - 1);
        float logit = score[r] * p.a.scale;
        if (HAS_BIAS) logit += bias(term_row4(p.bias, p.a, image, head, row) + own_key / 4)[own_key % 4];
        if (HAS_MASK) logit += mask(term_row4(p.mask, p.a, image, head, row) + own_key / 4)[own_key % 4];
        if (HAS_BIAS || HAS_MASK) logit = max(logit, MASKED);
        value *= exp(logit - lse[(image * p.a.heads + head) * p.lse_queries + row]);
      }
      sum += weight[r] * (POSITIVE == 1 ? max(value, 0.0) : value);
    }
  }
  if (key >= p.a.keys) return;
  sum *= p.factor;
  if (HAS_BASE && tile == 0) sum += base[image * p.a.keys + key];
  if (POSITIVE == 2) sum = max(sum, 0.0);
  // The parts are averaged afterwards.
  y[((image * outputs + output_head) * tiles + tile) * p.a.keys + key] = sum * float(tiles);
}
