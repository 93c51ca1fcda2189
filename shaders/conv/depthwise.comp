// Depthwise convolution, channels a multiple of four: a lane computes RUN × DOWN output pixels of four channels and
// keeps the pixels that neighbouring windows share in registers.
// Variants: buffer texel
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "shaders/common/activation.glsl"
#include "shaders/common/storage.glsl"
#include "shaders/conv/conv.h"

layout(constant_id = 0) const uint GROUP = 64;
layout(constant_id = 1) const uint RUN = 4;   // output pixels side by side; 1 where dilation is not 1
layout(constant_id = 2) const uint DOWN = 1;  // and below each other
layout(constant_id = 3) const uint TAP_ROWS = 3;
layout(constant_id = 4) const uint TAP_COLS = 3;
layout(constant_id = 5) const uint STRIDE = 1;

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { ConvPush p; };

#define EPILOGUE 6
#ifdef TEXELS
#include "shaders/common/epilogue_texel.glsl"
layout(binding = 0) uniform textureBuffer x;  // [images, height, width, columns4]
layout(binding = 1) uniform textureBuffer w;  // [window_height, window_width, columns4]
vec4 load_x(int at) { return texelFetch(x, at); }
vec4 load_w(int at) { return texelFetch(w, at); }
void store(int pixel, int column4, vec4 sum) {
  store_four(pixel * int(p.columns4) + column4, bias_of(column4), scale_of(column4), sum);
}
#else
#include "shaders/common/epilogue_storage.glsl"
layout(binding = 0) readonly buffer X { STORE4 x[]; };  // [images, height, width, columns4]
layout(binding = 1) readonly buffer W { STORE4 w[]; };  // [window_height, window_width, columns4]
vec4 load_x(int at) { return vec4(x[at]); }
vec4 load_w(int at) { return vec4(w[at]); }
void store(int pixel, int column4, vec4 sum) { store_four(uint(pixel), uint(column4), p.columns, true, sum); }
#endif

const uint READ_ROWS = (DOWN - 1) * STRIDE + TAP_ROWS, READ_COLS = (RUN - 1) * STRIDE + TAP_COLS;

void main() {
  const int column4 = int(gl_GlobalInvocationID.x % p.columns4);
  const int first_col = int(gl_GlobalInvocationID.x / p.columns4 * RUN), first_row = int(gl_WorkGroupID.y * DOWN);
  const int image = int(gl_WorkGroupID.z), columns4 = int(p.columns4), width = int(p.width);
  if (first_col >= int(p.out_width)) return;

  vec4 sum[RUN * DOWN];
  [[unroll]] for (uint i = 0; i < RUN * DOWN; ++i) sum[i] = vec4(0);
  [[unroll]] for (uint i = 0; i < READ_ROWS; ++i) {
    const int row = first_row * int(STRIDE) + int(i * p.dilation) - int(p.top);
    const bool row_inside = row >= 0 && row < int(p.height);
    vec4 x_own[READ_COLS];
    [[unroll]] for (uint j = 0; j < READ_COLS; ++j) {
      const int col = first_col * int(STRIDE) + int(j * p.dilation) - int(p.left);
      const bool inside = row_inside && col >= 0 && col < width;
      x_own[j] = load_x(inside ? ((image * int(p.height) + row) * width + col) * columns4 + column4 : 0);
      if (!inside) x_own[j] = vec4(0);
    }
    [[unroll]] for (uint d = 0; d < DOWN; ++d) {
      const uint tap_row = i - d * STRIDE;  // wraps above the window
      if (tap_row < TAP_ROWS)
        [[unroll]] for (uint tap_col = 0; tap_col < TAP_COLS; ++tap_col) {
          const vec4 w_own = load_w(int(tap_row * TAP_COLS + tap_col) * columns4 + column4);
          [[unroll]] for (uint r = 0; r < RUN; ++r) sum[d * RUN + r] += x_own[r * STRIDE + tap_col] * w_own;
        }
    }
  }
  [[unroll]] for (uint d = 0; d < DOWN; ++d)
    [[unroll]] for (uint r = 0; r < RUN; ++r) {
      const int row = first_row + int(d), col = first_col + int(r);
      if (row < int(p.out_height) && col < int(p.out_width))
        store((image * int(p.out_height) + row) * int(p.out_width) + col, column4, sum[d * RUN + r]);
    }
}
