// o = softmax(scale · q kᵀ + bias + mask) v and lse = log Σ exp of each row, for CPU drivers: one lane a query,
// every load a texel. Lanes fetch different keys and hand them round by shuffles. Running maximum and sum as in
// attention_tiled.comp; width is a multiple of four.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#include "attention.h"
#include "common/logit_term.glsl"
#include "common/storage.glsl"

layout(constant_id = 0) const uint GROUP = 8;
layout(constant_id = 1) const uint LANES = 8;   // of a subgroup that fetch different keys: 4 or 8
layout(constant_id = 2) const uint WIDTH4 = 16; // channels a head, in fours
layout(constant_id = 3) const bool HAS_BIAS = false;
layout(constant_id = 4) const bool HAS_MASK = false;

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { AttentionPush p; };
layout(binding = 0) uniform textureBuffer q;
layout(binding = 1) uniform textureBuffer k;
layout(binding = 2) uniform textureBuffer v;
layout(binding = 3) uniform textureBuffer bias;  // as LogitTerm says
layout(binding = 4) uniform textureBuffer mask;
layout(binding = 5) writeonly buffer O { STORE4 o[]; };     // [images, queries, heads * width / 4]
layout(binding = 6) writeonly buffer Lse { float lse[]; };  // [images, heads, queries]

const uint KEYS = 8;  // a tile
const uint FETCHES = KEYS / LANES;

void main() {
  const uint image = gl_WorkGroupID.z, head = gl_WorkGroupID.y;
  const uint query = gl_GlobalInvocationID.x;
  const uint lane = gl_SubgroupInvocationID % LANES;
  const int q_at = int(p.a.q_first + image * p.a.q_image + min(query, p.a.queries - 1) * p.a.q_token + head * p.a.width) / 4;
  const int k_at = int(p.a.k_first + image * p.a.kv_image + head * p.a.width) / 4;
  const int v_at = int(p.a.v_first + image * p.a.kv_image + head * p.a.width) / 4;
  const int bias_at = HAS_BIAS ? int(term_row4(p.bias, p.a, image, head, min(query, p.a.queries - 1))) : 0;
  const int mask_at = HAS_MASK ? int(term_row4(p.mask, p.a, image, head, min(query, p.a.queries - 1))) : 0;
  const uint keys4 = (p.a.keys + 3) / 4;
  const int token4 = int(p.a.kv_token / 4);

  vec4 sum[WIDTH4];
  [[unroll]] for (uint c = 0; c < WIDTH4; ++c) sum[c] = vec4(0);
  float largest = MASKED, total = 0.0;

  for (uint first_key = 0; first_key < p.a.keys; first_key += KEYS) {
    int own_key[FETCHES];
    [[unroll]] for (uint f = 0; f < FETCHES; ++f)
      own_key[f] = int(min(first_key + f * LANES + lane, p.a.keys - 1)) * token4;
    float score[KEYS];
    [[unroll]] for (uint j = 0; j < KEYS; ++j) score[j] = 0.0;
    for (int c = 0; c < int(WIDTH4); ++c) {
      const vec4 q_own = texelFetch(q, q_at + c);
      vec4 k_own[FETCHES];
      [[unroll]] for (uint f = 0; f < FETCHES; ++f) k_own[f] = texelFetch(k, k_at + own_key[f] + c);
      [[unroll]] for (uint j = 0; j < KEYS; ++j) score[j] += dot(q_own, subgroupShuffle(k_own[j / LANES], j % LANES));
    }
    float tile_largest = largest;
    [[unroll]] for (uint j = 0; j < KEYS; ++j) score[j] *= p.a.scale;
    if (HAS_BIAS || HAS_MASK) {
      [[unroll]] for (uint j4 = 0; j4 < KEYS / 4; ++j4) {
        const int in_term = int(min(first_key / 4 + j4, keys4 - 1));
        vec4 term = vec4(0);
        if (HAS_BIAS) term += texelFetch(bias, bias_at + in_term);
        if (HAS_MASK) term += texelFetch(mask, mask_at + in_term);
        [[unroll]] for (uint j = 0; j < 4; ++j) score[j4 * 4 + j] = max(score[j4 * 4 + j] + term[j], MASKED);
      }
    }
    [[unroll]] for (uint j = 0; j < KEYS; ++j) {
      if (first_key + j >= p.a.keys) score[j] = NO_KEY;
      tile_largest = max(tile_largest, score[j]);
    }
    const float shrink = exp(largest - tile_largest);
    largest = tile_largest;
    total *= shrink;
    [[unroll]] for (uint j = 0; j < KEYS; ++j) {
      score[j] = exp(score[j] - largest);
      total += score[j];
    }
    [[unroll]] for (uint c = 0; c < WIDTH4; ++c) {
      vec4 v_own[FETCHES];
      [[unroll]] for (uint f = 0; f < FETCHES; ++f) v_own[f] = texelFetch(v, v_at + own_key[f] + int(c));
      sum[c] *= shrink;
      [[unroll]] for (uint j = 0; j < KEYS; ++j) sum[c] += score[j] * subgroupShuffle(v_own[j / LANES], j % LANES);
    }
  }

  if (query >= p.a.queries) return;
  const uint o_at = ((image * p.a.queries + query) * p.a.heads + head) * WIDTH4;
  [[unroll]] for (uint c = 0; c < WIDTH4; ++c) o[o_at + c] = STORE4(sum[c] / total);
  lse[(image * p.a.heads + head) * p.a.queries + query] = largest + log(total);
}
