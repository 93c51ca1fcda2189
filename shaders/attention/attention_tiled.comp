// o = softmax(scale · q kᵀ + bias + mask) v, one pass over the keys with running maximum and sum (Milakov & Gimelshein 2018;
// Dao et al. 2022, alg. 1). Probabilities are never stored; lse = log Σ exp of each row is.
// Four threads share a query: each owns a quarter of the scores of a tile and a quarter of the output.
// Keys are on their way while values are summed up, and values while scores are made. What lies beyond the keys or a
// head's channels is loaded from a clamped place: its weight, its q or the room for its result is zero or is not there.
// Shared bytes: 4 · (QUERIES · WIDTH + KEYS · (WIDTH + 4) + QUERIES · (KEYS + 1)).
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
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
layout(constant_id = 8) const bool FOURS = true;  // all of the layout is in multiples of four

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { AttentionPush p; };
layout(binding = 0) readonly buffer Q { STORE q[]; };
layout(binding = 0) readonly buffer Q4 { PACKED4 q4[]; };
layout(binding = 1) readonly buffer K { STORE k[]; };
layout(binding = 1) readonly buffer K4 { PACKED4 k4[]; };
layout(binding = 2) readonly buffer V { STORE v[]; };
layout(binding = 2) readonly buffer V4 { PACKED4 v4[]; };
layout(binding = 3) readonly buffer Bias { float bias[]; };  // as LogitTerm says
layout(binding = 4) readonly buffer Mask { float mask[]; };
layout(binding = 5) readonly buffer Lengths { uint lengths[]; };  // as KeyLimits says
layout(binding = 6) writeonly buffer O { STORE o[]; };      // [images, queries, heads * width]
layout(binding = 6) writeonly buffer O4 { STORE4 o4[]; };
layout(binding = 7) writeonly buffer Lse { float lse[]; };  // [images, heads, queries]

const uint WIDTH4 = WIDTH / 4;
const uint OWN4 = WIDTH4 / 4;  // vectors of the output a thread owns
const uint OWN_KEYS = KEYS / 4;

const uint ROW4 = WIDTH4 + 1;                  // of keys and values: rows begin in different banks
const uint LOADS = KEYS * WIDTH4 / GROUP;      // of keys or values, a thread and tile; exact for every tile used
const bool AHEAD = LOADS <= 6;                 // more would take the registers that sums need
const uint TOGETHER = AHEAD ? LOADS : 4;       // loads in flight

shared vec4 q_tile[QUERIES * WIDTH4];
shared vec4 kv_tile[KEYS * ROW4];
shared float scores[QUERIES * (KEYS + 1)];  // one more: rows begin in different banks

PACKED4 next[TOGETHER];
vec4 next_single[TOGETHER];  // where they are no fours

// Element of a tile that a thread loads: row and four channels.
uvec2 loaded(uint load) {
  const uint i = gl_LocalInvocationID.x + min(load, LOADS - 1) * GROUP;
  return uvec2(i / WIDTH4, i % WIDTH4);
}
// Keys, or values, from row `first` on, the loads from `load` on; at: where the head's begin.
void fetch(bool values, uint at, uint first, uint end, uint load) {
  [[unroll]] for (uint i = 0; i < TOGETHER; ++i) {
    const uvec2 place = loaded(load + i);
    const uint row = at + min(first + place.x, end - 1) * p.a.kv_token, c = place.y;
    if (FOURS) {
      const uint from = row / 4 + min(c, p.a.width / 4 - 1);
      next[i] = values ? v4[from] : k4[from];
    } else {
      [[unroll]] for (uint channel = 0; channel < 4; ++channel) {
        const uint from = row + min(c * 4 + channel, p.a.width - 1);
        next_single[i][channel] = values ? float(v[from]) : float(k[from]);
      }
    }
  }
}
void keep(uint load) {
  [[unroll]] for (uint i = 0; i < TOGETHER; ++i) {
    const uvec2 place = loaded(load + i);
    kv_tile[place.x * ROW4 + place.y] = FOURS ? opened(next[i]) : next_single[i];
  }
}
// A tile into shared memory: what was fetched, or else now.
void keep_tile(bool values, uint at, uint first, uint end) {
  if (AHEAD) {
    keep(0);
    return;
  }
  [[dont_unroll]] for (uint load = 0; load < LOADS; load += TOGETHER) {
    fetch(values, at, first, end, load);
    keep(load);
  }
}

void main() {
  const uint t = gl_LocalInvocationID.x;
  const uint image = gl_WorkGroupID.z, head = gl_WorkGroupID.y, first_query = gl_WorkGroupID.x * QUERIES;
  const uint q_at = p.a.q_first + image * p.a.q_image + head * p.a.width;
  const uint k_at = p.a.k_first + image * p.a.kv_image + head * p.a.width;
  const uint v_at = p.a.v_first + image * p.a.kv_image + head * p.a.width;
  const uint own_query = t / 4, part = t % 4;

  for (uint i = t; i < QUERIES * WIDTH4; i += GROUP) {
    const uint row = q_at + min(first_query + i / WIDTH4, p.a.queries - 1) * p.a.q_token, c = i % WIDTH4 * 4;
    vec4 value;
    if (FOURS) value = opened(q4[(row + min(c, p.a.width - 4)) / 4]);
    for (uint channel = 0; channel < 4; ++channel) {
      if (!FOURS) value[channel] = float(q[row + min(c + channel, p.a.width - 1)]);
      if (c + channel >= p.a.width) value[channel] = 0.0;
    }
    q_tile[i] = value * p.a.scale;
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

  if (AHEAD) fetch(false, k_at, 0, max(end, 1), 0);
  for (uint first_key = 0; first_key < end; first_key += KEYS) {
    keep_tile(false, k_at, first_key, end);
    if (AHEAD) fetch(true, v_at, first_key, end, 0);
    barrier();
    float score[OWN_KEYS];
    for (uint j = 0; j < OWN_KEYS; ++j) score[j] = 0.0;
    for (uint c = 0; c < WIDTH4; ++c) {
      const vec4 q_own = q_tile[own_query * WIDTH4 + c];
      for (uint j = 0; j < OWN_KEYS; ++j) score[j] += dot(q_own, kv_tile[(j * 4 + part) * ROW4 + c]);
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
    keep_tile(true, v_at, first_key, end);
    if (AHEAD) fetch(false, k_at, first_key + KEYS, end, 0);
    const float shrink = exp(largest - tile_largest);
    largest = tile_largest;
    total *= shrink;
    for (uint i = 0; i < OWN4; ++i) sum[i] *= shrink;
    barrier();
    for (uint j = 0; j < KEYS; ++j) {
      const float weight = exp(scores[own_query * (KEYS + 1) + j] - largest);
      total += weight;
      for (uint i = 0; i < OWN4; ++i) sum[i] += weight * kv_tile[j * ROW4 + i * 4 + part];
    }
    barrier();
  }

  const uint query = first_query + own_query;
  if (query >= p.a.queries) return;
  const uint o_at = ((image * p.a.queries + query) * p.a.heads + head) * p.a.width;
  const bool nothing = HAS_LENGTHS && own_end == 0;  // no key is seen
  for (uint i = 0; i < OWN4; ++i) {
    const uint first = (i * 4 + part) * 4;
    const vec4 value = nothing ? vec4(0) : sum[i] / total;
    if (FOURS) {
      if (first < p.a.width) o4[(o_at + first) / 4] = STORE4(value);
    } else {
      for (uint c = 0; c < 4; ++c)
        if (first + c < p.a.width) o[o_at + first + c] = STORE(value[c]);
    }
  }
  if (part == 0) lse[(image * p.a.heads + head) * p.a.queries + query] = nothing ? MASKED : largest + log(total);
}
