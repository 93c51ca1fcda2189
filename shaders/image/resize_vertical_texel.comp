// Beside resize_vertical: texels, as loads from storage buffers are loops over lanes on CPU drivers.
#version 450
#extension GL_EXT_samplerless_texture_functions : require
#extension GL_GOOGLE_include_directive : require
#define TEXELS
#include "shaders/image/resize_vertical.glsl"
