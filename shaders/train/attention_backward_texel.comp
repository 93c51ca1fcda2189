// The gradient of fused attention as attention_backward.comp has it, for CPU drivers: a lane owns a token, lanes fetch
// different other tokens and hand them round by shuffles. Width is a multiple of four.
// Beside attention_backward: texels, as loads from storage buffers are loops over lanes on CPU drivers.
// Variants: texel
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#include "shaders/train/attention_backward.h"
#include "shaders/common/logit_term.glsl"

layout(constant_id = 0) const uint GROUP = 8;
layout(constant_id = 1) const uint LANES = 8;    // of a subgroup that fetch different tokens: 4 or 8
layout(constant_id = 2) const uint WIDTH4 = 16;  // channels a head, in fours
layout(constant_id = 3) const bool OWN_KEYS = false;
layout(constant_id = 4) const bool HAS_BIAS = false;
layout(constant_id = 5) const bool HAS_MASK = false;

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { AttentionBackwardPush p; };
layout(binding = 0) uniform textureBuffer q;
layout(binding = 1) uniform textureBuffer k;
layout(binding = 2) uniform textureBuffer v;
layout(binding = 3) uniform textureBuffer bias;             // as LogitTerm says
layout(binding = 4) uniform textureBuffer mask;
layout(binding = 5) uniform textureBuffer o;                // [images, queries, heads * width / 4]
layout(binding = 6) uniform textureBuffer d_o;              // as o
layout(binding = 7) readonly buffer Lse { float lse[]; };   // [images, heads, queries]
layout(binding = 8) buffer Delta { float delta[]; };        // [images, heads, queries]
layout(binding = 9) writeonly buffer Gradient { vec4 dqkv[]; };

const uint OTHERS = 8;  // a tile
const uint FETCHES = OTHERS / LANES;

int head_at() { return int(gl_WorkGroupID.y * p.a.width / 4); }
int query_at(uint i) { return int(p.a.q_first + gl_WorkGroupID.z * p.a.q_image + i * p.a.q_token) / 4 + head_at(); }
int key_at(uint j) { return int(p.a.k_first + gl_WorkGroupID.z * p.a.kv_image + j * p.a.kv_token) / 4 + head_at(); }
int value_at(uint j) { return int(p.a.v_first + gl_WorkGroupID.z * p.a.kv_image + j * p.a.kv_token) / 4 + head_at(); }
int out_at(uint i) { return int((gl_WorkGroupID.z * p.a.queries + i) * p.a.heads * p.a.width / 4) + head_at(); }
uint row_at(uint i) { return (gl_WorkGroupID.z * p.a.heads + gl_WorkGroupID.y) * p.a.queries + i; }

// Of an own and another token.
float logit(float score, uint own, uint other) {
  const uint query = OWN_KEYS ? other : own, key = OWN_KEYS ? own : other;
  float sum = score * p.a.scale;
  if (HAS_BIAS) sum += texelFetch(bias, int(term_row4(p.bias, p.a, gl_WorkGroupID.z, gl_WorkGroupID.y, query) + key / 4))[key % 4];
  if (HAS_MASK) sum += texelFetch(mask, int(term_row4(p.mask, p.a, gl_WorkGroupID.z, gl_WorkGroupID.y, query) + key / 4))[key % 4];
  return HAS_BIAS || HAS_MASK ? max(sum, MASKED) : sum;
}

void main() {
  const uint owns = OWN_KEYS ? p.a.keys : p.a.queries, others = OWN_KEYS ? p.a.queries : p.a.keys;
  const uint token = gl_GlobalInvocationID.x, own = min(token, owns - 1);  // lanes beyond the last work along
  const uint lane = gl_SubgroupInvocationID % LANES;

  vec4 own_a[WIDTH4], own_b[WIDTH4], d_first[WIDTH4], d_second[WIDTH4];
  float own_delta = 0.0, own_lse = 0.0;
  const int a_at = OWN_KEYS ? key_at(own) : query_at(own), b_at = OWN_KEYS ? value_at(own) : out_at(own);
  [[unroll]] for (uint c = 0; c < WIDTH4; ++c) {
    own_a[c] = OWN_KEYS ? texelFetch(k, a_at + int(c)) : texelFetch(q, a_at + int(c));
    own_b[c] = OWN_KEYS ? texelFetch(v, b_at + int(c)) : texelFetch(d_o, b_at + int(c));
    if (!OWN_KEYS) own_delta += dot(own_b[c], texelFetch(o, b_at + int(c)));
    d_first[c] = d_second[c] = vec4(0);
  }
  if (!OWN_KEYS) {
    own_lse = lse[row_at(own)];
    if (token < owns) delta[row_at(own)] = own_delta;
  }

  for (uint first = 0; first < others; first += OTHERS) {
    int other_a[FETCHES], other_b[FETCHES];
    float fetched_lse[FETCHES], fetched_delta[FETCHES];
    [[unroll]] for (uint f = 0; f < FETCHES; ++f) {
      const uint other = min(first + f * LANES + lane, others - 1);
      other_a[f] = OWN_KEYS ? query_at(other) : key_at(other);
      other_b[f] = OWN_KEYS ? out_at(other) : value_at(other);
      if (OWN_KEYS) {
        fetched_lse[f] = lse[row_at(other)];
        fetched_delta[f] = delta[row_at(other)];
      }
    }
    float probability[OTHERS], slope[OTHERS];
    [[unroll]] for (uint j = 0; j < OTHERS; ++j) probability[j] = slope[j] = 0.0;
    [[unroll]] for (uint c = 0; c < WIDTH4; ++c) {
      [[unroll]] for (uint f = 0; f < FETCHES; ++f) {
        const vec4 a = OWN_KEYS ? texelFetch(q, other_a[f] + int(c)) : texelFetch(k, other_a[f] + int(c));
        const vec4 b = OWN_KEYS ? texelFetch(d_o, other_b[f] + int(c)) : texelFetch(v, other_b[f] + int(c));
        [[unroll]] for (uint j = 0; j < LANES; ++j) {
          probability[f * LANES + j] += dot(own_a[c], subgroupShuffle(a, j));
          slope[f * LANES + j] += dot(own_b[c], subgroupShuffle(b, j));
        }
      }
    }
    [[unroll]] for (uint j = 0; j < OTHERS; ++j) {
      const float row_lse = OWN_KEYS ? subgroupShuffle(fetched_lse[j / LANES], j % LANES) : own_lse;
      const float row_delta = OWN_KEYS ? subgroupShuffle(fetched_delta[j / LANES], j % LANES) : own_delta;
      const float score = logit(probability[j], own, min(first + j, others - 1));
      probability[j] = first + j < others ? exp(score - row_lse) : 0.0;
      slope[j] = probability[j] * (slope[j] - row_delta) * p.a.scale;
    }
    [[unroll]] for (uint c = 0; c < WIDTH4; ++c) {
      [[unroll]] for (uint f = 0; f < FETCHES; ++f) {
        const vec4 a = OWN_KEYS ? texelFetch(q, other_a[f] + int(c)) : texelFetch(k, other_a[f] + int(c));
        [[unroll]] for (uint j = 0; j < LANES; ++j)
          d_first[c] += slope[f * LANES + j] * subgroupShuffle(a, j);
        if (OWN_KEYS) {
          const vec4 b = texelFetch(d_o, other_b[f] + int(c));
          [[unroll]] for (uint j = 0; j < LANES; ++j)
            d_second[c] += probability[f * LANES + j] * subgroupShuffle(b, j);
        }
      }
    }
  }
  if (token >= owns) return;
  [[unroll]] for (uint c = 0; c < WIDTH4; ++c) {
    dqkv[a_at + int(c)] = d_first[c];
    if (OWN_KEYS) dqkv[b_at + int(c)] = d_second[c];
  }
}
