// activation_backward.glsl on storage buffers.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/train/activation_backward.glsl"
