// Exact rows of softmax(scale · q kᵀ) after fused attention: exp(scale · q·k − lse), per head or fused over heads.
// Queries and keys as texels; attention_rows_buffer.comp is for what does not fit a texel buffer.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "attention_rows.h"

layout(constant_id = 0) const uint GROUP = 8;
layout(constant_id = 1) const uint FUSION = 0;     // 0 none, one row a head; 1 mean; 2 max; 3 min; 4 one head
layout(constant_id = 2) const uint ONE_HEAD = 0;   // for FUSION 4

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { AttentionRowsPush p; };
layout(binding = 0) uniform textureBuffer q;
layout(binding = 1) uniform textureBuffer k;
layout(binding = 2) readonly buffer Lse { float lse[]; };    // [images, heads, queries]
layout(binding = 3) writeonly buffer Out { float probability[]; };  // [images, heads or 1, rows, keys]

vec4 q_fours(int at) { return texelFetch(q, at); }
vec4 k_fours(int at) { return texelFetch(k, at); }

#include "common/attention_rows.glsl"
