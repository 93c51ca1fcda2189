// Depthwise convolution, channels a multiple of four.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "shaders/common/activation.glsl"
#include "shaders/common/storage.glsl"
#include "shaders/conv/conv.h"
#define EPILOGUE 6
#include "shaders/common/epilogue_storage.glsl"

layout(binding = 0) readonly buffer X { STORE4 x[]; };  // [images, height, width, columns4]
layout(binding = 1) readonly buffer W { STORE4 w[]; };  // [rows, cols, columns4]

vec4 load_x(int at) { return vec4(x[at]); }
vec4 load_w(int at) { return vec4(w[at]); }
void store(int pixel, int column4, vec4 sum);
#include "shaders/common/depthwise.glsl"

void store(int pixel, int column4, vec4 sum) { store_four(uint(pixel), uint(column4), p.columns, true, sum); }
