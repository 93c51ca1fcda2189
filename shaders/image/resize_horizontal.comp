// Horizontal pass of PIL's resize: 8-bit samples, 22-bit fixed-point weights, rounded and clamped to 8 bits.
// A row is read in blocks of 16 bytes. The weights are spread over the bytes of a block beforehand, so that one
// dot product serves every pixel format. Lanes take rows and a workgroup one column: the weights are uniform, and
// several rows a lane share their loads.
// Variants: buffer texel
#version 450
#extension GL_EXT_samplerless_texture_functions : require
#extension GL_GOOGLE_include_directive : require
#include "shaders/image/resize.h"

layout(constant_id = 0) const uint GROUP = 64;
layout(constant_id = 1) const uint FORMAT = 0;  // fovea::PixelFormat: rgb8, bgr8, gray8
layout(constant_id = 2) const uint ROWS = 1;    // a lane

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { ResizeHorizontalPush p; };
// source(i) is block i of [rows, source_pitch].
#ifdef TEXELS
layout(binding = 0) uniform utextureBuffer Source;
uvec4 source(uint i) { return texelFetch(Source, int(i)); }
#else
layout(binding = 0) readonly buffer Source { uvec4 source_blocks[]; };
uvec4 source(uint i) { return source_blocks[i]; }
#endif
layout(binding = 1) readonly buffer Spans { uvec4 spans[]; };      // first block, blocks, first of weights
layout(binding = 2) readonly buffer Weights { ivec4 weights[]; };  // four a block
layout(binding = 3) writeonly buffer Target { uint target[]; };    // one word a pixel, RGB from the low byte up

ivec4 bytes_of(uint word) { return ivec4(word & 255u, word >> 8 & 255u, word >> 16 & 255u, word >> 24); }

void main() {
  const uint row = gl_WorkGroupID.y * GROUP * ROWS + gl_LocalInvocationID.x;
  const uvec4 span = spans[gl_WorkGroupID.x];

  // Of three channels, byte i of block b holds channel (b + i) % 3, since 16 % 3 = 1. Before block b, sum[r][j]
  // is channel (b + j) % 3.
  const int half_unit = 1 << 21;
  uint row_first[ROWS];
  ivec3 sum[ROWS];
  for (uint r = 0; r < ROWS; ++r) {
    row_first[r] = p.source_first + min(row + r * GROUP, p.rows - 1) * p.source_pitch;
    sum[r] = ivec3(FORMAT == 2 ? 0 : half_unit);
  }
  uint at = span.z;
  for (uint b = span.x; b < span.x + span.y; ++b, at += 4) {
    const ivec4 w0 = weights[at], w1 = weights[at + 1], w2 = weights[at + 2], w3 = weights[at + 3];
    for (uint r = 0; r < ROWS; ++r) {
      const uvec4 words = source(row_first[r] + b);
      const ivec4 v0 = bytes_of(words.x) * w0, v1 = bytes_of(words.y) * w1;
      const ivec4 v2 = bytes_of(words.z) * w2, v3 = bytes_of(words.w) * w3;
      sum[r] += ivec3(v0.x + v0.w + v1.z + v2.y + v3.x + v3.w, v0.y + v1.x + v1.w + v2.z + v3.y,
                      v0.z + v1.y + v2.x + v2.w + v3.z);
      sum[r] = sum[r].yzx;
    }
  }

  const uint phase = (span.x + span.y) % 3;
  for (uint r = 0; r < ROWS; ++r) {
    if (row + r * GROUP >= p.rows) break;  // not in the loop's condition, or it stays a loop and sum[] goes to memory
    ivec3 rgb;
    if (FORMAT == 2) {
      rgb = ivec3(sum[r].x + sum[r].y + sum[r].z + half_unit);
    } else {
      rgb = phase == 0 ? sum[r] : phase == 1 ? sum[r].zxy : sum[r].yzx;
      if (FORMAT == 1) rgb = rgb.zyx;
    }
    const uvec3 pixel = uvec3(clamp(rgb >> 22, 0, 255));
    target[p.target_first + (row + r * GROUP) * p.target_pitch + gl_WorkGroupID.x] =
        pixel.x | pixel.y << 8 | pixel.z << 16;
  }
}
