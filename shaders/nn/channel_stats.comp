// Mean and maximum of each pixel over its channels: x [pixels, units] → y [pixels, 4], two of the four zero. The
// lanes of a row of the workgroup share a pixel.
// Variants: buffer texel
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/common/units.glsl"
#include "shaders/nn/channel_stats.h"

layout(constant_id = 3) const bool MEAN_FIRST = true;  // else the maximum

layout(push_constant) uniform Block { ChannelStatsPush p; };
UNITS_IN(0, x, STORE, STORE4)
layout(binding = 1) writeonly buffer Y { STORE4 y[]; };

shared vec4 shared_sum[GROUP];
shared vec4 shared_most[GROUP];

void main() {
  const uint lane = lane_x(), self = gl_LocalInvocationIndex;
  for (uint first = gl_WorkGroupID.x * GROUP_Y; first < p.pixels; first += gl_NumWorkGroups.x * GROUP_Y) {
    const uint pixel = min(first + lane_y(), p.pixels - 1);
    vec4 sum = vec4(0), most = vec4(uintBitsToFloat(0xff800000u));  // −∞
    for (uint i = lane; i < p.units; i += GROUP_X) {
      const vec4 value = x(pixel * p.units + i);
      sum += value;
      most = max(most, value);
    }
    if (GROUP_X > 1) {
      shared_sum[self] = sum;
      shared_most[self] = most;
      for (uint step = GROUP_X / 2; step > 0; step /= 2) {
        barrier();
        if (lane < step) {
          shared_sum[self] = sum += shared_sum[self + step];
          shared_most[self] = most = max(most, shared_most[self + step]);
        }
      }
      barrier();
    }
    // A unit that is one channel has it four times.
    const float mean = dot(sum, vec4(0.25)) / float(p.units);
    const float maximum = max(max(most.x, most.y), max(most.z, most.w));
    if (lane == 0 && first + lane_y() < p.pixels)
      y[pixel] = STORE4(vec4(MEAN_FIRST ? vec2(mean, maximum) : vec2(maximum, mean), 0.0, 0.0));
  }
}
