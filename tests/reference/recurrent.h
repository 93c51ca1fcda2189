// LSTM and GRU in double precision, step by step, with bounds on what fp32 arithmetic may differ.
#pragma once

#include "tests/reference/basics.h"

namespace fovea::test {

struct RecurrentCase {
  bool lstm = true;
  size_t batch = 1, steps = 1, hidden = 1, directions = 1;
  Numbers x;                      // [batch, steps, directions, gates, hidden], of inputs with their bias
  Numbers w, bias;                // [directions, gates · hidden, hidden], [directions, gates · hidden]
  std::vector<uint32_t> lengths;  // empty: all steps
  Numbers h0, c0;                 // [batch, directions, hidden]; empty: zeros
  double stored = 0;              // relative rounding of a state between steps
  size_t gates() const { return lstm ? 4 : 3; }
};

struct RecurrentExpected {
  Expected y, hn, cn;  // [batch, steps, directions, hidden], [batch, directions, hidden]
};

// A number and how far fp32 may be from it.
struct Near {
  double value = 0, bound = 0;
};
inline Near near_logistic(const Near& x) {
  return {1 / (1 + std::exp(-x.value)), x.bound / 4 + activation_bound(8, x.value)};
}
inline Near near_tanh(const Near& x) {  // 2 logistic(2x) − 1
  return {std::tanh(x.value), x.bound + 2 * activation_bound(8, 2 * x.value) + 2 * u};
}
inline Near near_product(const Near& a, const Near& b) {
  const double value = a.value * b.value;
  return {value, std::abs(a.value) * b.bound + std::abs(b.value) * a.bound + a.bound * b.bound +
                     u * std::abs(value)};
}
inline Near near_sum(const Near& a, const Near& b) {
  return {a.value + b.value, a.bound + b.bound + u * std::abs(a.value + b.value)};
}

// The state and cell of one row and direction after a step.
struct RecurrentState {
  std::vector<Near> h, c;
};
inline RecurrentState recurrent_step(const RecurrentCase& k, const RecurrentState& before, const double* x,
                                     size_t d) {
  const size_t n = k.hidden;
  RecurrentState after = before;
  for (size_t j = 0; j < n; ++j) {
    std::vector<Near> u_of(k.gates());
    for (size_t g = 0; g < k.gates(); ++g) {
      const double* row = &k.w[((d * k.gates() + g) * n + j) * n];
      double sum = k.bias[(d * k.gates() + g) * n + j], magnitude = std::abs(sum), carried = 0;
      for (size_t i = 0; i < n; ++i) {
        sum += row[i] * before.h[i].value;
        magnitude += std::abs(row[i] * before.h[i].value);
        carried += std::abs(row[i]) * before.h[i].bound;
      }
      // Where the product is stored before it is used it rounds once more.
      u_of[g] = {sum, static_cast<double>(n + 2) * u * magnitude + carried + k.stored * std::abs(sum)};
    }
    const auto gate = [&](size_t g) { return near_sum({x[g * n + j], 0}, u_of[g]); };
    if (k.lstm) {
      const Near i = near_logistic(gate(0)), f = near_logistic(gate(1)), g = near_tanh(gate(2)),
                 o = near_logistic(gate(3));
      after.c[j] = near_sum(near_product(f, before.c[j]), near_product(i, g));
      after.h[j] = near_product(o, near_tanh(after.c[j]));
    } else {
      const Near r = near_logistic(gate(0)), z = near_logistic(gate(1));
      const Near n_gate = near_tanh(near_sum({x[2 * n + j], 0}, near_product(r, u_of[2])));
      after.h[j] = near_sum(near_product({1 - z.value, z.bound + u}, n_gate), near_product(z, before.h[j]));
    }
    after.h[j].bound = 1.01 * after.h[j].bound + k.stored * std::abs(after.h[j].value);
  }
  return after;
}

inline RecurrentExpected recurrent(const RecurrentCase& k) {
  const size_t n = k.hidden;
  RecurrentExpected out;
  const Expected zeros{Numbers(k.batch * k.steps * k.directions * n, 0.0),
                       Numbers(k.batch * k.steps * k.directions * n, 0.0)};
  out.y = zeros;
  for (size_t b = 0; b < k.batch; ++b)
    for (size_t d = 0; d < k.directions; ++d) {
      RecurrentState state{std::vector<Near>(n), std::vector<Near>(n)};
      for (size_t j = 0; j < n && !k.h0.empty(); ++j) {
        state.h[j].value = k.h0[(b * k.directions + d) * n + j];
        if (k.lstm) state.c[j].value = k.c0[(b * k.directions + d) * n + j];
      }
      const size_t length = k.lengths.empty() ? k.steps : k.lengths[b];
      for (size_t s = 0; s < length; ++s) {
        const size_t t = d == 0 ? s : length - 1 - s, at = (b * k.steps + t) * k.directions + d;
        state = recurrent_step(k, state, &k.x[at * k.gates() * n], d);
        for (size_t j = 0; j < n; ++j) {
          out.y.values[at * n + j] = state.h[j].value;
          out.y.bounds[at * n + j] = state.h[j].bound;
        }
      }
      for (size_t j = 0; j < n; ++j) {
        out.hn.add(state.h[j].value, state.h[j].bound);
        out.cn.add(state.c[j].value, state.c[j].bound);
      }
    }
  return out;
}

}  // namespace fovea::test
