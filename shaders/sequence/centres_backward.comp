// The gradient of predicted centres by what the network gave: dc · c (1 − c / length).
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/sequence/centres.h"

layout(constant_id = 0) const uint GROUP = 64;

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { CentresPush p; };
layout(binding = 0) readonly buffer Centres { float centres[]; };  // [batch, queries]
layout(binding = 1) readonly buffer DCentres { float dcentres[]; };
layout(binding = 2) readonly buffer Lengths { uint lengths[]; };  // [batch]
layout(binding = 3) writeonly buffer Dx { float dx[]; };

void main() {
  for (uint i = gl_GlobalInvocationID.x; i < p.batch * p.queries; i += gl_NumWorkGroups.x * GROUP) {
    const float length = float(lengths[i / p.queries]), centre = centres[i];
    dx[i] = length > 0.0 ? dcentres[i] * centre * (1.0 - centre / length) : 0.0;
  }
}
