// group_norm_parts.glsl on storage buffers.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/nn/group_norm_parts.glsl"
