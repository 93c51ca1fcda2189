// Frames as cameras have them, two pixels a chroma sample, to packed RGB8. ITU-R BT.601, limited range: luma 16..235,
// chroma 16..240 about 128. A lane takes blocks of four pixels of a row.
// Variants: buffer texel
#version 450
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_samplerless_texture_functions : require
#extension GL_GOOGLE_include_directive : require
#include "shaders/image/yuv_to_rgb.h"

layout(constant_id = 0) const uint GROUP = 64;
layout(constant_id = 1) const bool PLANES = true;  // NV12: luma, then rows of U V for two rows; else Y U Y V

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { YuvToRgbPush p; };
// block(i) is FOURS words.
#ifdef TEXELS
const uint FOURS = 4;
layout(binding = 0) uniform utextureBuffer Source;
#define BLOCK uvec4
BLOCK block(uint i) { return texelFetch(Source, int(i)); }
#else
const uint FOURS = 1;
layout(binding = 0) readonly buffer Source { uint source[]; };
#define BLOCK uint[1]
BLOCK block(uint i) { return uint[1](source[i]); }
#endif
layout(binding = 1) writeonly buffer Target { uint target[]; };  // [rows, blocks, FOURS, 3]

// A word of two pixels' U, V, U, V or of their Y, U, Y, V.
uvec4 bytes_of(uint word) { return uvec4(word, word >> 8, word >> 16, word >> 24) & 255u; }

void main() {
  const uint x = gl_WorkGroupID.x * GROUP + gl_LocalInvocationID.x;
  if (x >= p.blocks) return;
  const uint row = gl_WorkGroupID.y, at = row * p.blocks + x;
  BLOCK first, second;
  if (PLANES) {
    first = block(at);
    second = block((p.rows + row / 2) * p.blocks + x);
  } else {
    first = block(2 * at);
    second = block(2 * at + 1);
  }
  [[unroll]] for (uint i = 0; i < FOURS; ++i) {
    uvec4 luma, u, v;
    if (PLANES) {
      const uvec4 chroma = bytes_of(second[i]);
      luma = bytes_of(first[i]);
      u = chroma.xxzz;
      v = chroma.yyww;
    } else {
      const uint word = 2 * i;
      const uvec4 left = bytes_of(word < FOURS ? first[word % FOURS] : second[word % FOURS]);
      const uvec4 right = bytes_of(word + 1 < FOURS ? first[(word + 1) % FOURS] : second[(word + 1) % FOURS]);
      luma = uvec4(left.xz, right.xz);
      u = uvec4(left.yy, right.yy);
      v = uvec4(left.ww, right.ww);
    }
    const vec4 bright = (vec4(luma) - 16.0) * 1.16438356, b = vec4(u) - 128.0, r = vec4(v) - 128.0;
    const uvec4 red = uvec4(clamp(bright + 1.59602679 * r + 0.5, 0.0, 255.0));
    const uvec4 green = uvec4(clamp(bright - 0.39176229 * b - 0.81296765 * r + 0.5, 0.0, 255.0));
    const uvec4 blue = uvec4(clamp(bright + 2.01723214 * b + 0.5, 0.0, 255.0));
    const uint to = (at * FOURS + i) * 3;
    target[to] = red.x | green.x << 8 | blue.x << 16 | red.y << 24;
    target[to + 1] = green.y | blue.y << 8 | red.z << 16 | green.z << 24;
    target[to + 2] = blue.z | red.w << 8 | green.w << 16 | blue.w << 24;
  }
}
