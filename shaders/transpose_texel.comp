// transpose.glsl on texels, for CPU drivers.
#version 450
#extension GL_GOOGLE_include_directive : require
#define TEXELS
#include "common/storage.glsl"
#include "transpose.glsl"
