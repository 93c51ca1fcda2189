// Cross entropy of logits against targets, the mean over those that count, and its gradient. A row gives its share of
// the mean. A workgroup has a row.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/sequence/cross_entropy.h"

layout(constant_id = 0) const uint GROUP = 64;  // a power of two

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { CrossEntropyPush p; };
layout(binding = 0) readonly buffer X { STORE x[]; };              // [steps, batch, classes]
layout(binding = 1) readonly buffer Targets { uint targets[]; };   // [batch, steps]
layout(binding = 2) writeonly buffer Losses { float losses[]; };   // [steps, batch]
layout(binding = 3) writeonly buffer Dx { float dx[]; };           // as x

shared float shared_value[GROUP];

float shared_sum(uint lane, float value) {
  barrier();
  shared_value[lane] = value;
  for (uint half_group = GROUP / 2; half_group > 0; half_group /= 2) {
    barrier();
    if (lane < half_group) shared_value[lane] += shared_value[lane + half_group];
  }
  barrier();
  return shared_value[0];
}

void main() {
  const uint lane = gl_LocalInvocationIndex, row = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
  const uint rows = p.steps * p.batch;
  if (row >= rows) return;
  float counted = 0.0;
  for (uint i = lane; i < rows; i += GROUP) counted += targets[i] != p.ignored ? 1.0 : 0.0;
  const float count = shared_sum(lane, counted);

  float largest = -3.4e38;
  for (uint c = lane; c < p.classes; c += GROUP) largest = max(largest, float(x[row * p.classes + c]));
  barrier();
  shared_value[lane] = largest;
  for (uint half_group = GROUP / 2; half_group > 0; half_group /= 2) {
    barrier();
    if (lane < half_group) shared_value[lane] = max(shared_value[lane], shared_value[lane + half_group]);
  }
  barrier();
  largest = shared_value[0];

  float total = 0.0;
  for (uint c = lane; c < p.classes; c += GROUP) total += exp(float(x[row * p.classes + c]) - largest);
  total = shared_sum(lane, total);
  const uint target = targets[row % p.batch * p.steps + row / p.batch];
  const bool counts = target != p.ignored && target < p.classes;
  if (lane == 0)
    losses[row] = counts ? (largest + log(total) - float(x[row * p.classes + target])) / count : 0.0;
  for (uint c = lane; c < p.classes; c += GROUP) {
    const float probability = exp(float(x[row * p.classes + c]) - largest) / total;
    dx[row * p.classes + c] = counts ? (probability - (c == target ? 1.0 : 0.0)) / count : 0.0;
  }
}
