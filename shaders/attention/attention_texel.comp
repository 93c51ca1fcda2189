// o = softmax(scale · q kᵀ + bias + mask) v and lse = log Σ exp of each row, for CPU drivers: every load a texel.
// A lane owns one or two queries. Lanes fetch different keys and hand them round by shuffles. Running maximum and
// sum as in attention_tiled.comp; width is a multiple of four.
// Beside attention_tiled: texels, as loads from storage buffers are loops over lanes on CPU drivers.
// Variants: texel
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#include "shaders/attention/attention.h"
#include "shaders/common/logit_term.glsl"
#include "shaders/common/storage.glsl"

layout(constant_id = 0) const uint GROUP = 8;
layout(constant_id = 1) const uint LANES = 8;   // of a subgroup that fetch different keys: 4 or 8
layout(constant_id = 2) const uint WIDTH4 = 16; // channels a head, in fours
layout(constant_id = 3) const uint QUERIES = 1; // a lane; more share what the lanes hand round
layout(constant_id = 4) const bool HAS_BIAS = false;
layout(constant_id = 5) const bool HAS_MASK = false;
layout(constant_id = 6) const bool HAS_LENGTHS = false;
layout(constant_id = 7) const bool CAUSAL = false;

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { AttentionPush p; };
layout(binding = 0) uniform textureBuffer q;
layout(binding = 1) uniform textureBuffer k;
layout(binding = 2) uniform textureBuffer v;
layout(binding = 3) uniform textureBuffer bias;  // as LogitTerm says
layout(binding = 4) uniform textureBuffer mask;
layout(binding = 5) readonly buffer Lengths { uint lengths[]; };  // as KeyLimits says
layout(binding = 6) writeonly buffer O { STORE4 o[]; };     // [images, queries, heads * width / 4]
layout(binding = 7) writeonly buffer Lse { float lse[]; };  // [images, heads, queries]

const uint KEYS = 8;  // a tile
const uint FETCHES = KEYS / LANES;

void main() {
  const uint image = gl_WorkGroupID.z, head = gl_WorkGroupID.y;
  const uint lane = gl_SubgroupInvocationID % LANES;
  const int k_at = int(p.a.k_first + image * p.a.kv_image + head * p.a.width) / 4;
  const int v_at = int(p.a.v_first + image * p.a.kv_image + head * p.a.width) / 4;
  const uint keys4 = (p.a.keys + 3) / 4;
  const int token4 = int(p.a.kv_token / 4);

  // Keys before own_end[i] are seen by query i, those before `end` by some query of the workgroup.
  const uint seen = HAS_LENGTHS ? min(lengths[image % p.limits.lengths], p.a.keys) : p.a.keys;
  const uint last_query = min((gl_WorkGroupID.x + 1) * GROUP * QUERIES, p.a.queries) - 1;
  const uint end = CAUSAL ? min(seen, last_query + p.limits.offset + 1) : seen;

  uint query[QUERIES], own_end[QUERIES];
  int bias_at[QUERIES], mask_at[QUERIES];
  vec4 q_own[QUERIES * WIDTH4], sum[QUERIES * WIDTH4];
  float largest[QUERIES], total[QUERIES];
  [[unroll]] for (uint i = 0; i < QUERIES; ++i) {
    query[i] = gl_WorkGroupID.x * GROUP * QUERIES + i * GROUP + gl_LocalInvocationID.x;
    const uint row = min(query[i], p.a.queries - 1);  // lanes beyond the last query work along
    const int q_at = int(p.a.q_first + image * p.a.q_image + row * p.a.q_token + head * p.a.width) / 4;
    own_end[i] = CAUSAL ? min(seen, row + p.limits.offset + 1) : seen;
    if (HAS_BIAS) bias_at[i] = int(term_row4(p.bias, p.a, image, head, row));
    if (HAS_MASK) mask_at[i] = int(term_row4(p.mask, p.a, image, head, row));
    [[unroll]] for (uint c = 0; c < WIDTH4; ++c) {
      q_own[i * WIDTH4 + c] = texelFetch(q, q_at + int(c)) * p.a.scale;
      sum[i * WIDTH4 + c] = vec4(0);
    }
    largest[i] = MASKED;
    total[i] = 0.0;
  }

  for (uint first_key = 0; first_key < end; first_key += KEYS) {
    int own_key[FETCHES];
    [[unroll]] for (uint f = 0; f < FETCHES; ++f)
      own_key[f] = int(min(first_key + f * LANES + lane, end - 1)) * token4;
    float score[QUERIES * KEYS], shrink[QUERIES];
    [[unroll]] for (uint j = 0; j < QUERIES * KEYS; ++j) score[j] = 0.0;
    [[unroll]] for (uint c = 0; c < WIDTH4; ++c) {
      vec4 k_own[FETCHES];
      [[unroll]] for (uint f = 0; f < FETCHES; ++f) k_own[f] = texelFetch(k, k_at + own_key[f] + int(c));
      [[unroll]] for (uint j = 0; j < KEYS; ++j) {
        const vec4 key = subgroupShuffle(k_own[j / LANES], j % LANES);
        [[unroll]] for (uint i = 0; i < QUERIES; ++i) score[i * KEYS + j] += dot(q_own[i * WIDTH4 + c], key);
      }
    }
    [[unroll]] for (uint i = 0; i < QUERIES; ++i) {
      if (HAS_BIAS || HAS_MASK) {
        [[unroll]] for (uint j4 = 0; j4 < KEYS / 4; ++j4) {
          const int in_term = int(min(first_key / 4 + j4, keys4 - 1));
          vec4 term = vec4(0);
          if (HAS_BIAS) term += texelFetch(bias, bias_at[i] + in_term);
          if (HAS_MASK) term += texelFetch(mask, mask_at[i] + in_term);
          [[unroll]] for (uint j = 0; j < 4; ++j) {
            const uint at = i * KEYS + j4 * 4 + j;
            score[at] = max(score[at] + term[j], MASKED);
          }
        }
      }
      float tile_largest = largest[i];
      [[unroll]] for (uint j = 0; j < KEYS; ++j) {
        if (first_key + j >= own_end[i]) score[i * KEYS + j] = NO_KEY;
        tile_largest = max(tile_largest, score[i * KEYS + j]);
      }
      shrink[i] = exp(largest[i] - tile_largest);
      largest[i] = tile_largest;
      total[i] *= shrink[i];
      [[unroll]] for (uint j = 0; j < KEYS; ++j) {
        score[i * KEYS + j] = exp(score[i * KEYS + j] - tile_largest);
        total[i] += score[i * KEYS + j];
      }
    }
    [[unroll]] for (uint c = 0; c < WIDTH4; ++c) {
      vec4 v_own[FETCHES];
      [[unroll]] for (uint f = 0; f < FETCHES; ++f) v_own[f] = texelFetch(v, v_at + own_key[f] + int(c));
      [[unroll]] for (uint i = 0; i < QUERIES; ++i) sum[i * WIDTH4 + c] *= shrink[i];
      [[unroll]] for (uint j = 0; j < KEYS; ++j) {
        const vec4 value = subgroupShuffle(v_own[j / LANES], j % LANES);
        [[unroll]] for (uint i = 0; i < QUERIES; ++i) sum[i * WIDTH4 + c] += score[i * KEYS + j] * value;
      }
    }
  }

  [[unroll]] for (uint i = 0; i < QUERIES; ++i) {
    if (query[i] >= p.a.queries) return;
    const uint o_at = ((image * p.a.queries + query[i]) * p.a.heads + head) * WIDTH4;
    const bool nothing = HAS_LENGTHS && own_end[i] == 0;  // no key is seen
    [[unroll]] for (uint c = 0; c < WIDTH4; ++c) o[o_at + c] = STORE4(nothing ? vec4(0) : sum[i * WIDTH4 + c] / total[i]);
    lse[(image * p.a.heads + head) * p.a.queries + query[i]] = nothing ? MASKED : largest[i] + log(total[i]);
  }
}
