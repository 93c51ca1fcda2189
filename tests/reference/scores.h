// Attention over a sequence in double precision, with bounds on what fp32 arithmetic may differ.
#pragma once

#include "tests/reference/basics.h"

namespace fovea::test {

// q [batch, queries, channels], k [batch, keys, channels] → [batch, queries, keys]; energy: additive scores.
inline Expected query_scores(const Numbers& q, const Numbers& k, size_t batch, size_t queries, size_t keys,
                             size_t channels, double scale, const Numbers* energy) {
  Expected out;
  for (size_t b = 0; b < batch; ++b)
    for (size_t i = 0; i < queries; ++i)
      for (size_t j = 0; j < keys; ++j) {
        double sum = 0, magnitude = 0, off = 0;
        for (size_t c = 0; c < channels; ++c) {
          const double x = q[(b * queries + i) * channels + c], y = k[(b * keys + j) * channels + c];
          const double term = energy == nullptr ? x * y : (*energy)[c] * std::tanh(x + y);
          sum += term;
          magnitude += std::abs(term);
          // tanh as 2 logistic(2z) − 1, of a sum that is rounded.
          if (energy != nullptr)
            off +=
                std::abs((*energy)[c]) * (2 * activation_bound(8, 2 * (x + y)) + 2 * u + u * std::abs(x + y));
        }
        out.add(scale * sum,
                std::abs(scale) * (static_cast<double>(channels + 2) * u * magnitude + off) * 1.01);
      }
  return out;
}

struct WeightsCase {
  size_t batch = 1, queries = 1, keys = 1;
  std::vector<uint32_t> mask, lengths;  // empty: none
  Numbers centres;                      // empty: none
  double window = 0;
  bool gauss = false, hard = false;

  bool sees(size_t b, size_t i, size_t j) const {
    return (mask.empty() || mask[b * keys + j] != 0) && (lengths.empty() || j < lengths[b]) &&
           (centres.empty() || std::abs(static_cast<double>(j) - centres[b * queries + i]) <= window);
  }
  double gaussian(size_t b, size_t i, size_t j) const {
    const double off = static_cast<double>(j) - (centres.empty() ? 0 : centres[b * queries + i]),
                 sigma = window / 2;
    return gauss ? std::exp(-off * off / (2 * sigma * sigma)) : 1;
  }
};

inline Expected score_weights(const Numbers& scores, const WeightsCase& c) {
  Expected out;
  for (size_t b = 0; b < c.batch; ++b)
    for (size_t i = 0; i < c.queries; ++i) {
      const double* row = &scores[(b * c.queries + i) * c.keys];
      size_t best = c.keys;
      double total = 0;
      for (size_t j = 0; j < c.keys; ++j)
        if (c.sees(b, i, j) && (best == c.keys || row[j] > row[best])) best = j;
      for (size_t j = 0; j < c.keys; ++j)
        if (c.sees(b, i, j)) total += std::exp(row[j] - row[best]);
      for (size_t j = 0; j < c.keys; ++j) {
        if (!c.sees(b, i, j)) {
          out.add(0, 0);
          continue;
        }
        if (c.hard) {
          out.add(j == best ? 1 : 0, 0);
          continue;
        }
        const double below = row[best] - row[j], y = std::exp(-below) / total * c.gaussian(b, i, j);
        // Differences of scores round by u each; a sum over keys; exp 3 + 2|x| ulp, of the Gaussian's
        // exponent of at most 2 and its own rounding too; a division and a product.
        out.add(y, y *
                           (2 * (3 + 2 * below) * ulp + 2 * u * below + static_cast<double>(c.keys) * u +
                            2.5 * ulp + (c.gauss ? (3 + 2 * 2) * ulp + 16 * u : 0)) *
                           1.1 +
                       0x1p-126);
      }
    }
  return out;
}

// weights [batch, rows, items] (turned: [batch, items, rows]), v [batch, items, channels] → [batch, rows,
// channels]
inline Expected weighted_sum(const Numbers& weights, const Numbers& v, size_t batch, size_t rows,
                             size_t items, size_t channels, double scale, bool turned) {
  Expected out;
  for (size_t b = 0; b < batch; ++b)
    for (size_t i = 0; i < rows; ++i)
      for (size_t c = 0; c < channels; ++c) {
        double sum = 0, magnitude = 0;
        for (size_t j = 0; j < items; ++j) {
          const double w = turned ? weights[(b * items + j) * rows + i] : weights[(b * rows + i) * items + j];
          sum += w * v[(b * items + j) * channels + c];
          magnitude += std::abs(w * v[(b * items + j) * channels + c]);
        }
        out.add(scale * sum, std::abs(scale) * static_cast<double>(items + 2) * u * magnitude);
      }
  return out;
}

}  // namespace fovea::test
