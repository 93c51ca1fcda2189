// Activations by number, in the order of fovea::ops::Activation.
const uint ACT_NONE = 0, ACT_GELU = 1, ACT_GELU_TANH = 2, ACT_QUICK_GELU = 3, ACT_RELU = 4, ACT_RELU6 = 5,
           ACT_SILU = 6, ACT_HARDSWISH = 7, ACT_SIGMOID = 8, ACT_HARD_SIGMOID = 9;

vec4 logistic(vec4 x) { return 1.0 / (1.0 + exp(-x)); }

// Abramowitz & Stegun 7.1.26: absolute error below 1.5e-7.
vec4 error_function(vec4 x) {
  vec4 a = abs(x);
  vec4 t = 1.0 / (1.0 + 0.3275911 * a);
  vec4 p = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return sign(x) * (1.0 - p * exp(-a * a));
}

// The choice is a specialisation constant, so the others cost nothing.
vec4 activate(uint which, vec4 x) {
  if (which == ACT_GELU) return 0.5 * x * (1.0 + error_function(x * 0.70710678118654752));
  if (which == ACT_GELU_TANH)  // tanh(z) = 2 logistic(2z) − 1, so the halves cancel
    return x * logistic(1.5957691216057308 * (x + 0.044715 * x * x * x));
  if (which == ACT_QUICK_GELU) return x * logistic(1.702 * x);
  if (which == ACT_RELU) return max(x, vec4(0));
  if (which == ACT_RELU6) return clamp(x, vec4(0), vec4(6));
  if (which == ACT_SILU) return x * logistic(x);
  if (which == ACT_HARDSWISH) return x * clamp(x + 3.0, vec4(0), vec4(6)) * (1.0 / 6.0);
  if (which == ACT_SIGMOID) return logistic(x);
  if (which == ACT_HARD_SIGMOID) return clamp(x + 3.0, vec4(0), vec4(6)) * (1.0 / 6.0);
  return x;
}
