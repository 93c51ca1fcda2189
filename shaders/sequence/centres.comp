// Where local attention looks (Luong et al. 2015): at positions that a network predicts, length · logistic(x), or,
// MONOTONIC, along with the queries, ⌊query · length / queries⌋, which are whole numbers too.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/sequence/centres.h"

layout(constant_id = 0) const uint GROUP = 64;
layout(constant_id = 1) const bool MONOTONIC = false;

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { CentresPush p; };
layout(binding = 0) readonly buffer X { STORE x[]; };               // [batch, queries]
layout(binding = 1) readonly buffer Lengths { uint lengths[]; };    // [batch]
layout(binding = 2) writeonly buffer Centres { float centres[]; };  // [batch, queries]
layout(binding = 3) writeonly buffer Whole { uint whole[]; };       // the same

void main() {
  for (uint i = gl_GlobalInvocationID.x; i < p.batch * p.queries; i += gl_NumWorkGroups.x * GROUP) {
    const uint length = lengths[i / p.queries];
    if (MONOTONIC) {
      const uint centre = i % p.queries * length / p.queries;
      centres[i] = float(centre);
      whole[i] = centre;
    } else {
      centres[i] = float(length) / (1.0 + exp(-float(x[i])));
    }
  }
}
