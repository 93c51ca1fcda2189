// token_pool.glsl on storage buffers.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common/storage.glsl"
#include "token_pool.glsl"
