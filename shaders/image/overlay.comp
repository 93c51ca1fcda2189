// A map drawn over a picture: bilinear between the middles of its cells, coloured and blended. A lane takes blocks of
// four pixels of a row, three words each, and several rows of them: what it knows of the map's columns serves all.
// Variants: buffer texel
#version 450
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_samplerless_texture_functions : require
#extension GL_GOOGLE_include_directive : require
#include "shaders/image/overlay.h"

layout(constant_id = 0) const uint GROUP = 64;
layout(constant_id = 1) const uint FORMAT = 0;  // fovea::PixelFormat: rgb8, bgr8, gray8
layout(constant_id = 2) const uint TO = 0;      // and of the result: rgb8 or bgr8
layout(constant_id = 3) const uint ROWS = 1;    // a lane

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { OverlayPush p; };
// WORDS of the picture become 3 · FOURS of the result; corners(i) is cell i of the map, 0..1, with its right, lower
// and lower right neighbour. color(i) is what level i adds to a pixel, with the half that rounds, and the pixel's own
// weight; color(OUTSIDE) is for pixels that the map does not cover.
#ifdef TEXELS
const uint FOURS = 4;
layout(binding = 0) uniform utextureBuffer Picture;
layout(binding = 1) uniform textureBuffer Map;
layout(binding = 2) uniform textureBuffer Colors;
vec4 corners(uint i) { return texelFetch(Map, int(i)); }
vec4 color(uint i) { return texelFetch(Colors, int(i)); }
#else
const uint FOURS = 1;
layout(binding = 0) readonly buffer Picture { uint picture[]; };
layout(binding = 1) readonly buffer Map { vec4 map[]; };
layout(binding = 2) readonly buffer Colors { vec4 colors[]; };
vec4 corners(uint i) { return map[i]; }
vec4 color(uint i) { return colors[i]; }
#endif
layout(binding = 3) readonly buffer Frame { OverlayFrame f; };
layout(binding = 4) writeonly buffer Target { uint target[]; };  // [rows, blocks, FOURS, 3]

const uint OUTSIDE = 256;
const uint PIXELS = 4 * FOURS;
const uint WORDS = FORMAT == 2 ? FOURS : 3 * FOURS;

void main() {
  const uint block = gl_WorkGroupID.x * GROUP + gl_LocalInvocationID.x;
  if (block >= p.blocks) return;
  const float cols = float(p.map_cols), rows = float(p.map_rows);

  // Columns of the map: that left of a pixel, and the share of that right of it. Indices of colours, half included,
  // go from `above` by `step` to the row below.
  bool seen[PIXELS];
  uint left[PIXELS];
  float share[PIXELS], above[PIXELS], step[PIXELS];
  [[unroll]] for (uint i = 0; i < PIXELS; ++i) {
    const float x = float(block * PIXELS + i) * f.scale_x + f.offset_x;
    seen[i] = x >= -0.5 && x < cols - 0.5;
    const float inside = clamp(x, 0.0, cols - 1.0);
    left[i] = uint(inside);
    share[i] = inside - float(left[i]);
    above[i] = step[i] = 0.0;
  }
  uint known = ~0u;  // row of the map that `above` is of
  for (uint r = 0; r < ROWS; ++r) {
    const uint row = gl_WorkGroupID.y * ROWS + r;
    if (row >= p.rows) break;
    const float y = float(row) * f.scale_y + f.offset_y;
    const bool row_seen = y >= -0.5 && y < rows - 0.5;
    const float inside = clamp(y, 0.0, rows - 1.0);
    const uint top = uint(inside);
    const float down = inside - float(top);
    if (top != known) {
      known = top;
      [[unroll]] for (uint i = 0; i < PIXELS; ++i) {
        const vec4 c = corners(top * p.map_cols + left[i]);
        const vec2 level = mix(c.xz, c.yw, share[i]) * 255.0 + 0.5;
        above[i] = level.x;
        step[i] = level.y - level.x;
      }
    }

    const uint at = row * p.blocks + block;
    uint words[3 * FOURS];
#ifdef TEXELS
    [[unroll]] for (uint i = 0; i < WORDS / 4; ++i) {
      const uvec4 four = texelFetch(Picture, int(at * (WORDS / 4) + i));
      [[unroll]] for (uint j = 0; j < 4; ++j) words[4 * i + j] = four[j];
    }
#else
    [[unroll]] for (uint i = 0; i < WORDS; ++i) words[i] = picture[at * WORDS + i];
#endif
    [[unroll]] for (uint i = 0; i < FOURS; ++i) {
      uvec4 red, green, blue;
      if (FORMAT == 2) {
        red = green = blue = (uvec4(words[i]) >> uvec4(0, 8, 16, 24)) & 255u;
      } else {
        const uint w0 = words[3 * i], w1 = words[3 * i + 1], w2 = words[3 * i + 2];
        red = uvec4(w0, w0 >> 24, w1 >> 16, w2 >> 8) & 255u;
        green = uvec4(w0 >> 8, w1, w1 >> 24, w2 >> 16) & 255u;
        blue = uvec4(w0 >> 16, w1 >> 8, w2, w2 >> 24) & 255u;
        if (FORMAT == 1) {
          const uvec4 first = red;
          red = blue;
          blue = first;
        }
      }
      [[unroll]] for (uint j = 0; j < 4; ++j) {
        const uint k = 4 * i + j;
        const uint level = min(uint(above[k] + down * step[k]), 255u);  // bounded even if the map holds a NaN
        const vec4 c = color(row_seen && seen[k] ? level : OUTSIDE);
        const uvec3 rounded = uvec3(vec3(red[j], green[j], blue[j]) * c.a + c.rgb);
        red[j] = rounded.r;
        green[j] = rounded.g;
        blue[j] = rounded.b;
      }
      if (TO == 1) {
        const uvec4 first = red;
        red = blue;
        blue = first;
      }
      const uint to = (at * FOURS + i) * 3;
      target[to] = red.x | green.x << 8 | blue.x << 16 | red.y << 24;
      target[to + 1] = green.y | blue.y << 8 | red.z << 16 | green.z << 24;
      target[to + 2] = blue.z | red.w << 8 | green.w << 16 | blue.w << 24;
    }
  }
}
