// Rows of a cache from where their beams went on: row b gets what row parents[b] of its group holds, of its first past[b]
// tokens. In place: a lane holds the same four channels of the whole group.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/attention/cache_reorder.h"
layout(constant_id = 0) const uint GROUP = 64;
layout(constant_id = 1) const uint GROUP_X = 64;  // lanes along a token's channels
layout(constant_id = 2) const uint BEAMS = 16;
layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { CacheReorderPush p; };
layout(binding = 0) readonly buffer Parents { uint parents[]; };  // [rows]
layout(binding = 1) readonly buffer Past { uint past[]; };        // [rows]: tokens that the cache holds
layout(binding = 2) buffer Cache { STORE4 cache[]; };             // [rows, capacity, units]

void main() {
  const uint first = gl_WorkGroupID.z * BEAMS, unit = gl_WorkGroupID.x * GROUP_X + gl_LocalInvocationIndex % GROUP_X;
  bool stays = true;
  for (uint b = 0; b < BEAMS; ++b) stays = stays && parents[first + b] == first + b;
  if (stays || unit >= p.units) return;
  const uint tokens = min(past[first], p.capacity), each = GROUP / GROUP_X;
  for (uint t = gl_WorkGroupID.y * each + gl_LocalInvocationIndex / GROUP_X; t < tokens; t += gl_NumWorkGroups.y * each) {
    vec4 held[BEAMS];
    for (uint b = 0; b < BEAMS; ++b) held[b] = vec4(cache[((first + b) * p.capacity + t) * p.units + unit]);
    for (uint b = 0; b < BEAMS; ++b)
      cache[((first + b) * p.capacity + t) * p.units + unit] = STORE4(held[parents[first + b] - first]);
  }
}
