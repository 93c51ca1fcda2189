// A map's values to levels from 0 to 1 of a range: the frame's own, one that forgets slowly, or a fixed one; before
// that, smoothed over frames. One workgroup, as a map has hundreds of cells. Bits tell what is no number, since a
// compiler may take for granted that there is none.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/image/levels.h"

layout(constant_id = 0) const uint GROUP = 64;
layout(constant_id = 1) const uint SCALE = 0;  // ops::LevelScale: frame, running, fixed
layout(constant_id = 2) const uint SMOOTH = 0;

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { LevelsPush p; };
layout(binding = 0) readonly buffer Map { uint map[]; };          // floats, copied bit by bit
layout(binding = 1) coherent buffer State { float state[]; };     // frames seen (0, 1), their range, smoothed cells
layout(binding = 2) writeonly buffer Values { uint values[]; };   // [cells], after smoothing
layout(binding = 3) writeonly buffer Levels { vec4 levels[]; };   // [cells], each with its right, lower, lower
                                                                  // right neighbour: what drawing reads

const float LARGEST = 3.402823466e38;
const vec2 NOTHING = vec2(LARGEST, -LARGEST);
shared vec2 parts[GROUP];

bool is_finite(uint bits) { return (bits & 0x7f800000u) != 0x7f800000u; }
// NaN counts as the lowest, infinities as the lowest and the highest.
float within(uint bits, vec2 range) {
  if (!is_finite(bits)) return bits == 0x7f800000u ? range.y : range.x;
  return clamp(uintBitsToFloat(bits), range.x, range.y);
}
// Halves, because the range of floats is no float.
float level(float v, vec2 range) {
  const float extent = 0.5 * range.y - 0.5 * range.x;
  return extent > 0.0 ? (0.5 * v - 0.5 * range.x) / extent : 0.0;
}
vec2 joined(vec2 range, float v) { return vec2(min(range.x, v), max(range.y, v)); }

vec2 of_group(vec2 mine) {
  parts[gl_LocalInvocationID.x] = mine;
  memoryBarrierBuffer();  // smoothed cells too are read by other lanes
  barrier();
  vec2 all = parts[0];
  for (uint i = 1; i < GROUP; ++i) all = vec2(min(all.x, parts[i].x), max(all.y, parts[i].y));
  barrier();
  return all;
}

void main() {
  const uint lane = gl_LocalInvocationID.x;
  const bool seen = (SMOOTH != 0 || SCALE == 1) && state[0] != 0.0;
  const vec2 before = SCALE == 1 && seen ? vec2(state[1], state[2]) : NOTHING;
  vec2 range = NOTHING;
  for (uint i = lane; i < p.rows * p.cols; i += GROUP) {
    const uint bits = map[p.first + i];
    if (is_finite(bits)) range = joined(range, uintBitsToFloat(bits));
  }
  range = of_group(range);
  const bool any = range.x <= range.y;  // number among the values
  if (!any) range = vec2(0.0);

  if (SMOOTH != 0) {
    vec2 smoothed = NOTHING;
    for (uint i = lane; i < p.rows * p.cols; i += GROUP) {
      float v = within(map[p.first + i], range);
      if (seen) v = any ? p.smoothing * state[3 + i] + (1.0 - p.smoothing) * v : state[3 + i];
      if (any) state[3 + i] = v;
      values[i] = floatBitsToUint(v);
      smoothed = joined(smoothed, v);
    }
    range = of_group(smoothed);
  }
  const vec2 own = range;
  if (SCALE == 1) {
    if (seen) range = any ? vec2(min(own.x, mix(before.x, own.x, p.forgetting)),
                                 max(own.y, mix(before.y, own.y, p.forgetting)))
                          : before;
  }
  if (SCALE == 2) range = vec2(p.lowest, p.highest);
  if ((SMOOTH != 0 || SCALE == 1) && any && lane == 0) {
    state[0] = 1.0;
    state[1] = range.x;
    state[2] = range.y;
  }

  for (uint i = lane; i < p.rows * p.cols; i += GROUP) {
    const uint row = i / p.cols, col = i % p.cols;
    const uint right = min(col + 1, p.cols - 1) - col, below = (min(row + 1, p.rows - 1) - row) * p.cols;
    const uvec4 at = i + uvec4(0, right, below, below + right);
    vec4 corners;
    for (uint j = 0; j < 4; ++j) {
      float v = range.x;
      if (SMOOTH == 0)
        v = within(map[p.first + at[j]], range);
      else if (any || seen)
        v = clamp(state[3 + at[j]], range.x, range.y);
      corners[j] = level(v, range);
    }
    levels[i] = corners;
    if (SMOOTH == 0) values[i] = map[p.first + i];
  }
}
