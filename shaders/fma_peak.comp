// Independent chains of fused multiply-adds in registers: the arithmetic peak that other kernels are held against.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "fma_peak.h"

layout(constant_id = 0) const uint GROUP = 64;

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { FmaPeakPush p; };
layout(binding = 0) writeonly buffer Y { float y[]; };  // [workgroups · GROUP]

void main() {
  vec4 a = vec4(gl_LocalInvocationID.x), b = a + 1.0, c = a + 2.0, d = a + 3.0;
  vec4 e = a + 4.0, f = a + 5.0, g = a + 6.0, h = a + 7.0;
  for (uint i = 0; i < p.rounds; ++i) {
    a = fma(a, vec4(p.factor), vec4(p.factor)); b = fma(b, vec4(p.factor), vec4(p.factor));
    c = fma(c, vec4(p.factor), vec4(p.factor)); d = fma(d, vec4(p.factor), vec4(p.factor));
    e = fma(e, vec4(p.factor), vec4(p.factor)); f = fma(f, vec4(p.factor), vec4(p.factor));
    g = fma(g, vec4(p.factor), vec4(p.factor)); h = fma(h, vec4(p.factor), vec4(p.factor));
  }
  y[gl_GlobalInvocationID.x] = dot(a + b + c + d + e + f + g + h, vec4(1));
}
