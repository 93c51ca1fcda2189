// What attention makes of scores: softmax over the keys that are seen, or 1 for one of them, the highest (the first of
// equals) or a sample of the softmax (Xu et al. 2015, hard attention). WINDOW: keys near a centre alone, and, GAUSS,
// times exp(−(j − centre)² / 2σ²) (Luong et al. 2015, local attention). A row that sees no key has zeros. A workgroup
// has a row.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/sequence/score_weights.h"

layout(constant_id = 0) const uint GROUP = 64;  // a power of two
layout(constant_id = 1) const bool HARD = false;
layout(constant_id = 2) const bool SAMPLE = false;  // with HARD
layout(constant_id = 3) const bool HAS_MASK = false;
layout(constant_id = 4) const bool HAS_LENGTHS = false;
layout(constant_id = 5) const bool WINDOW = false;
layout(constant_id = 6) const bool GAUSS = false;

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { ScoreWeightsPush p; };
layout(binding = 0) readonly buffer Scores { float scores[]; };    // [rows, keys]
layout(binding = 1) readonly buffer Mask { uint mask[]; };         // [images, keys], 0: not seen
layout(binding = 2) readonly buffer Lengths { uint lengths[]; };   // [images]
layout(binding = 3) readonly buffer Centres { float centres[]; };  // [rows]
layout(binding = 4) writeonly buffer Weights { float weights[]; };  // [rows, keys]

const float NOT_SEEN = -3.4e38;
shared float shared_value[GROUP];
shared uint shared_key[GROUP];

uint hash(uint x) {  // Wellons' lowbias32
  x = (x ^ (x >> 16)) * 0x7feb352dU;
  x = (x ^ (x >> 15)) * 0x846ca68bU;
  return x ^ (x >> 16);
}

// The score that a key takes part with.
float score(uint row, uint key) {
  const uint image = row / p.queries;
  if (HAS_LENGTHS && key >= lengths[image]) return NOT_SEEN;
  if (HAS_MASK && mask[image * p.keys + key] == 0) return NOT_SEEN;
  if (WINDOW && abs(float(key) - centres[row]) > p.window) return NOT_SEEN;
  float value = scores[row * p.keys + key];
  if (SAMPLE) {  // the highest of scores with Gumbel noise is a sample of their softmax
    const uint drawn = hash(hash(row ^ hash(p.seed)) ^ key);
    value -= log(-log((float(drawn >> 8) + 0.5) * (1.0 / 16777216.0)));
  }
  return max(value, -3.0e38);
}

void main() {
  const uint lane = gl_LocalInvocationIndex, row = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
  if (row >= p.rows) return;
  float largest = NOT_SEEN;
  uint best = p.keys;
  for (uint key = lane; key < p.keys; key += GROUP) {
    const float value = score(row, key);
    if (value > largest) {
      largest = value;
      best = key;
    }
  }
  shared_value[lane] = largest;
  shared_key[lane] = best;
  for (uint half_group = GROUP / 2; half_group > 0; half_group /= 2) {
    barrier();
    if (lane < half_group) {
      const float value = shared_value[lane + half_group];
      const uint key = shared_key[lane + half_group];
      if (value > shared_value[lane] || (value == shared_value[lane] && key < shared_key[lane])) {
        shared_value[lane] = value;
        shared_key[lane] = key;
      }
    }
  }
  barrier();
  largest = shared_value[0];
  best = shared_key[0];
  barrier();
  if (HARD) {
    for (uint key = lane; key < p.keys; key += GROUP) weights[row * p.keys + key] = key == best ? 1.0 : 0.0;
    return;
  }
  float total = 0.0;
  for (uint key = lane; key < p.keys; key += GROUP) {
    const float value = score(row, key);
    if (value != NOT_SEEN) total += exp(value - largest);
  }
  shared_value[lane] = total;
  for (uint half_group = GROUP / 2; half_group > 0; half_group /= 2) {
    barrier();
    if (lane < half_group) shared_value[lane] += shared_value[lane + half_group];
  }
  barrier();
  total = shared_value[0];
  for (uint key = lane; key < p.keys; key += GROUP) {
    const float value = score(row, key);
    float weight = value == NOT_SEEN ? 0.0 : exp(value - largest) / total;
    if (GAUSS) {
      const float off = float(key) - centres[row];
      weight *= exp(-off * off * p.falloff);
    }
    weights[row * p.keys + key] = weight;
  }
}
