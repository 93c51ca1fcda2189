// Sets the `count` lowest entries of each image to zero; of equal ones the earlier go first. One workgroup an
// image. Entries are not negative, so their bits order as they do: the last one to go is found byte by byte
// from the top, each time by counting how many of those left have each value there, and among equal entries by
// their index in the same way.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/maps/discard_lowest.h"

layout(constant_id = 0) const uint GROUP = 128;

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { DiscardLowestPush p; };
layout(binding = 0) buffer A { float a[]; };  // [images, entries]

shared uint counts[256];
shared uint found, left, equal;  // the bits known so far; which one of those that share them; how many do

// One byte more of the entry sought, by value, or by index among entries of the value `same`.
void narrow(uint at, uint shift, bool by_index, uint same) {
  const uint known = found;
  for (uint i = gl_LocalInvocationID.x; i < 256; i += GROUP) counts[i] = 0;
  barrier();
  for (uint i = gl_LocalInvocationID.x; i < p.entries; i += GROUP) {
    const uint bits = floatBitsToUint(a[at + i]), key = by_index ? i : bits;
    if ((!by_index || bits == same) && (key >> shift >> 8) == (known >> shift >> 8))
      atomicAdd(counts[(key >> shift) & 255u], 1u);
  }
  barrier();
  if (gl_LocalInvocationID.x == 0) {
    uint digit = 0, passed = 0;
    while (digit < 255 && passed + counts[digit] < left) passed += counts[digit++];
    found = known | digit << shift;
    left -= passed;
    equal = counts[digit];
  }
  barrier();
}

void main() {
  const uint at = gl_WorkGroupID.x * p.entries;
  if (gl_LocalInvocationID.x == 0) {
    found = 0;
    left = p.count;
  }
  barrier();
  for (uint step = 0; step < 4; ++step) narrow(at, 24 - 8 * step, false, 0);
  const uint value = found;
  uint index = p.entries - 1;
  const bool all = equal == left;
  barrier();  // both are read until here
  if (!all) {
    if (gl_LocalInvocationID.x == 0) found = 0;
    barrier();
    for (uint step = 0; step < 4; ++step) narrow(at, 24 - 8 * step, true, value);
    index = found;
  }
  for (uint i = gl_LocalInvocationID.x; i < p.entries; i += GROUP) {
    const uint bits = floatBitsToUint(a[at + i]);
    if ((bits < value || (bits == value && i <= index)) && (i != 0 || p.keep_first == 0)) a[at + i] = 0.0;
  }
}
