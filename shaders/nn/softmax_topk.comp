// Softmax over classes and the k best, one workgroup a row. Each round looks for the best class behind the one
// found before, so that equal logits come in the order of their indices and any input ends after k rounds.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/nn/softmax_topk.h"

layout(constant_id = 0) const uint GROUP = 64;

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { SoftmaxTopkPush p; };
layout(binding = 0) readonly buffer Logits { STORE logits[]; };                 // [rows, classes]
layout(binding = 1) writeonly buffer Probabilities { float probabilities[]; };  // [rows, classes]
layout(binding = 2) writeonly buffer Indices { uint indices[]; };               // [rows, k]
layout(binding = 3) writeonly buffer Best { float best[]; };                    // [rows, k]

shared float partial[GROUP];
shared uvec2 found[GROUP];

// Grows with x; NaN, recognised by its bits because isnan() may be optimised away, is below everything.
uint order_of(float x) {
  const uint bits = floatBitsToUint(x), magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return 0;
  if (magnitude == 0) return 0x80000000u;  // -0 equals 0
  return bits != magnitude ? ~bits : bits | 0x80000000u;
}

bool better(uvec2 a, uvec2 b) { return a.x > b.x || (a.x == b.x && a.y < b.y); }

void main() {
  const uint row = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
  if (row >= p.rows) return;  // uniform: the whole workgroup leaves
  const uint lane = gl_LocalInvocationID.x, first = row * p.classes;

  float largest = 0.0, total = 0.0;
  uvec2 before = uvec2(0);
  for (uint round = 0; round < p.k; ++round) {
    uvec2 own = uvec2(0, 0xffffffffu);
    for (uint i = lane; i < p.classes; i += GROUP) {
      const uvec2 candidate = uvec2(order_of(float(logits[first + i])), i);
      if ((round == 0 || better(before, candidate)) && better(candidate, own)) own = candidate;
    }
    found[lane] = own;
    for (uint width = GROUP / 2; width > 0; width /= 2) {
      barrier();
      if (lane < width && better(found[lane + width], found[lane])) found[lane] = found[lane + width];
    }
    barrier();
    before = found[0];
    const float logit = float(logits[first + before.y]);

    if (round == 0) {
      largest = logit;
      float sum = 0.0;
      for (uint i = lane; i < p.classes; i += GROUP) sum += exp(float(logits[first + i]) - largest);
      partial[lane] = sum;
      for (uint width = GROUP / 2; width > 0; width /= 2) {
        barrier();
        if (lane < width) partial[lane] += partial[lane + width];
      }
      barrier();
      total = partial[0];
      for (uint i = lane; i < p.classes; i += GROUP)
        probabilities[first + i] = exp(float(logits[first + i]) - largest) / total;
    }
    if (lane == 0) {
      indices[row * p.k + round] = before.y;
      best[row * p.k + round] = exp(logit - largest) / total;
    }
    barrier();  // found[] is read until here
  }
}
