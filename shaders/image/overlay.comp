// overlay.glsl on storage buffers.
#version 450
#extension GL_EXT_control_flow_attributes : require
#extension GL_GOOGLE_include_directive : require
#include "shaders/image/overlay.glsl"
