// embed_tokens.glsl on storage buffers.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common/storage.glsl"
#include "embed_tokens.glsl"
