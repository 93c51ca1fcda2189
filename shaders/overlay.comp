// A map drawn over a picture: bilinear between the middles of its cells, coloured and blended. A lane takes four
// pixels of a row, which are three words of RGB8 or BGR8.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "overlay.h"

layout(constant_id = 0) const uint GROUP = 64;
layout(constant_id = 1) const uint FORMAT = 0;  // fovea::PixelFormat: rgb8, bgr8, gray8
layout(constant_id = 2) const uint TO = 0;      // and of the result: rgb8 or bgr8

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { OverlayPush p; };
layout(binding = 0) readonly buffer Picture { uint picture[]; };  // [rows, fours], three words each, gray8 one
layout(binding = 1) readonly buffer Map { float map[]; };         // [map_rows, map_cols], 0..1
layout(binding = 2) readonly buffer Colors { uint colors[]; };    // [256], RGB and opacity from the low byte up
layout(binding = 3) readonly buffer Frame { OverlayFrame f; };
layout(binding = 4) writeonly buffer Target { uint target[]; };   // [rows, fours, 3]

void main() {
  const uint four = gl_WorkGroupID.x * GROUP + gl_LocalInvocationID.x;
  if (four >= p.fours) return;
  const uint at = gl_WorkGroupID.y * p.fours + four;

  uvec4 red, green, blue;
  if (FORMAT == 2) {
    const uint w = picture[at];
    red = green = blue = uvec4(w, w >> 8, w >> 16, w >> 24) & 255u;
  } else {
    const uint w0 = picture[at * 3], w1 = picture[at * 3 + 1], w2 = picture[at * 3 + 2];
    red = uvec4(w0, w0 >> 24, w1 >> 16, w2 >> 8) & 255u;
    green = uvec4(w0 >> 8, w1, w1 >> 24, w2 >> 16) & 255u;
    blue = uvec4(w0 >> 16, w1 >> 8, w2, w2 >> 24) & 255u;
    if (FORMAT == 1) {
      const uvec4 first = red;
      red = blue;
      blue = first;
    }
  }

  const vec4 x = vec4(four * 4 + uvec4(0, 1, 2, 3)) * f.scale_x + f.offset_x;
  const float y = float(gl_WorkGroupID.y) * f.scale_y + f.offset_y;
  const float cols = float(p.map_cols), rows = float(p.map_rows);
  const float y_in = clamp(y, 0.0, rows - 1.0);
  const uint y0 = uint(y_in), y1 = min(y0 + 1, p.map_rows - 1);
  for (uint i = 0; i < 4; ++i) {
    vec3 rgb = vec3(red[i], green[i], blue[i]);
    if (y < -0.5 || y >= rows - 0.5 || x[i] < -0.5 || x[i] >= cols - 0.5) {
      rgb *= f.outside;
    } else {
      const float x_in = clamp(x[i], 0.0, cols - 1.0);
      const uint x0 = uint(x_in), x1 = min(x0 + 1, p.map_cols - 1);
      const vec2 share = vec2(x_in - float(x0), y_in - float(y0));
      const float above = mix(map[y0 * p.map_cols + x0], map[y0 * p.map_cols + x1], share.x);
      const float below = mix(map[y1 * p.map_cols + x0], map[y1 * p.map_cols + x1], share.x);
      const float level = clamp(mix(above, below, share.y), 0.0, 1.0);
      const uint color = colors[min(uint(level * 255.0 + 0.5), 255u)];  // bounded even if the map holds a NaN
      const float alpha = f.alpha * (float(color >> 24) * (1.0 / 255.0));
      rgb = mix(rgb, vec3(color & 255u, color >> 8 & 255u, color >> 16 & 255u), alpha);
    }
    const uvec3 rounded = uvec3(clamp(rgb + 0.5, 0.0, 255.0));
    red[i] = rounded.r;
    green[i] = rounded.g;
    blue[i] = rounded.b;
  }
  if (TO == 1) {
    const uvec4 first = red;
    red = blue;
    blue = first;
  }
  target[at * 3] = red.x | green.x << 8 | blue.x << 16 | red.y << 24;
  target[at * 3 + 1] = green.y | blue.y << 8 | red.z << 16 | green.z << 24;
  target[at * 3 + 2] = blue.z | red.w << 8 | green.w << 16 | blue.w << 24;
}
