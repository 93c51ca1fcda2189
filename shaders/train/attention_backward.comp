// The gradient of fused attention by its inputs (Dao et al. 2022, alg. 4), from q, k, v, o, lse and do. With
// P = exp(scale · q kᵀ + bias + mask − lse), G = do vᵀ, δ_i = do_i · o_i and S = P ⊙ (G − δ):
//   dq = scale · S k      dk = scale · Sᵀ q      dv = Pᵀ do
// P is made again tile by tile and never stored. The first pass owns queries and writes dq and δ, the second owns
// keys and writes dk and dv: the same loops with the roles exchanged. Four threads share an own token: each owns a
// quarter of the products of a tile and a quarter of the channels.
// Shared bytes: 8 · (OWN + OTHER) · WIDTH + 8 · OWN · (OTHER + 1).
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/train/attention_backward.h"
#include "shaders/common/logit_term.glsl"
#include "shaders/common/storage.glsl"

layout(constant_id = 0) const uint GROUP = 64;   // 4 · OWN
layout(constant_id = 1) const uint OWN = 16;
layout(constant_id = 2) const uint OTHER = 16;   // tokens of a tile
layout(constant_id = 3) const uint WIDTH = 64;   // channels a head, rounded up to a multiple of 16
layout(constant_id = 4) const bool OWN_KEYS = false;
layout(constant_id = 5) const bool HAS_BIAS = false;
layout(constant_id = 6) const bool HAS_MASK = false;

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { AttentionBackwardPush p; };
layout(binding = 0) readonly buffer Q { STORE q[]; };
layout(binding = 1) readonly buffer K { STORE k[]; };
layout(binding = 2) readonly buffer V { STORE v[]; };
layout(binding = 3) readonly buffer Bias { float bias[]; };     // as LogitTerm says
layout(binding = 4) readonly buffer Mask { float mask[]; };
layout(binding = 5) readonly buffer O { STORE o[]; };           // [images, queries, heads * width]
layout(binding = 6) readonly buffer Do { float d_o[]; };        // as o
layout(binding = 7) readonly buffer Lse { float lse[]; };       // [images, heads, queries]
layout(binding = 8) buffer Delta { float delta[]; };            // [images, heads, queries]
layout(binding = 9) writeonly buffer Gradient { float dqkv[]; };

const uint WIDTH4 = WIDTH / 4;
const uint OWN4 = WIDTH4 / 4;  // vectors of a gradient that a thread owns
const uint OWN_OTHERS = OTHER / 4;

shared vec4 own_a[OWN * WIDTH4], own_b[OWN * WIDTH4];          // q and do, or k and v
shared vec4 other_a[OTHER * WIDTH4], other_b[OTHER * WIDTH4];  // k and v, or q and do
shared float probability[OWN * (OTHER + 1)], slope[OWN * (OTHER + 1)];  // P and S; rows begin in different banks

uint image() { return gl_WorkGroupID.z; }
uint head_at() { return gl_WorkGroupID.y * p.a.width; }
uint query_at(uint i) { return p.a.q_first + image() * p.a.q_image + i * p.a.q_token + head_at(); }
uint key_at(uint j) { return p.a.k_first + image() * p.a.kv_image + j * p.a.kv_token + head_at(); }
uint value_at(uint j) { return p.a.v_first + image() * p.a.kv_image + j * p.a.kv_token + head_at(); }
uint out_at(uint i) { return (image() * p.a.queries + i) * p.a.heads * p.a.width + head_at(); }
uint row_at(uint i) { return (image() * p.a.heads + gl_WorkGroupID.y) * p.a.queries + i; }

float load_a(bool key, uint token, uint c) { return key ? float(k[key_at(token) + c]) : float(q[query_at(token) + c]); }
float load_b(bool key, uint token, uint c) { return key ? float(v[value_at(token) + c]) : d_o[out_at(token) + c]; }

// Of an own and another token.
float logit(float score, uint own, uint other) {
  const uint query = OWN_KEYS ? other : min(own, p.a.queries - 1), key = OWN_KEYS ? min(own, p.a.keys - 1) : other;
  float sum = score * p.a.scale;
  if (HAS_BIAS) sum += bias[term_row4(p.bias, p.a, image(), gl_WorkGroupID.y, query) * 4 + key];
  if (HAS_MASK) sum += mask[term_row4(p.mask, p.a, image(), gl_WorkGroupID.y, query) * 4 + key];
  return HAS_BIAS || HAS_MASK ? max(sum, MASKED) : sum;
}

void main() {
  const uint t = gl_LocalInvocationID.x, first_own = gl_WorkGroupID.x * OWN;
  const uint own = t / 4, part = t % 4;
  const uint owns = OWN_KEYS ? p.a.keys : p.a.queries, others = OWN_KEYS ? p.a.queries : p.a.keys;

  for (uint i = t; i < OWN * WIDTH; i += GROUP) {
    const uint token = first_own + i / WIDTH, c = i % WIDTH;
    const bool inside = token < owns && c < p.a.width;
    own_a[i / 4][i % 4] = inside ? load_a(OWN_KEYS, token, c) : 0.0;
    own_b[i / 4][i % 4] = inside ? load_b(OWN_KEYS, token, c) : 0.0;
  }
  barrier();
  const uint token = first_own + own, own_row = OWN_KEYS ? 0 : row_at(min(token, owns - 1));
  float own_lse = 0.0, own_delta = 0.0;
  if (!OWN_KEYS) {
    own_lse = lse[own_row];
    const uint o_at = out_at(min(token, owns - 1));
    for (uint c = 0; c < p.a.width; ++c) own_delta += own_b[own * WIDTH4 + c / 4][c % 4] * float(o[o_at + c]);
    if (part == 0 && token < owns) delta[own_row] = own_delta;
  }

  vec4 d_first[OWN4], d_second[OWN4];  // dq and nothing, or dk and dv
  for (uint i = 0; i < OWN4; ++i) d_first[i] = d_second[i] = vec4(0);
  for (uint first = 0; first < others; first += OTHER) {
    barrier();
    for (uint i = t; i < OTHER * WIDTH; i += GROUP) {
      const uint other = first + i / WIDTH, c = i % WIDTH;
      const bool inside = other < others && c < p.a.width;
      other_a[i / 4][i % 4] = inside ? load_a(!OWN_KEYS, other, c) : 0.0;
      other_b[i / 4][i % 4] = inside ? load_b(!OWN_KEYS, other, c) : 0.0;
    }
    barrier();
    for (uint j = 0; j < OWN_OTHERS; ++j) {
      const uint in_tile = j * 4 + part, other = first + in_tile;
      float score = 0.0, towards = 0.0;
      for (uint c = 0; c < WIDTH4; ++c) {
        score += dot(own_a[own * WIDTH4 + c], other_a[in_tile * WIDTH4 + c]);
        towards += dot(own_b[own * WIDTH4 + c], other_b[in_tile * WIDTH4 + c]);
      }
      const uint row = OWN_KEYS ? row_at(min(other, others - 1)) : own_row;
      const float row_lse = OWN_KEYS ? lse[row] : own_lse, row_delta = OWN_KEYS ? delta[row] : own_delta;
      const float value = other < others ? exp(logit(score, token, other) - row_lse) : 0.0;
      probability[own * (OTHER + 1) + in_tile] = value;
      slope[own * (OTHER + 1) + in_tile] = value * (towards - row_delta) * p.a.scale;
    }
    barrier();
    for (uint j = 0; j < OTHER; ++j) {
      const float s = slope[own * (OTHER + 1) + j], w = probability[own * (OTHER + 1) + j];
      for (uint i = 0; i < OWN4; ++i) {
        d_first[i] += s * other_a[j * WIDTH4 + i * 4 + part];
        if (OWN_KEYS) d_second[i] += w * other_b[j * WIDTH4 + i * 4 + part];
      }
    }
  }
  if (token >= owns) return;
  for (uint i = 0; i < OWN4; ++i)
    for (uint c = 0; c < 4; ++c) {
      const uint channel = (i * 4 + part) * 4 + c;
      if (channel >= p.a.width) continue;
      dqkv[(OWN_KEYS ? key_at(token) : query_at(token)) + channel] = d_first[i][c];
      if (OWN_KEYS) dqkv[value_at(token) + channel] = d_second[i][c];
    }
}
