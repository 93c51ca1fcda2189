// Beside grn_norms: texels, as loads from storage buffers are loops over lanes on CPU drivers.
#version 450
#extension GL_GOOGLE_include_directive : require
#define TEXELS
#include "shaders/common/storage.glsl"
#include "shaders/nn/grn_norms.glsl"
