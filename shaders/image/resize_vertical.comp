// resize_vertical.glsl on storage buffers.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/image/resize_vertical.glsl"
