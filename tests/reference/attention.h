// Attention with everything stored, in double precision; see reference.h for the bounds.
#pragma once

#include <random>

#include "tests/reference/basics.h"

namespace fovea::test {

// Added to the scaled logits: [images, heads, queries or 1, keys rounded up to four]; image i has entry i mod
// images.
struct Term {
  const Numbers* numbers = nullptr;
  size_t images = 1, heads = 1;
  bool one_row = false;  // for all queries
};

struct AttentionShape {
  size_t images, queries, keys, heads, width;
  Term bias{}, mask{};
  std::vector<uint32_t> lengths{};  // keys that image i sees: lengths[i mod their number]; all where empty
  bool causal = false;
  size_t offset = 0;  // causal: keys before the first query's own

  bool sees(size_t image, size_t query, size_t key) const {
    return (lengths.empty() || key < lengths[image % lengths.size()]) && (!causal || key <= offset + query);
  }
};

// Scores of one row and how far off fp32 ones may be.
struct Scores {
  Numbers value, bound;
  double largest = -INFINITY;
};

// q [images, queries, heads, width], k [images, keys, heads, width].
inline Scores attention_scores(const Numbers& q, const Numbers& k, const AttentionShape& s, size_t image,
                               size_t query, size_t head) {
  const double scale = 1 / std::sqrt(static_cast<double>(s.width));
  Scores out;
  for (size_t key = 0; key < s.keys; ++key) {
    double sum = 0, magnitude = 0;
    for (size_t c = 0; c < s.width; ++c) {
      const double product = q[((image * s.queries + query) * s.heads + head) * s.width + c] *
                             k[((image * s.keys + key) * s.heads + head) * s.width + c];
      sum += product * scale;
      magnitude += std::abs(product) * scale;
    }
    // width products, the scale itself rounded, and multiplied; each term added is rounded twice at most.
    double bound = static_cast<double>(s.width + 3) * u * magnitude;
    for (const Term& term : {s.bias, s.mask}) {
      if (term.numbers == nullptr) continue;
      const size_t entry = image % term.images, term_head = term.heads == 1 ? 0 : head;
      const size_t rows = term.one_row ? 1 : s.queries, row = term.one_row ? 0 : query;
      const double value =
          (*term.numbers)[((entry * term.heads + term_head) * rows + row) * ((s.keys + 3) / 4 * 4) + key];
      sum += value;
      bound += 2 * u * (magnitude + std::abs(value));
    }
    if (!s.sees(image, query, key)) sum = -INFINITY;
    out.value.push_back(sum);
    out.bound.push_back(bound);
    out.largest = std::max(out.largest, sum);
  }
  return out;
}

struct AttentionExpected {
  Expected o;    // [images, queries, heads, width]
  Expected lse;  // [images, heads, queries]
};

inline AttentionExpected attention(const Numbers& q, const Numbers& k, const Numbers& v,
                                   const AttentionShape& s) {
  AttentionExpected out;
  out.lse.values.resize(s.images * s.heads * s.queries);
  out.lse.bounds = out.lse.values;
  for (size_t image = 0; image < s.images; ++image)
    for (size_t query = 0; query < s.queries; ++query)
      for (size_t head = 0; head < s.heads; ++head) {
        const Scores scores = attention_scores(q, k, s, image, query, head);
        // The running sums are rescaled once a tile (of at least 8 keys) by exp of the rise of the maximum;
        // the rises after a key add up to no more than what that key is below the largest. An error in the
        // maximum itself is in every weight and in their sum, and cancels.
        const double tiles = std::ceil(static_cast<double>(s.keys) / 8);
        const double common = 3 * tiles * ulp + static_cast<double>(s.keys + 3) * u;
        double total = 0;
        Numbers p(s.keys), delta(s.keys);
        for (size_t j = 0; j < s.keys; ++j) {
          const double below = scores.largest - scores.value[j];
          p[j] = std::exp(-below);
          if (p[j] == 0) continue;  // masked: nothing, however far below
          // Twice the rounding of the difference: its own and that of the two scores it is made of.
          delta[j] = exp_error(scores.bound[j] + common + (3 + 4 * below) * ulp +
                               u * (2 * below + std::abs(scores.largest) + std::abs(scores.value[j])));
          total += p[j];
        }
        double total_bound = 0;
        for (size_t j = 0; j < s.keys; ++j) total_bound += p[j] / total * delta[j];
        for (size_t c = 0; c < s.width; ++c) {
          double sum = 0, bound = 0;
          for (size_t j = 0; j < s.keys; ++j) {
            const double term = p[j] / total * v[((image * s.keys + j) * s.heads + head) * s.width + c];
            sum += term;
            bound += std::abs(term) * (delta[j] + total_bound + 2.5 * ulp);
          }
          out.o.add(sum, 1.01 * bound);
        }
        const double lse = scores.largest + std::log(total);
        const size_t at = (image * s.heads + head) * s.queries + query;
        out.lse.values[at] = lse;
        out.lse.bounds[at] = 1.01 * (total_bound + std::max(0x1p-21, 3 * ulp * std::log(total)) +
                                     u * (std::abs(lse) + std::abs(scores.largest)));
      }
  return out;
}

enum class Fusion { none, mean, max, min, one_head };

// Rows first … first + rows − 1 of softmax(scale q kᵀ + bias + mask): [images, heads, rows, keys], or fused
// over heads [images, rows, keys]. The kernel is given log-sum-exp rounded to fp32.
inline Expected attention_rows(const Numbers& q, const Numbers& k, const AttentionShape& s, size_t first,
                               size_t rows, Fusion fusion, size_t one_head) {
  const size_t outputs = fusion == Fusion::none ? s.heads : 1;
  Expected out;
  for (size_t image = 0; image < s.images; ++image)
    for (size_t output = 0; output < outputs; ++output)
      for (size_t row = first; row < first + rows; ++row) {
        std::vector<Scores> scores;
        Numbers lse;
        for (size_t head = 0; head < s.heads; ++head) {
          scores.push_back(attention_scores(q, k, s, image, row, head));
          double total = 0;
          for (const double x : scores.back().value) total += std::exp(x - scores.back().largest);
          lse.push_back(scores.back().largest + std::log(total));
        }
        for (size_t key = 0; key < s.keys; ++key) {
          double fused = fusion == Fusion::min ? INFINITY : 0, bound = 0;
          for (size_t head = 0; head < s.heads; ++head) {
            if (fusion == Fusion::none && head != output) continue;
            if (fusion == Fusion::one_head && head != one_head) continue;
            const double x = scores[head].value[key] - lse[head], p = std::exp(x);
            const double error =
                p == 0 ? 0
                       : p * exp_error(scores[head].bound[key] + (3 + 2 * std::abs(x)) * ulp +
                                       2 * u * (std::abs(lse[head]) + std::abs(scores[head].value[key])));
            if (fusion == Fusion::max) {
              fused = std::max(fused, p);
              bound = std::max(bound, error);
            } else if (fusion == Fusion::min) {
              fused = std::min(fused, p);
              bound = std::max(bound, error);
            } else {
              fused += p;
              bound += error + static_cast<double>(s.heads) * u * p;
            }
          }
          const double weight = fusion == Fusion::mean ? 1 / static_cast<double>(s.heads) : 1;
          out.add(fused * weight, 1.01 * bound * weight + 2 * u * fused * weight);
        }
      }
  return out;
}

// q [images, tokens, heads, width] for tokens of a grid of rows × cols, tables [2 cols − 1, width] and [2
// rows − 1, width] → [images, heads, queries, keys], without what keys are rounded up by.
inline Expected relative_logits(const Numbers& q, const Numbers& width_rel, const Numbers& height_rel,
                                const AttentionShape& s, size_t rows, size_t cols) {
  Expected out;
  for (size_t image = 0; image < s.images; ++image)
    for (size_t head = 0; head < s.heads; ++head)
      for (size_t qy = 0; qy < rows; ++qy)
        for (size_t qx = 0; qx < cols; ++qx)
          for (size_t ky = 0; ky < rows; ++ky)
            for (size_t kx = 0; kx < cols; ++kx) {
              double sum = 0, magnitude = 0;
              for (size_t c = 0; c < s.width; ++c)
                for (const double relative : {width_rel[(kx + cols - 1 - qx) * s.width + c],
                                              height_rel[(ky + rows - 1 - qy) * s.width + c]}) {
                  const double product =
                      q[((image * s.queries + qy * cols + qx) * s.heads + head) * s.width + c] * relative;
                  sum += product;
                  magnitude += std::abs(product);
                }
              out.add(sum, static_cast<double>(s.width + 1) * u * magnitude);
            }
  return out;
}

// A mask [images, heads, queries, keys rounded up to four]: open keys, keys shut by every value in use, rows
// with one key left, rows whose first tiles are shut. What lies beyond the last key is not a number.
inline Numbers random_mask(size_t images, size_t heads, size_t queries, size_t keys, uint32_t seed) {
  std::mt19937 random(seed);
  Numbers out;
  for (size_t row = 0; row < images * heads * queries; ++row) {
    const size_t kind = row % 4, kept = random() % keys;
    for (size_t key = 0; key < (keys + 3) / 4 * 4; ++key) {
      const bool shut = kind == 1 ? key != kept : kind == 2 ? key < kept : kind == 3 && random() % 2 == 0;
      constexpr double values[]{-100, -1e4, -1e9, -3e38, -INFINITY};
      out.push_back(key >= keys ? NAN : shut && key != kept ? values[random() % 5] : 0);
    }
  }
  return out;
}

}  // namespace fovea::test
