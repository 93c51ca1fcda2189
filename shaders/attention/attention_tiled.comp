// o = softmax(scale · q kᵀ + bias + mask) v, one pass over the keys with running maximum and sum (Milakov & Gimelshein 2018;
// Dao et al. 2022, alg. 1). Probabilities are never stored; lse = log Σ exp of each row is.
// Four threads share a query: each owns a quarter of the scores of a tile and a quarter of the output.
// Shared bytes: 4 · (QUERIES + KEYS) · WIDTH + 4 · QUERIES · (KEYS + 1).
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/attention/attention.h"
#include "shaders/common/logit_term.glsl"
#include "shaders/common/storage.glsl"

layout(constant_id = 0) const uint GROUP = 64;    // 4 · QUERIES
layout(constant_id = 1) const uint QUERIES = 16;
layout(constant_id = 2) const uint KEYS = 32;     // a tile
layout(constant_id = 3) const uint WIDTH = 64;    // channels a head, rounded up to a multiple of 16
layout(constant_id = 4) const bool HAS_BIAS = false;
layout(constant_id = 5) const bool HAS_MASK = false;
layout(constant_id = 6) const bool HAS_LENGTHS = false;
layout(constant_id = 7) const bool CAUSAL = false;

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { AttentionPush p; };
layout(binding = 0) readonly buffer Q { STORE q[]; };
layout(binding = 1) readonly buffer K { STORE k[]; };
layout(binding = 2) readonly buffer V { STORE v[]; };
layout(binding = 3) readonly buffer Bias { float bias[]; };  // as LogitTerm says
layout(binding = 4) readonly buffer Mask { float mask[]; };
layout(binding = 5) readonly buffer Lengths { uint lengths[]; };  // as KeyLimits says
layout(binding = 6) writeonly buffer O { STORE o[]; };      // [images, queries, heads * width]
layout(binding = 7) writeonly buffer Lse { float lse[]; };  // [images, heads, queries]

const uint WIDTH4 = WIDTH / 4;
const uint OWN4 = WIDTH4 / 4;  // vectors of the output a thread owns
const uint OWN_KEYS = KEYS / 4;

shared vec4 q_tile[QUERIES * WIDTH4];
shared vec4 kv_tile[KEYS * WIDTH4];
shared float scores[QUERIES * (KEYS + 1)];  // one more: rows begin in different banks

void main() {
  const uint t = gl_LocalInvocationID.x;
  const uint image = gl_WorkGroupID.z, head = gl_WorkGroupID.y, first_query = gl_WorkGroupID.x * QUERIES;
  const uint q_at = p.a.q_first + image * p.a.q_image + head * p.a.width;
  const uint k_at = p.a.k_first + image * p.a.kv_image + head * p.a.width;
  const uint v_at = p.a.v_first + image * p.a.kv_image + head * p.a.width;
  const uint own_query = t / 4, part = t % 4;

  for (uint i = t; i < QUERIES * WIDTH; i += GROUP) {
    const uint query = first_query + i / WIDTH, c = i % WIDTH;
    const bool inside = query < p.a.queries && c < p.a.width;
    q_tile[i / 4][i % 4] = inside ? float(q[q_at + query * p.a.q_token + c]) * p.a.scale : 0.0;
  }
  vec4 sum[OWN4];
  for (uint i = 0; i < OWN4; ++i) sum[i] = vec4(0);
  const uint logit_query = min(first_query + own_query, p.a.queries - 1);
  const uint bias_at = HAS_BIAS ? 4 * term_row4(p.bias, p.a, image, head, logit_query) : 0;
  const uint mask_at = HAS_MASK ? 4 * term_row4(p.mask, p.a, image, head, logit_query) : 0;
  float largest = MASKED, total = 0.0;
  // Keys before `own_end` are seen by this query, those before `end` by some query of the workgroup.
  const uint seen = HAS_LENGTHS ? min(lengths[image % p.limits.lengths], p.a.keys) : p.a.keys;
  const uint last_query = min(first_query + QUERIES, p.a.queries) - 1;
  const uint end = CAUSAL ? min(seen, last_query + p.limits.offset + 1) : seen;
  const uint own_end = CAUSAL ? min(seen, logit_query + p.limits.offset + 1) : seen;

  for (uint first_key = 0; first_key < end; first_key += KEYS) {
    for (uint i = t; i < KEYS * WIDTH; i += GROUP) {
      const uint key = first_key + i / WIDTH, c = i % WIDTH;
      kv_tile[i / 4][i % 4] = key < end && c < p.a.width ? float(k[k_at + key * p.a.kv_token + c]) : 0.0;
    }
    barrier();
    float score[OWN_KEYS];
    for (uint j = 0; j < OWN_KEYS; ++j) score[j] = 0.0;
    for (uint c = 0; c < WIDTH4; ++c) {
      const vec4 q_own = q_tile[own_query * WIDTH4 + c];
      for (uint j = 0; j < OWN_KEYS; ++j) score[j] += dot(q_own, kv_tile[(j * 4 + part) * WIDTH4 + c]);
    }
    for (uint j = 0; j < OWN_KEYS; ++j) {
      const uint key = first_key + j * 4 + part, in_term = min(key, p.a.keys - 1);
      if (HAS_BIAS) score[j] += bias[bias_at + in_term];
      if (HAS_MASK) score[j] += mask[mask_at + in_term];
      if (HAS_BIAS || HAS_MASK) score[j] = max(score[j], MASKED);
      scores[own_query * (KEYS + 1) + j * 4 + part] = key < own_end ? score[j] : NO_KEY;
    }
    barrier();

    float tile_largest = largest;
    for (uint j = 0; j < KEYS; ++j) tile_largest = max(tile_largest, scores[own_query * (KEYS + 1) + j]);
    for (uint i = t; i < KEYS * WIDTH; i += GROUP) {
      const uint key = first_key + i / WIDTH, c = i % WIDTH;
      kv_tile[i / 4][i % 4] = key < end && c < p.a.width ? float(v[v_at + key * p.a.kv_token + c]) : 0.0;
    }
    const float shrink = exp(largest - tile_largest);
    largest = tile_largest;
    total *= shrink;
    for (uint i = 0; i < OWN4; ++i) sum[i] *= shrink;
    barrier();
    for (uint j = 0; j < KEYS; ++j) {
      const float weight = exp(scores[own_query * (KEYS + 1) + j] - largest);
      total += weight;
      for (uint i = 0; i < OWN4; ++i) sum[i] += weight * kv_tile[j * WIDTH4 + i * 4 + part];
    }
    barrier();
  }

  const uint query = first_query + own_query;
  if (query >= p.a.queries) return;
  const uint o_at = ((image * p.a.queries + query) * p.a.heads + head) * p.a.width;
  const bool nothing = HAS_LENGTHS && own_end == 0;  // no key is seen
  for (uint i = 0; i < OWN4; ++i)
    for (uint c = 0; c < 4; ++c) {
      const uint channel = (i * 4 + part) * 4 + c;
      if (channel < p.a.width) o[o_at + channel] = STORE(nothing ? 0.0 : sum[i][c] / total);
    }
  if (part == 0) lse[(image * p.a.heads + head) * p.a.queries + query] = nothing ? MASKED : largest + log(total);
}
