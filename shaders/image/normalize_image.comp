// 8-bit pixels to the model's input: (x / 255 − mean) / std, one plane a channel.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/image/normalize_image.h"

layout(constant_id = 0) const uint GROUP = 64;

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { NormalizeImagePush p; };
layout(binding = 0) readonly buffer Pixels { uint pixels[]; };  // [height, pitch], RGB from the low byte up
layout(binding = 1) writeonly buffer Y { STORE y[]; };          // [B, 3, height, width]

void main() {
  const uint column = gl_WorkGroupID.x * GROUP + gl_LocalInvocationID.x;
  if (column >= p.width) return;
  const uint word = pixels[gl_WorkGroupID.y * p.pitch + column];
  const vec3 rgb = vec3(word & 255u, word >> 8 & 255u, word >> 16 & 255u) / 255.0;
  const vec3 value = (rgb - vec3(p.mean_r, p.mean_g, p.mean_b)) / vec3(p.std_r, p.std_g, p.std_b);
  const uint plane = p.height * p.width;
  const uint at = p.target_first + gl_WorkGroupID.y * p.width + column;
  y[at] = STORE(value.r);
  y[at + plane] = STORE(value.g);
  y[at + 2 * plane] = STORE(value.b);
}
