// Rotary position embedding (Su et al. 2021, eq. 34), in place: each pair of a head's channels (a, b) becomes
// (a cos − b sin, b cos + a sin) of its token's angle. A lane turns four pairs, or one where they are no multiple of
// four.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/attention/rope.h"

layout(constant_id = 0) const uint GROUP = 64;
layout(constant_id = 1) const bool FOURS = true;
layout(constant_id = 2) const bool HALVES = false;  // pairs are channels c and c + pairs, not neighbours

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { RopePush p; };
layout(binding = 0) buffer X { STORE x[]; };
layout(binding = 0) buffer XFour { STORE4 x_four[]; };
layout(binding = 1) readonly buffer Table { float table[]; };  // [table_heads, tokens, 2, pairs]: cosines, then sines
layout(binding = 1) readonly buffer TableFour { vec4 table_four[]; };

void turn_one(uint at, uint angle, uint pair) {
  const float c = table[angle + pair], s = table[angle + p.pairs + pair] * p.direction;
  const uint first = at + (HALVES ? pair : 2 * pair), second = first + (HALVES ? p.pairs : 1);
  const float a = float(x[first]), b = float(x[second]);
  x[first] = STORE(a * c - b * s);
  x[second] = STORE(b * c + a * s);
}

void turn_four(uint at, uint angle, uint pair) {
  const vec4 c = table_four[(angle + pair) / 4], s = table_four[(angle + p.pairs + pair) / 4] * p.direction;
  const uint first = (at + (HALVES ? pair : 2 * pair)) / 4, second = first + (HALVES ? p.pairs / 4 : 1);
  const vec4 u = vec4(x_four[first]), v = vec4(x_four[second]);
  const vec4 a = HALVES ? u : vec4(u.xz, v.xz), b = HALVES ? v : vec4(u.yw, v.yw);
  const vec4 turned_a = a * c - b * s, turned_b = b * c + a * s;
  x_four[first] = STORE4(HALVES ? turned_a : vec4(turned_a.x, turned_b.x, turned_a.y, turned_b.y));
  x_four[second] = STORE4(HALVES ? turned_b : vec4(turned_a.z, turned_b.z, turned_a.w, turned_b.w));
}

void main() {
  const uint own = FOURS ? 4 : 1, units = p.pairs / own, unit = gl_GlobalInvocationID.x;
  const uint head = unit / units, pair = unit % units * own;
  if (head >= p.heads) return;
  for (uint token = gl_WorkGroupID.y; token < p.tokens; token += gl_NumWorkGroups.y) {
    const uint at = p.first + gl_WorkGroupID.z * p.image + token * p.token + head * p.head;
    const uint angle = (head % p.table_heads * p.tokens + token) * 2 * p.pairs;
    if (FOURS) turn_four(at, angle, pair);
    else turn_one(at, angle, pair);
  }
}
