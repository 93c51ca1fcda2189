// Exact rows of softmax(scale · q kᵀ) after fused attention: exp(scale · q·k − lse), per head or fused over heads.
// Queries and keys from storage buffers, which span more than texel buffers need to.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "attention_rows.h"
#include "common/storage.glsl"

layout(constant_id = 0) const uint GROUP = 8;
layout(constant_id = 1) const uint FUSION = 0;     // 0 none, one row a head; 1 mean; 2 max; 3 min; 4 one head
layout(constant_id = 2) const uint ONE_HEAD = 0;   // for FUSION 4

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { AttentionRowsPush p; };
layout(binding = 0) readonly buffer Q { STORE4 q[]; };
layout(binding = 1) readonly buffer K { STORE4 k[]; };
layout(binding = 2) readonly buffer Lse { float lse[]; };    // [images, heads, queries]
layout(binding = 3) writeonly buffer Out { float probability[]; };  // [images, heads or 1, rows, keys]

vec4 q_fours(int at) { return vec4(q[at]); }
vec4 k_fours(int at) { return vec4(k[at]); }

#include "common/attention_rows.glsl"
