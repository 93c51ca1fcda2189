// Vertical pass of PIL's resize, on one word a pixel; a lane takes four pixels of a row. What lies outside the
// picture is filled.
// Variants: buffer texel
#version 450
#extension GL_EXT_samplerless_texture_functions : require
#extension GL_GOOGLE_include_directive : require
#include "shaders/image/resize.h"

layout(constant_id = 0) const uint GROUP = 64;

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { ResizeVerticalPush p; };
// source(i) is the i-th four of pixels of [rows, pitch].
#ifdef TEXELS
layout(binding = 0) uniform utextureBuffer Source;
uvec4 source(uint i) { return texelFetch(Source, int(i)); }
#else
layout(binding = 0) readonly buffer Source { uvec4 source_fours[]; };
uvec4 source(uint i) { return source_fours[i]; }
#endif
layout(binding = 1) readonly buffer Spans { uvec4 spans[]; };    // first row, rows, first of weights
layout(binding = 2) readonly buffer Weights { int weights[]; };
layout(binding = 3) writeonly buffer Target { uvec4 target[]; };  // [target rows, pitch]

uvec4 rounded(ivec4 sum) { return uvec4(clamp(sum >> 22, 0, 255)); }

void main() {
  const uint column = gl_WorkGroupID.x * GROUP + gl_LocalInvocationID.x;
  if (column >= p.pitch) return;
  const uint row = p.target_first + gl_WorkGroupID.y;
  uvec4 pixels = uvec4(p.fill);
  if (row >= p.top && row < p.bottom) {
    const uvec4 span = spans[row - p.top];
    ivec4 red = ivec4(1 << 21), green = red, blue = red;
    uint from = (span.x - p.source_first) * p.pitch + column;
    for (uint t = 0; t < span.y; ++t) {
      const uvec4 words = source(from);
      const int weight = weights[span.z + t];
      red += ivec4(words & 255u) * weight;
      green += ivec4(words >> 8 & 255u) * weight;
      blue += ivec4(words >> 16 & 255u) * weight;
      from += p.pitch;
    }
    const uvec4 at = column * 4 + uvec4(0, 1, 2, 3);
    const bvec4 inside = bvec4(uvec4(greaterThanEqual(at, uvec4(p.left))) & uvec4(lessThan(at, uvec4(p.right))));
    pixels = mix(pixels, rounded(red) | rounded(green) << 8 | rounded(blue) << 16, inside);
  }
  target[row * p.pitch + column] = pixels;
}
