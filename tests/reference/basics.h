// Naive double-precision references of every operation, with a bound on what fp32 arithmetic may differ.
// Written from the formulas; nothing here is shared with shaders/ or runtime/ops/.
//
// Bounds: u = 2^-24 is the unit roundoff of fp32. A sum of n products is off by at most n u Σ|x y| in any
// order (Higham 2002, 3.1). Vulkan ("Precision of SPIR-V instructions") allows exp 3 + 2|x| ulp, inversesqrt
// 2 ulp, division 2.5 ulp and log 3 ulp (2^-21 absolute in [0.5, 2]); an ulp is at most 2u.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace fovea::test {

constexpr double u = 0x1p-24;
constexpr double ulp = 2 * u;

struct Expected {
  std::vector<double> values;
  std::vector<double> bounds;  // on the absolute error of fp32 arithmetic, before the result is stored
  void add(double value, double bound) {
    values.push_back(value);
    bounds.push_back(bound);
  }
};

using Numbers = std::vector<double>;

// What a relative error of up to `delta` in a logarithm does to the number.
inline double exp_error(double delta) {
  return std::expm1(delta);
}

inline double activation(int which, double x) {
  switch (which) {
    case 1:
      return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    case 2:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
    case 3:
      return x / (1 + std::exp(-1.702 * x));
    case 4:
      return std::max(x, 0.0);
    case 5:
      return std::min(std::max(x, 0.0), 6.0);
    case 6:
      return x / (1 + std::exp(-x));
    case 7:
      return x * std::min(std::max(x + 3, 0.0), 6.0) / 6;
    case 8:
      return 1 / (1 + std::exp(-x));
    case 9:
      return std::min(std::max(x + 3, 0.0), 6.0) / 6;
    default:
      return x;
  }
}

// GELU: the error function is a polynomial good to 1.5e-7 (Abramowitz & Stegun 7.1.26) whose five terms of
// magnitude 4.5 in all, evaluated by Horner's rule, are off by at most 2 · 5 u · 4.5, plus 3 ulp of exp.
// The others: x · logistic(z), where (3 + 2|z|) ulp of exp times logistic' is below 1.2 ulp, the relative
// error of z (6u) times |z| logistic' is below 1.4u, and the division adds 2.5 ulp. Hard swish: a sum and two
// products, the rounding of the sum (u |x + 3|) relative to |x|. Hard sigmoid: a sum and a product.
inline double activation_bound(int which, double x) {
  if (which == 0 || which == 4 || which == 5) return 0;
  if (which == 7) return std::abs(x) * (std::min(std::abs(x) + 3, 9.0) / 6 + 4) * u;
  if (which == 9) return (std::min(std::abs(x) + 3, 9.0) / 6 + 2) * u;
  if (which == 8) return (1.4 * u + (1.2 + 2.5 + 1) * ulp);
  if (which == 1) return std::abs(x) / 2 * (1.5e-7 + 45 * u + 3 * ulp) + 4 * u * std::abs(x);
  return std::abs(x) * (1.4 * u + (1.2 + 2.5 + 1) * ulp);
}

constexpr double steepest = 1.5;  // of all activations: hard swish at 3

struct LinearCase {
  int activation = 0;
  const Numbers *bias = nullptr, *scale = nullptr, *residual = nullptr;
  int final = 0;
};

// What follows a sum of `terms` products whose absolute values add up to `magnitude`: element `column` of row
// `row` of [rows, columns].
inline void add_epilogue(double sum, double magnitude, size_t terms, size_t row, size_t column,
                         size_t columns, const LinearCase& c, Expected& out) {
  if (c.bias != nullptr) {
    sum += (*c.bias)[column];
    magnitude += std::abs((*c.bias)[column]);
  }
  const double before = static_cast<double>(terms + 1) * u * magnitude;
  double value = activation(c.activation, sum);
  double bound = (c.activation == 0 ? 1 : steepest) * before + activation_bound(c.activation, sum);
  if (c.scale != nullptr) {
    value *= (*c.scale)[column];
    bound = bound * std::abs((*c.scale)[column]) + u * std::abs(value);
  }
  if (c.residual != nullptr) {
    value += (*c.residual)[row * columns + column];
    bound += u * std::abs(value);
  }
  if (c.final != 0) bound = steepest * bound + activation_bound(c.final, value);
  out.add(activation(c.final, value), bound * 1.01);  // second-order terms
}

// x [m, k], w [n, k] → [m, n]: final(residual + scale · act(x wᵀ + bias)).
inline Expected linear(const Numbers& x, const Numbers& w, size_t m, size_t n, size_t k,
                       const LinearCase& c) {
  Expected out;
  for (size_t row = 0; row < m; ++row)
    for (size_t column = 0; column < n; ++column) {
      double sum = 0, magnitude = 0;
      for (size_t i = 0; i < k; ++i) {
        const double product = x[row * k + i] * w[column * k + i];
        sum += product;
        magnitude += std::abs(product);
      }
      add_epilogue(sum, magnitude, k, row, column, n, c, out);
    }
  return out;
}

// One row x of n values, at `x`.
inline void layer_norm_row(const double* x, size_t n, const Numbers& gamma, const Numbers& beta,
                           double epsilon, Expected& out) {
  const double count = static_cast<double>(n);
  double mean = 0, magnitude = 0, variance = 0, deviation = 0;
  for (size_t i = 0; i < n; ++i) {
    mean += x[i] / count;
    magnitude += std::abs(x[i]) / count;
  }
  for (size_t i = 0; i < n; ++i) {
    variance += (x[i] - mean) * (x[i] - mean) / count;
    deviation += std::abs(x[i] - mean) / count;
  }
  const double mean_bound = (count + 3) * u * magnitude;
  const double variance_bound =
      (count + 6) * u * variance + 2 * mean_bound * deviation + mean_bound * mean_bound;
  const double inverse = 1 / std::sqrt(variance + epsilon);
  // √ halves a relative error; inversesqrt itself 2 ulp.
  const double inverse_bound = variance_bound / (2 * (variance + epsilon)) + 2 * ulp;
  for (size_t i = 0; i < n; ++i) {
    const double d = x[i] - mean, scaled = d * inverse * gamma[i], y = scaled + beta[i];
    out.add(y, 1.1 * (std::abs(inverse * gamma[i]) * (mean_bound + u * std::abs(d)) +
                      std::abs(scaled) * (inverse_bound + 3 * u) + u * (std::abs(y) + std::abs(beta[i]))));
  }
}

enum class Start { given, one_hot, uniform };

// x A, or x · rownorm(A + I), for a ≥ 0 [images, tokens, tokens] and x ≥ 0.
inline Expected token_mix(const Numbers& a, const Numbers& x, size_t images, size_t tokens, Start start,
                          size_t token, bool identity) {
  Expected out;
  for (size_t image = 0; image < images; ++image) {
    Numbers sum(tokens, 0.0);
    for (size_t i = 0; i < tokens; ++i) {
      const double* row = &a[(image * tokens + i) * tokens];
      double weight = start == Start::given     ? x[image * tokens + i]
                      : start == Start::one_hot ? (i == token ? 1.0 : 0.0)
                                                : 1.0 / static_cast<double>(tokens);
      if (identity) {
        double row_sum = 1;
        for (size_t j = 0; j < tokens; ++j) row_sum += row[j];
        weight /= row_sum;
        sum[i] += weight;
      }
      for (size_t j = 0; j < tokens; ++j) sum[j] += weight * row[j];
    }
    // Everything is positive, so relative errors carry over: two sums over tokens, two divisions.
    for (const double y : sum) out.add(y, (2 * static_cast<double>(tokens) + 2 + 2 * 5) * u * y);
  }
  return out;
}

// x [images, tokens, width] → mean over tokens first … tokens − 1.
inline Expected token_mean(const Numbers& x, size_t images, size_t tokens, size_t width, size_t first) {
  Expected out;
  const double count = static_cast<double>(tokens - first);
  for (size_t image = 0; image < images; ++image)
    for (size_t c = 0; c < width; ++c) {
      double sum = 0, magnitude = 0;
      for (size_t i = first; i < tokens; ++i) {
        sum += x[(image * tokens + i) * width + c];
        magnitude += std::abs(x[(image * tokens + i) * width + c]);
      }
      out.add(sum / count, (count * u + 2.5 * ulp) * magnitude / count);
    }
  return out;
}

// x [rows, 2 · hidden] → silu(first half) · second half.
inline Expected swiglu(const Numbers& x, size_t rows, size_t hidden) {
  Expected out;
  for (size_t row = 0; row < rows; ++row)
    for (size_t c = 0; c < hidden; ++c) {
      const double gate = x[row * 2 * hidden + c], value = x[row * 2 * hidden + hidden + c];
      const double y = gate / (1 + std::exp(-gate)) * value;
      // Beyond exp's range the logistic, not only the product, may be flushed to zero.
      out.add(y, std::abs(y) * ((3 + 2 * std::abs(gate)) * ulp + u + 2.5 * ulp + u) +
                     0x1p-126 * std::abs(gate * value));
    }
  return out;
}

// x [images, channels, height, width] → [images, patches, channels · rows · cols]; exact.
inline Expected patch_gather(const Numbers& x, size_t images, size_t channels, size_t height, size_t width,
                             size_t rows, size_t cols) {
  Expected out;
  for (size_t image = 0; image < images; ++image)
    for (size_t top = 0; top + rows <= height; top += rows)
      for (size_t left = 0; left + cols <= width; left += cols)
        for (size_t channel = 0; channel < channels; ++channel)
          for (size_t r = 0; r < rows; ++r)
            for (size_t c = 0; c < cols; ++c)
              out.add(x[((image * channels + channel) * height + top + r) * width + left + c], 0);
  return out;
}

// x [images, patches, width], table [prefix + patches, width].
inline Expected embed_tokens(const Numbers& x, const Numbers& table, size_t images, size_t patches,
                             size_t prefix, size_t width) {
  Expected out;
  for (size_t image = 0; image < images; ++image)
    for (size_t token = 0; token < prefix + patches; ++token)
      for (size_t c = 0; c < width; ++c) {
        double y = table[token * width + c];
        if (token >= prefix) y += x[(image * patches + token - prefix) * width + c];
        out.add(y, u * std::abs(y));
      }
  return out;
}

}  // namespace fovea::test
