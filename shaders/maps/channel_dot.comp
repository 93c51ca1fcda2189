// y = Σ_c w_c x_c of each cell, with weights of its image: what a map keeps of a feature map. One lane a cell.
// NORMALISED divides by the cell's standard deviation over its channels, as a LayerNorm there does.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/maps/channel_dot.h"
#include "shaders/common/storage.glsl"

layout(constant_id = 0) const uint GROUP = 64;
layout(constant_id = 1) const uint WEIGHTS = 0;  // 0 none, all are one; 1 at storage type; 2 f32
layout(constant_id = 2) const bool NORMALISED = false;

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { ChannelDotPush p; };
layout(binding = 0) readonly buffer X { STORE x[]; };          // [images, cells, channels]
layout(binding = 1) readonly buffer W { STORE w_stored[]; };   // [images, channels]
layout(binding = 1) readonly buffer W32 { float w_single[]; };
layout(binding = 2) writeonly buffer Y { float y[]; };         // [images, cells]

void main() {
  const uint cell = gl_GlobalInvocationID.x, image = gl_WorkGroupID.y;
  if (cell >= p.cells) return;
  const uint x_at = (image * p.cells + cell) * p.channels, w_at = image * p.channels;
  float sum = 0.0, mean = 0.0;
  for (uint c = 0; c < p.channels; ++c) {
    const float value = float(x[x_at + c]);
    mean += value;
    sum += WEIGHTS == 0 ? value : value * (WEIGHTS == 1 ? float(w_stored[w_at + c]) : w_single[w_at + c]);
  }
  if (NORMALISED) {
    mean /= float(p.channels);
    float variance = 0.0;
    for (uint c = 0; c < p.channels; ++c) {
      const float off = float(x[x_at + c]) - mean;
      variance += off * off;
    }
    sum *= inversesqrt(variance / float(p.channels) + p.epsilon);
  }
  y[image * p.cells + cell] = sum;
}
