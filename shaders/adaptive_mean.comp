#version 450
#extension GL_GOOGLE_include_directive : require
#include "common/storage.glsl"
#include "adaptive_mean.glsl"
