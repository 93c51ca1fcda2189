// Depthwise convolution for CPU drivers: every load a texel.
// Beside depthwise: texels, as loads from storage buffers are loops over lanes on CPU drivers.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "shaders/common/activation.glsl"
#include "shaders/common/storage.glsl"
#include "shaders/conv/conv.h"
#define EPILOGUE 6
#include "shaders/common/epilogue_texel.glsl"

layout(binding = 0) uniform textureBuffer x;  // [images, height, width, columns4]
layout(binding = 1) uniform textureBuffer w;  // [rows, cols, columns4]

vec4 load_x(int at) { return texelFetch(x, at); }
vec4 load_w(int at) { return texelFetch(w, at); }
void store(int pixel, int column4, vec4 sum);
#include "shaders/common/depthwise.glsl"

void store(int pixel, int column4, vec4 sum) {
  store_four(pixel * int(p.columns4) + column4, bias_of(column4), scale_of(column4), sum);
}
