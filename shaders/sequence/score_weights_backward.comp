// The gradient of soft attention's weights by their scores: w dw − s Σ w dw, where s is the softmax, and w = s but for a
// Gaussian, which also has one by its centre: Σ w dw (j − centre) / σ². A workgroup has a row.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/sequence/score_weights.h"

layout(constant_id = 0) const uint GROUP = 64;  // a power of two
layout(constant_id = 1) const bool GAUSS = false;

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { ScoreWeightsPush p; };
layout(binding = 0) readonly buffer Weights { float weights[]; };        // [rows, keys]
layout(binding = 1) readonly buffer DWeights { float dweights[]; };      // [rows, keys]
layout(binding = 2) readonly buffer Centres { float centres[]; };        // [rows]
layout(binding = 3) writeonly buffer DScores { float dscores[]; };       // [rows, keys]
layout(binding = 4) writeonly buffer DCentres { float dcentres[]; };     // [rows]

shared vec2 sums[GROUP];

void main() {
  const uint lane = gl_LocalInvocationIndex, row = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
  if (row >= p.rows) return;
  const float centre = GAUSS ? centres[row] : 0.0;
  vec2 sum = vec2(0);
  for (uint key = lane; key < p.keys; key += GROUP) {
    const float product = weights[row * p.keys + key] * dweights[row * p.keys + key];
    sum += vec2(product, product * (float(key) - centre) * 2.0 * p.falloff);
  }
  sums[lane] = sum;
  for (uint half_group = GROUP / 2; half_group > 0; half_group /= 2) {
    barrier();
    if (lane < half_group) sums[lane] += sums[lane + half_group];
  }
  barrier();
  sum = sums[0];
  for (uint key = lane; key < p.keys; key += GROUP) {
    const float weight = weights[row * p.keys + key], off = float(key) - centre;
    // Within the window the Gaussian is above zero; where a weight is zero so is its softmax.
    const float softmax = GAUSS && weight != 0.0 ? weight * exp(off * off * p.falloff) : weight;
    dscores[row * p.keys + key] = weight * dweights[row * p.keys + key] - softmax * sum.x;
  }
  if (GAUSS && lane == 0) dcentres[row] = sum.y;
}
