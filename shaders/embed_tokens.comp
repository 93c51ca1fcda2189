// Prefix tokens before patch tokens, position embeddings added: y[b, i] = table[i] + (i < prefix ? 0 : x[b, i − prefix]).
// The table holds position embeddings, with the prefix tokens already added to its first rows.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common/storage.glsl"
#include "embed_tokens.h"

layout(constant_id = 0) const uint GROUP = 64;

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { EmbedTokensPush p; };
layout(binding = 0) readonly buffer X { STORE x[]; };          // [images, tokens − prefix, width]
layout(binding = 1) readonly buffer Table { float table[]; };  // [tokens, width]
layout(binding = 2) writeonly buffer Y { STORE y[]; };         // [images, tokens, width]

void main() {
  const uint c = gl_GlobalInvocationID.x, token = gl_WorkGroupID.y, image = gl_WorkGroupID.z;
  if (c >= p.width) return;
  float value = table[token * p.width + c];
  if (token >= p.prefix) value += float(x[(image * (p.tokens - p.prefix) + token - p.prefix) * p.width + c]);
  y[(image * p.tokens + token) * p.width + c] = STORE(value);
}
