// Independent chains of fused multiply-adds in registers: the arithmetic peak that other kernels are held against.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "shaders/common/fma_peak.h"

layout(constant_id = 0) const uint GROUP = 64;

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { FmaPeakPush p; };
layout(binding = 0) writeonly buffer Y { float y[]; };  // [workgroups · GROUP]

void main() {
  // Twelve chains cover the latency of CPUs' multiply-add units and still fit their sixteen registers.
  vec4 a = vec4(gl_LocalInvocationID.x), b = a + 1.0, c = a + 2.0;
  const vec4 factor = vec4(p.factor);
  for (uint i = 0; i < p.rounds; ++i) {
    [[unroll]] for (uint j = 0; j < 16; ++j) {  // the loop itself is not what is measured
      a = fma(a, factor, factor);
      b = fma(b, factor, factor);
      c = fma(c, factor, factor);
    }
  }
  y[gl_GlobalInvocationID.x] = dot(a + b + c, vec4(1));
}
