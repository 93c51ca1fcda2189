// o = softmax(scale · q kᵀ) v and lse = log Σ exp of each row, for CPU drivers: one lane a query, every load a
// texel. Lanes fetch different keys and hand them round by shuffles. Running maximum and sum as in
// attention_tiled.comp; width is a multiple of four.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#include "attention.h"
#include "common/storage.glsl"

layout(constant_id = 0) const uint GROUP = 8;
layout(constant_id = 1) const uint LANES = 8;   // of a subgroup that fetch different keys: 4 or 8
layout(constant_id = 2) const uint WIDTH4 = 16; // channels a head, in fours

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { AttentionPush p; };
layout(binding = 0) uniform textureBuffer q;
layout(binding = 1) uniform textureBuffer k;
layout(binding = 2) uniform textureBuffer v;
layout(binding = 3) writeonly buffer O { STORE4 o[]; };     // [images, queries, heads * width / 4]
layout(binding = 4) writeonly buffer Lse { float lse[]; };  // [images, heads, queries]

const uint KEYS = 8;  // a tile
const uint FETCHES = KEYS / LANES;

void main() {
  const uint image = gl_WorkGroupID.z, head = gl_WorkGroupID.y;
  const uint query = gl_GlobalInvocationID.x;
  const uint lane = gl_SubgroupInvocationID % LANES;
  const int q_at = int(p.q_first + image * p.q_image + min(query, p.queries - 1) * p.q_token + head * p.width) / 4;
  const int k_at = int(p.k_first + image * p.kv_image + head * p.width) / 4;
  const int v_at = int(p.v_first + image * p.kv_image + head * p.width) / 4;
  const int token4 = int(p.kv_token / 4);

  vec4 sum[WIDTH4];
  [[unroll]] for (uint c = 0; c < WIDTH4; ++c) sum[c] = vec4(0);
  float largest = -1e30, total = 0.0;

  for (uint first_key = 0; first_key < p.keys; first_key += KEYS) {
    int own_key[FETCHES];
    [[unroll]] for (uint f = 0; f < FETCHES; ++f)
      own_key[f] = int(min(first_key + f * LANES + lane, p.keys - 1)) * token4;
    float score[KEYS];
    [[unroll]] for (uint j = 0; j < KEYS; ++j) score[j] = 0.0;
    for (int c = 0; c < int(WIDTH4); ++c) {
      const vec4 q_own = texelFetch(q, q_at + c);
      vec4 k_own[FETCHES];
      [[unroll]] for (uint f = 0; f < FETCHES; ++f) k_own[f] = texelFetch(k, k_at + own_key[f] + c);
      [[unroll]] for (uint j = 0; j < KEYS; ++j) score[j] += dot(q_own, subgroupShuffle(k_own[j / LANES], j % LANES));
    }
    float tile_largest = largest;
    [[unroll]] for (uint j = 0; j < KEYS; ++j) {
      score[j] = first_key + j < p.keys ? score[j] * p.scale : -1e30;
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

  if (query >= p.queries) return;
  const uint o_at = ((image * p.queries + query) * p.heads + head) * WIDTH4;
  [[unroll]] for (uint c = 0; c < WIDTH4; ++c) o[o_at + c] = STORE4(sum[c] / total);
  lse[(image * p.heads + head) * p.queries + query] = largest + log(total);
}
