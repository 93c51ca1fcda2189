// What linear layers and convolutions end in: y = final(residual + scale ⊙ act(sum + bias)), for kernels that
// read storage buffers. Bindings 2 to 5; constants from EPILOGUE on, which the including shader defines.
layout(constant_id = EPILOGUE) const uint ACTIVATION = 0;
layout(constant_id = EPILOGUE + 1) const bool HAS_BIAS = false;
layout(constant_id = EPILOGUE + 2) const bool HAS_SCALE = false;
layout(constant_id = EPILOGUE + 3) const bool HAS_RESIDUAL = false;
layout(constant_id = EPILOGUE + 4) const uint FINAL = 0;

layout(binding = 2) readonly buffer Bias { vec4 bias[]; };           // [columns4]
layout(binding = 3) readonly buffer Scale { vec4 scale[]; };         // [columns4]
layout(binding = 4) readonly buffer Residual { STORE residual[]; };  // [rows, columns]
layout(binding = 4) readonly buffer Residual4 { STORE4 residual4[]; };
layout(binding = 5) writeonly buffer Y { STORE y[]; };               // [rows, columns]
layout(binding = 5) writeonly buffer Y4 { STORE4 y4[]; };

// Four columns of a row. fours: whether `columns` is a multiple of four.
void store_four(uint row, uint column4, uint columns, bool fours, vec4 sum) {
  vec4 value = activate(ACTIVATION, sum + (HAS_BIAS ? bias[column4] : vec4(0)));
  if (HAS_SCALE) value *= scale[column4];
  const uint at = row * columns + column4 * 4;
  if (fours) {
    if (HAS_RESIDUAL) value += vec4(residual4[at / 4]);
    y4[at / 4] = STORE4(activate(FINAL, value));
  } else {
    const uint count = min(4, columns - column4 * 4);
    if (HAS_RESIDUAL)
      for (uint c = 0; c < count; ++c) value[c] += float(residual[at + c]);
    value = activate(FINAL, value);
    for (uint c = 0; c < count; ++c) y[at + c] = STORE(value[c]);
  }
}
