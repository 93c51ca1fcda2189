// Rows behind those that a cache holds: cache[b, past[b] + t] = x[b, t], of which units x_first … x_first + units − 1.
// Rows beyond the cache are dropped.
// Variants: buffer texel
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/common/units.glsl"
#include "shaders/attention/cache_append.h"
layout(constant_id = 3) const bool HAS_PAST = true;

layout(push_constant) uniform Block { CacheAppendPush p; };
UNITS_IN(0, x, STORE, STORE4)                               // [images, tokens, x_units]
layout(binding = 1) readonly buffer Past { uint past[]; };  // [images]: rows that are there
UNITS_OUT(2, cache)                                         // [images, capacity, units]

void main() {
  const uint unit = global_x(), image = gl_WorkGroupID.z;
  if (unit >= p.units) return;
  const uint before = HAS_PAST ? past[image] : 0;
  for (uint t = global_y(); t < p.tokens; t += gl_NumWorkGroups.y * GROUP_Y)
    if (before + t < p.capacity)
      write_cache((image * p.capacity + before + t) * p.units + unit,
                  x((image * p.tokens + t) * p.x_units + p.x_first + unit));
}
