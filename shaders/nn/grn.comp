// Global response normalisation (Woo et al. 2023, section 3): y = x + γ ⊙ (x ⊙ N) + β, where N is each channel's
// length over the image, divided by the mean of these lengths. A workgroup takes some tokens of an image.
// Variants: buffer texel
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/common/units.glsl"
#include "shaders/nn/grn.h"

layout(push_constant) uniform Block { GrnPush p; };
UNITS_IN(0, x, STORE, STORE4)      // [images, tokens, units]
UNITS_IN(1, norms, float, vec4)    // [images, units]
UNITS_IN(2, gamma, float, vec4)    // [units]
UNITS_IN(3, beta, float, vec4)     // [units]
UNITS_OUT(4, y)

shared float partial[GROUP];

void main() {
  const uint self = gl_LocalInvocationIndex, image = gl_WorkGroupID.y;
  // The four numbers of a unit weigh a quarter each; where a unit is one channel, they are equal.
  vec4 sum = vec4(0);
  for (uint i = self; i < p.units; i += GROUP) sum += norms(image * p.units + i);
  partial[self] = dot(sum, vec4(0.25));
  for (uint step = GROUP / 2; step > 0; step /= 2) {
    barrier();
    if (self < step) partial[self] += partial[self + step];
  }
  barrier();
  const float inverse = 1.0 / (partial[0] / float(p.units) + p.epsilon);

  const uint first = gl_WorkGroupID.x * p.part_tokens, last = min(first + p.part_tokens, p.tokens);
  for (uint unit = lane_x(); unit < p.units; unit += GROUP_X) {
    const vec4 a = gamma(unit) * (norms(image * p.units + unit) * inverse), b = beta(unit);
    for (uint i = first + lane_y(); i < last; i += GROUP_Y) {
      const uint at = (image * p.tokens + i) * p.units + unit;
      const vec4 value = x(at);
      write_y(at, value + (a * value + b));
    }
  }
}
