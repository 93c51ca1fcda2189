// The direction in which the channels of a cell raise an image's class: v = factor · γ ⊙ w_class. Behind a
// norm only what differs from the mean over channels counts, so v is centred; where the norm reads the pooled
// channels, v is divided by their standard deviation. One workgroup an image.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/maps/class_direction.h"
#include "shaders/common/storage.glsl"

layout(constant_id = 0) const uint GROUP = 64;
layout(constant_id = 1) const bool HAS_NORM = false;     // γ, and v centred
layout(constant_id = 2) const bool POOLED_NORM = false;  // the norm reads `pooled`

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { ClassDirectionPush p; };
layout(binding = 0) readonly buffer Head { STORE head[]; };       // [channels, classes]
layout(binding = 1) readonly buffer Gamma { float gamma[]; };     // [channels]
layout(binding = 2) readonly buffer Pooled { STORE pooled[]; };   // [images, channels]
layout(binding = 3) readonly buffer Classes { uint class_of[]; };
layout(binding = 4) writeonly buffer V { float v[]; };            // [images, channels]

shared float partial[GROUP];

float sum_of_group(float own) {
  const uint t = gl_LocalInvocationID.x;
  barrier();  // the last sum is read by all
  partial[t] = own;
  barrier();
  float sum = 0.0;
  for (uint i = 0; i < GROUP; ++i) sum += partial[i];
  return sum;
}

void main() {
  const uint image = gl_WorkGroupID.x, t = gl_LocalInvocationID.x;
  const uint class_index = min(class_of[image * p.class_stride + p.rank], p.classes - 1);
  float centre = 0.0, scale = p.factor;
  if (HAS_NORM) {
    float own = 0.0;
    for (uint c = t; c < p.channels; c += GROUP) own += gamma[c] * float(head[c * p.classes + class_index]);
    centre = sum_of_group(own) / float(p.channels);
  }
  if (POOLED_NORM) {
    float own = 0.0;
    for (uint c = t; c < p.channels; c += GROUP) own += float(pooled[image * p.channels + c]);
    const float mean = sum_of_group(own) / float(p.channels);
    own = 0.0;
    for (uint c = t; c < p.channels; c += GROUP) {
      const float off = float(pooled[image * p.channels + c]) - mean;
      own += off * off;
    }
    scale *= inversesqrt(sum_of_group(own) / float(p.channels) + p.epsilon);
  }
  for (uint c = t; c < p.channels; c += GROUP) {
    const float w = float(head[c * p.classes + class_index]);
    v[image * p.channels + c] = scale * (HAS_NORM ? gamma[c] * w - centre : w);
  }
}
