// Horizontal pass of PIL's resize: 8-bit samples, 22-bit fixed-point weights, rounded and clamped to 8 bits.
// A row is read in blocks of 16 bytes. The weights are spread over the bytes of a block beforehand, so that one
// dot product serves every pixel format. Lanes take rows and a workgroup one column: the weights are uniform.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "resize.h"

layout(constant_id = 0) const uint GROUP = 64;
layout(constant_id = 1) const uint FORMAT = 0;  // fovea::PixelFormat: rgb8, bgr8, gray8

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { ResizeHorizontalPush p; };
layout(binding = 0) readonly buffer Source { uvec4 source[]; };    // [rows, source_pitch]
layout(binding = 1) readonly buffer Spans { uvec4 spans[]; };      // first block, blocks, first of weights
layout(binding = 2) readonly buffer Weights { ivec4 weights[]; };  // four a block
layout(binding = 3) writeonly buffer Target { uint target[]; };    // one word a pixel, RGB from the low byte up

ivec4 bytes_of(uint word) { return ivec4(word & 255u, word >> 8 & 255u, word >> 16 & 255u, word >> 24); }

void main() {
  const uint row = gl_WorkGroupID.y * GROUP + gl_LocalInvocationID.x;
  if (row >= p.rows) return;
  const uvec4 span = spans[gl_WorkGroupID.x];
  const uint row_first = row * p.source_pitch;

  // Of three channels, byte i of block b holds channel (b + i) % 3, since 16 % 3 = 1. Before block b, sum[r] is
  // channel (b + r) % 3.
  const int half_unit = 1 << 21;
  ivec3 sum = ivec3(FORMAT == 2 ? 0 : half_unit);
  for (uint b = span.x; b < span.x + span.y; ++b) {
    const uvec4 words = source[row_first + b];
    const uint at = span.z + (b - span.x) * 4;
    const ivec4 v0 = bytes_of(words.x) * weights[at];
    const ivec4 v1 = bytes_of(words.y) * weights[at + 1];
    const ivec4 v2 = bytes_of(words.z) * weights[at + 2];
    const ivec4 v3 = bytes_of(words.w) * weights[at + 3];
    sum += ivec3(v0.x + v0.w + v1.z + v2.y + v3.x + v3.w, v0.y + v1.x + v1.w + v2.z + v3.y,
                 v0.z + v1.y + v2.x + v2.w + v3.z);
    sum = sum.yzx;
  }

  ivec3 rgb;
  if (FORMAT == 2) {
    rgb = ivec3(sum.x + sum.y + sum.z + half_unit);
  } else {
    const uint phase = (span.x + span.y) % 3;
    rgb = phase == 0 ? sum : phase == 1 ? sum.zxy : sum.yzx;
    if (FORMAT == 1) rgb = rgb.zyx;
  }
  const uvec3 pixel = uvec3(clamp(rgb >> 22, 0, 255));
  target[p.target_first + row * p.target_pitch + gl_WorkGroupID.x] = pixel.x | pixel.y << 8 | pixel.z << 16;
}
