// The 2 · beams best continuations of each picture's beams, by summed logarithms of probabilities, and the first of them
// that are no ends as the beams that go on. One workgroup a picture; of equal sums the lower beam's, then that of the
// token that best_tokens has first.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/nn/pick_beams.h"
layout(constant_id = 0) const uint GROUP = 64;
layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { PickBeamsPush p; };
layout(binding = 0) readonly buffer Tokens { uint tokens[]; };            // [rows, each]
layout(binding = 1) readonly buffer Logs { float logs[]; };               // [rows, each]
layout(binding = 2) buffer Sums { float sums[]; };                        // [rows]
layout(binding = 3) writeonly buffer Token { uint token[]; };             // [rows]: what the next step reads
layout(binding = 4) buffer Past { uint past[]; };                         // [rows]
layout(binding = 5) buffer Seen { uint seen[]; };                         // [rows]
layout(binding = 6) writeonly buffer Parents { uint parents[]; };         // [rows]: the row each went on from
layout(binding = 7) writeonly buffer Candidates { uint candidates[]; };   // [pictures, 2 * beams, 4]

const uint MOST_BEAMS = 16;
shared float sum_of[2 * MOST_BEAMS * MOST_BEAMS];
shared uint ranked[2 * MOST_BEAMS];

void main() {
  const uint picture = gl_WorkGroupID.x, lane = gl_LocalInvocationID.x;
  const uint first = picture * p.beams, count = p.beams * p.each;
  for (uint i = lane; i < count; i += GROUP) {
    const float sum = sums[first + i / p.each] + logs[first * p.each + i];
    // NaN is below everything, recognised by its bits because isnan() may be optimised away.
    sum_of[i] = (floatBitsToUint(sum) & 0x7fffffffu) > 0x7f800000u ? uintBitsToFloat(0xff800000u) : sum;
  }
  barrier();
  for (uint i = lane; i < count; i += GROUP) {
    uint rank = 0;
    for (uint other = 0; other < count; ++other)
      rank += sum_of[other] > sum_of[i] || (sum_of[other] == sum_of[i] && other < i) ? 1 : 0;
    if (rank < 2 * p.beams) ranked[rank] = i;
  }
  barrier();
  if (lane != 0) return;
  uint beam = 0;
  for (uint rank = 0; rank < 2 * p.beams; ++rank) {
    const uint i = ranked[rank], id = tokens[first * p.each + i], at = 4 * (picture * 2 * p.beams + rank);
    candidates[at] = id;
    candidates[at + 1] = i / p.each;
    candidates[at + 2] = floatBitsToUint(sum_of[i]);
    candidates[at + 3] = floatBitsToUint(logs[first * p.each + i]);
    if (id == p.end || beam == p.beams) continue;
    const uint row = first + beam++;
    sums[row] = sum_of[i];
    token[row] = id;
    past[row] += 1;
    seen[row] += 1;
    parents[row] = first + i / p.each;
  }
}
