// Naive double-precision references of the layers around convolutions and attention, as reference.h has them:
// written from the formulas, with a bound on what fp32 arithmetic may differ, and nothing shared with ops.
#pragma once

#include "tests/reference/basics.h"

namespace fovea::test {

// x [images, a, b] → [images, b, width], zeros from column a on; exact.
inline Numbers transpose(const Numbers& x, size_t images, size_t a, size_t b, size_t width) {
  Numbers out(images * b * width, 0.0);
  for (size_t image = 0; image < images; ++image)
    for (size_t i = 0; i < a; ++i)
      for (size_t j = 0; j < b; ++j) out[(image * b + j) * width + i] = x[(image * a + i) * b + j];
  return out;
}

// x [images, rows, channels] → rows table[0], table[1] … of each image, zeros beyond the last row; exact.
inline Numbers gather_rows(const Numbers& x, const std::vector<uint32_t>& table, size_t images, size_t rows,
                           size_t channels) {
  Numbers out;
  for (size_t image = 0; image < images; ++image)
    for (const uint32_t row : table)
      for (size_t c = 0; c < channels; ++c)
        out.push_back(row < rows ? x[(image * rows + row) * channels + c] : 0.0);
  return out;
}

// x [images, tokens, width] → maximum over tokens first … tokens − 1; exact.
inline Numbers token_max(const Numbers& x, size_t images, size_t tokens, size_t width, size_t first) {
  Numbers out;
  for (size_t image = 0; image < images; ++image)
    for (size_t c = 0; c < width; ++c) {
      double most = -INFINITY;
      for (size_t i = first; i < tokens; ++i) most = std::max(most, x[(image * tokens + i) * width + c]);
      out.push_back(most);
    }
  return out;
}

// x [images, tokens, channels] → x + gamma · (x · N) + beta, N = G / (mean of G over channels + epsilon), G
// the length of a channel over an image's tokens (Woo et al. 2023, section 3). All terms of G and its mean
// are positive, so relative errors carry over: sums over tokens and channels, a root of 5 ulp that halves
// what it is given, divisions.
inline Expected grn(const Numbers& x, size_t images, size_t tokens, size_t channels, const Numbers& gamma,
                    const Numbers& beta, double epsilon) {
  Expected out;
  const double root = (static_cast<double>(tokens) + 1) * u / 2 + 5 * ulp;
  const double relative = 2 * root + (static_cast<double>(channels) + 2) * u + 3 * 2.5 * ulp + 3 * u;
  for (size_t image = 0; image < images; ++image) {
    Numbers length(channels, 0.0);
    double mean = 0;
    for (size_t c = 0; c < channels; ++c) {
      for (size_t i = 0; i < tokens; ++i) length[c] += std::pow(x[(image * tokens + i) * channels + c], 2);
      length[c] = std::sqrt(length[c]);
      mean += length[c] / static_cast<double>(channels);
    }
    for (size_t i = 0; i < tokens; ++i)
      for (size_t c = 0; c < channels; ++c) {
        const double value = x[(image * tokens + i) * channels + c];
        const double scaled = gamma[c] * value * length[c] / (mean + epsilon);
        const double y = value + scaled + beta[c];
        out.add(y, 1.01 * (std::abs(scaled) * relative + u * (std::abs(scaled + beta[c]) + std::abs(y))));
      }
  }
  return out;
}

struct ModulateCase {
  int activation = 0, final = 0;
  // [channels], [channels], [images, channels], [images, tokens, gate_step], [images, tokens, channels]
  const Numbers *scale = nullptr, *shift = nullptr, *channel_gate = nullptr, *spatial_gate = nullptr,
                *residual = nullptr;
  size_t gate_step = 1;
};

// x [images, tokens, channels] → final(residual + act(scale · x + shift) · channel gate · spatial gate).
inline Expected modulate(const Numbers& x, size_t images, size_t tokens, size_t channels,
                         const ModulateCase& m) {
  Expected out;
  for (size_t image = 0; image < images; ++image)
    for (size_t token = 0; token < tokens; ++token)
      for (size_t c = 0; c < channels; ++c) {
        const size_t at = (image * tokens + token) * channels + c;
        double value = x[at], bound = 0;
        const auto multiply = [&](double by) {
          value *= by;
          bound = bound * std::abs(by) + u * std::abs(value);
        };
        const auto add = [&](double what) {
          value += what;
          bound += u * std::abs(value);
        };
        const auto activate = [&](int which) {
          if (which == 0) return;
          bound = steepest * bound + activation_bound(which, value);
          value = activation(which, value);
        };
        if (m.scale != nullptr) multiply((*m.scale)[c]);
        if (m.shift != nullptr) add((*m.shift)[c]);
        activate(m.activation);
        if (m.channel_gate != nullptr) multiply((*m.channel_gate)[image * channels + c]);
        if (m.spatial_gate != nullptr) multiply((*m.spatial_gate)[(image * tokens + token) * m.gate_step]);
        if (m.residual != nullptr) add((*m.residual)[at]);
        activate(m.final);
        out.add(value, 1.01 * bound);
      }
  return out;
}

struct PoolCase {
  size_t images, height, width, channels;
  int rows, cols, stride, dilation, top, left, bottom, right;
  bool maximum, count_pad, ceil;
};

// Output positions along an axis, as PyTorch's documentation of MaxPool2d and AvgPool2d counts them.
inline int pool_size(size_t size, int before, int after, int taps, const PoolCase& p) {
  const double room = static_cast<double>(size) + before + after - p.dilation * (taps - 1) - 1;
  const double steps = p.ceil ? std::ceil(room / p.stride) : std::floor(room / p.stride);
  const int positions = static_cast<int>(steps) + 1;
  // A window must begin within the input or the padding before it.
  return p.ceil && (positions - 1) * p.stride >= static_cast<int>(size) + before ? positions - 1 : positions;
}

// x [images, height, width, channels]. The input is laid into a sheet that marks padding and what lies
// beyond.
inline Expected pool(const Numbers& x, const PoolCase& p) {
  const int out_rows = pool_size(p.height, p.top, p.bottom, p.rows, p),
            out_cols = pool_size(p.width, p.left, p.right, p.cols, p);
  const int height = static_cast<int>(p.height), width = static_cast<int>(p.width);
  Expected out;
  for (size_t image = 0; image < p.images; ++image)
    for (int row = 0; row < out_rows; ++row)
      for (int col = 0; col < out_cols; ++col)
        for (size_t c = 0; c < p.channels; ++c) {
          double most = -INFINITY, sum = 0, magnitude = 0;
          int inside = 0, padded = 0;
          for (int r = 0; r < p.rows; ++r)
            for (int k = 0; k < p.cols; ++k) {
              const int y = row * p.stride - p.top + r * p.dilation,
                        z = col * p.stride - p.left + k * p.dilation;
              if (y >= height + p.bottom || z >= width + p.right) continue;
              ++padded;
              if (y < 0 || y >= height || z < 0 || z >= width) continue;
              ++inside;
              const double value =
                  x[((image * p.height + static_cast<size_t>(y)) * p.width + static_cast<size_t>(z)) *
                        p.channels +
                    c];
              most = std::max(most, value);
              sum += value;
              magnitude += std::abs(value);
            }
          const double count = p.count_pad ? padded : inside;
          if (p.maximum)
            out.add(most, 0);
          else
            out.add(sum / count, (count * u + 2.5 * ulp) * magnitude / count);
        }
  return out;
}

// x [images, tokens, channels]: every image normalised over all its numbers, gamma and beta by channel.
inline Expected group_norm(const Numbers& x, size_t images, size_t tokens, size_t channels,
                           const Numbers& gamma, const Numbers& beta, double epsilon) {
  const size_t count = tokens * channels;
  Numbers every_gamma, every_beta;
  for (size_t i = 0; i < count; ++i) {
    every_gamma.push_back(gamma[i % channels]);
    every_beta.push_back(beta[i % channels]);
  }
  Expected out;
  for (size_t image = 0; image < images; ++image)
    layer_norm_row(&x[image * count], count, every_gamma, every_beta, epsilon, out);
  return out;
}

struct SeparableExpected {
  Expected o;       // [groups, tokens, channels]
  Expected scores;  // [groups, tokens]
};

// x [groups, tokens, 2 · channels + 4]: key, value, query and three more.
inline SeparableExpected separable_attention(const Numbers& x, size_t groups, size_t tokens,
                                             size_t channels) {
  const size_t row = 2 * channels + 4;
  SeparableExpected out;
  for (size_t group = 0; group < groups; ++group) {
    const double* first = &x[group * tokens * row];
    double most = -INFINITY, least = INFINITY, total = 0;
    for (size_t i = 0; i < tokens; ++i) {
      most = std::max(most, first[i * row + 2 * channels]);
      least = std::min(least, first[i * row + 2 * channels]);
    }
    for (size_t i = 0; i < tokens; ++i) total += std::exp(first[i * row + 2 * channels] - most);
    // Sums may be rescaled at every token; the rises of the maximum add up to no more than the range.
    const double count = static_cast<double>(tokens);
    const double common = (3 * count + 2 * (most - least)) * ulp + (count + 3) * u;
    Numbers score(tokens), delta(tokens);
    for (size_t i = 0; i < tokens; ++i) {
      const double below = most - first[i * row + 2 * channels];
      score[i] = std::exp(-below) / total;
      delta[i] = exp_error(common + (3 + 2 * below) * ulp + 2 * u * (below + std::abs(most)));
    }
    double total_bound = 0;
    for (size_t i = 0; i < tokens; ++i) total_bound += score[i] * delta[i];
    for (size_t i = 0; i < tokens; ++i)
      out.scores.add(score[i], 1.01 * score[i] * (delta[i] + total_bound + 2.5 * ulp));
    Numbers context(channels, 0.0), context_bound(channels, 0.0);
    for (size_t i = 0; i < tokens; ++i)
      for (size_t c = 0; c < channels; ++c) {
        const double term = score[i] * first[i * row + c];
        context[c] += term;
        context_bound[c] += std::abs(term) * (delta[i] + total_bound + 3 * ulp);
      }
    for (size_t i = 0; i < tokens; ++i)
      for (size_t c = 0; c < channels; ++c) {
        const double value = std::max(first[i * row + channels + c], 0.0);
        out.o.add(value * context[c], 1.01 * value * (context_bound[c] + u * std::abs(context[c])));
      }
  }
  return out;
}

// x [pixels, channels] → [pixels, 4]: mean and maximum over channels, or the other way round, and zeros.
inline Expected channel_stats(const Numbers& x, size_t pixels, size_t channels, bool mean_first) {
  const Expected mean = token_mean(x, pixels, channels, 1, 0);
  const Numbers most = token_max(x, pixels, channels, 1, 0);
  Expected out;
  for (size_t i = 0; i < pixels; ++i) {
    if (!mean_first) out.add(most[i], 0);
    // Sums of a fourth each: two roundings more.
    out.add(mean.values[i], mean.bounds[i] + 2 * u * std::abs(mean.values[i]));
    if (mean_first) out.add(most[i], 0);
    out.add(0, 0);
    out.add(0, 0);
  }
  return out;
}

enum class Resize { bilinear, bilinear_corners, nearest };

// x [images, height, width, channels] → [images, rows, cols, channels].
inline Expected resize2d(const Numbers& x, size_t images, size_t height, size_t width, size_t channels,
                         size_t rows, size_t cols, Resize mode) {
  const auto source = [&](size_t i, size_t from, size_t to) {
    const double at = static_cast<double>(i), ends = static_cast<double>(from - 1);
    if (mode == Resize::bilinear_corners) return to == 1 ? 0.0 : at * ends / static_cast<double>(to - 1);
    const double centre = (at + 0.5) * static_cast<double>(from) / static_cast<double>(to);
    // A centre on the border of two pixels belongs to the second; the division may have come out below.
    if (mode == Resize::nearest) return std::floor(centre + 1e-9);
    return std::min(std::max(centre - 0.5, 0.0), ends);
  };
  Expected out;
  for (size_t image = 0; image < images; ++image)
    for (size_t row = 0; row < rows; ++row)
      for (size_t col = 0; col < cols; ++col)
        for (size_t c = 0; c < channels; ++c) {
          const double y = source(row, height, rows), z = source(col, width, cols);
          double sum = 0, largest = 0;
          for (size_t i = 0; i < height; ++i)
            for (size_t j = 0; j < width; ++j) {
              // Linear interpolation: every pixel weighs 1 − distance.
              const double down = 1 - std::abs(y - static_cast<double>(i)),
                           across = 1 - std::abs(z - static_cast<double>(j));
              if (down < 0 || across < 0) continue;
              const double value = x[((image * height + i) * width + j) * channels + c];
              sum += down * across * value;
              largest = std::max(largest, std::abs(value));
            }
          // Each way: the weight t from a division, 1 − t, two products and a sum; twice the same t.
          out.add(sum, mode == Resize::nearest ? 0 : 2 * (2 * 2.5 * ulp + 4 * u) * largest);
        }
  return out;
}

}  // namespace fovea::test
