// Logits of relative positions on a grid: q · (width_rel[kx − qx + cols − 1] + height_rel[ky − qy + rows − 1]). A
// workgroup has one query: its products with the rows of both tables that lie in the grid go to shared memory, and
// each key adds one of either.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/attention/relative_logits.h"

layout(constant_id = 0) const uint GROUP = 64;
layout(constant_id = 1) const uint REACH = 64;  // rows + cols

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { RelativeLogitsPush p; };
layout(binding = 0) readonly buffer Q { STORE4 q[]; };
layout(binding = 1) uniform textureBuffer width_rel;            // [2 cols − 1, width]
layout(binding = 2) uniform textureBuffer height_rel;           // [2 rows − 1, width]
layout(binding = 3) writeonly buffer Logits { vec4 logits[]; };  // [images, heads, queries, keys rounded up to 4]

shared float products[REACH];  // with each column, then each row

void main() {
  const uint query = gl_WorkGroupID.x, head = gl_WorkGroupID.y, image = gl_WorkGroupID.z, t = gl_LocalInvocationID.x;
  const uint width4 = p.a.width / 4;
  const uint q_at = (p.a.q_first + image * p.a.q_image + query * p.a.q_token + head * p.a.width) / 4;
  const uint first_col = p.cols - 1 - query % p.cols, first_row = p.rows - 1 - query / p.cols;

  for (uint col = t; col < p.cols; col += GROUP) {
    float sum = 0.0;
    const int at = int((first_col + col) * width4);
    for (uint c = 0; c < width4; ++c) sum += dot(vec4(q[q_at + c]), texelFetch(width_rel, at + int(c)));
    products[col] = sum;
  }
  for (uint row = t; row < p.rows; row += GROUP) {
    float sum = 0.0;
    const int at = int((first_row + row) * width4);
    for (uint c = 0; c < width4; ++c) sum += dot(vec4(q[q_at + c]), texelFetch(height_rel, at + int(c)));
    products[p.cols + row] = sum;
  }
  barrier();

  const uint keys4 = (p.a.keys + 3) / 4;
  const uint out_at = ((image * p.a.heads + head) * p.a.queries + query) * keys4;
  for (uint key4 = t; key4 < keys4; key4 += GROUP) {
    vec4 sum = vec4(0);
    for (uint j = 0; j < 4; ++j) {
      const uint key = min(key4 * 4 + j, p.a.keys - 1);  // what lies beyond is never looked at
      sum[j] = products[key % p.cols] + products[p.cols + key / p.cols];
    }
    logits[out_at + key4] = sum;
  }
}
