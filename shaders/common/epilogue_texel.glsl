// What linear layers and convolutions end in: y = final(residual + scale ⊙ act(sum + bias)), for kernels that
// read texels. Bindings 2 to 5; constants from EPILOGUE on, which the including shader defines.
layout(constant_id = EPILOGUE) const uint ACTIVATION = 0;
layout(constant_id = EPILOGUE + 1) const bool HAS_BIAS = false;
layout(constant_id = EPILOGUE + 2) const bool HAS_SCALE = false;
layout(constant_id = EPILOGUE + 3) const bool HAS_RESIDUAL = false;
layout(constant_id = EPILOGUE + 4) const uint FINAL = 0;

layout(binding = 2) uniform textureBuffer bias;          // [columns4]
layout(binding = 3) uniform textureBuffer scale;         // [columns4]
layout(binding = 4) uniform textureBuffer residual;  // [rows, columns4]; only of whole fours
layout(binding = 5) writeonly buffer Y { STORE y[]; };    // [rows, columns]
layout(binding = 5) writeonly buffer Y4 { STORE4 y4[]; };

vec4 bias_of(int column4) { return HAS_BIAS ? texelFetch(bias, column4) : vec4(0); }
vec4 scale_of(int column4) { return HAS_SCALE ? texelFetch(scale, column4) : vec4(1); }

// b, s: bias and scale of the four columns, fetched once for all rows of a lane. columns is a multiple of four.
void store_four(int at, vec4 b, vec4 s, vec4 sum) {
  vec4 value = s * activate(ACTIVATION, sum + b);
  if (HAS_RESIDUAL) value += texelFetch(residual, at);
  y4[at] = STORE4(activate(FINAL, value));
}

// Any number of columns, no residual.
void store_some(int row, int column4, int columns, vec4 b, vec4 s, vec4 sum) {
  const vec4 value = activate(FINAL, s * activate(ACTIVATION, sum + b));
  for (int c = 0; c < min(4, columns - column4 * 4); ++c) y[row * columns + column4 * 4 + c] = STORE(value[c]);
}
