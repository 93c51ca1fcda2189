// The patches that hold the top `mass` of a row of attention (Caron et al. 2021): with a row's patches sorted
// ascending, those where the cumulative sum exceeds 1 − mass of the whole. One lane a patch finds its cumulative
// sum by comparing with every other; of equal values the later token counts as the larger. The sums add in one
// order, so a larger value never gets a smaller sum. Heads are fused by mean, maximum or minimum of their masks.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/maps/mass_mask.h"

layout(constant_id = 0) const uint GROUP = 64;
layout(constant_id = 1) const uint FUSION = 1;  // as in attention_rows.comp: 1 mean, 2 max, 3 min

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { MassMaskPush p; };
layout(binding = 0) readonly buffer A { float a[]; };   // [images, heads, tokens]
layout(binding = 1) writeonly buffer Y { float y[]; };  // [images, patches]

void main() {
  const uint patches = p.tokens - p.first, image = gl_WorkGroupID.y;
  const uint patch_of_lane = gl_GlobalInvocationID.x, own = min(patch_of_lane, patches - 1);
  uint kept = 0;
  for (uint head = 0; head < p.heads; ++head) {
    const uint at = (image * p.heads + head) * p.tokens + p.first;
    const float value = a[at + own];
    float below = 0.0, total = 0.0;
    bool largest = true;
    for (uint j = 0; j < patches; ++j) {
      const float other = a[at + j];
      const bool up_to = other < value || (other == value && j <= own);
      total += other;
      if (up_to) below += other;
      largest = largest && up_to;
    }
    // The largest has all of the sum below it, which rounding of 1 − mass must not make too little.
    if (largest || below > (1.0 - p.mass) * total) ++kept;
  }
  if (patch_of_lane >= patches) return;
  y[image * patches + own] = FUSION == 1   ? float(kept) / float(p.heads)
                             : FUSION == 2 ? (kept != 0 ? 1.0 : 0.0)
                                           : (kept == p.heads ? 1.0 : 0.0);
}
