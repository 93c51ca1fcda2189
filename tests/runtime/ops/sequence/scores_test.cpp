#include "runtime/ops/sequence/scores.h"

#include "runtime/ops/sequence/scores_backward.h"
#include "tests/reference/scores.h"
#include "tests/runtime/ops/harness.h"

namespace fovea::test {

TEST_CASE("query_scores over odd sizes") {
  for (const DType dtype : storage_types())
    for (const uint32_t channels : {1U, 3U, 12U, 65U})
      for (const auto& [batch, queries, keys] : {std::tuple{1U, 1U, 1U}, {3U, 5U, 9U}, {2U, 1U, 130U}})
        for (const bool additive : {false, true}) {
          CAPTURE(name_of(dtype));
          const std::string sizes =  // CAPTURE's lambda takes no structured binding
              fmt::format("{} × {} × {}, {} channels, additive {}", batch, queries, keys, channels, additive);
          CAPTURE(sizes);
          const Values q = random_values({batch, queries, channels}, dtype, 1),
                       k = random_values({batch, keys, channels}, dtype, 2),
                       energy = random_values({channels}, DType::f32, 3);
          constexpr float scale = 0.37F;
          Case c;
          const Tensor scores = ops::query_scores(c.recorder, c.input(q), c.input(k), scale,
                                                  additive ? c.input(energy) : Tensor{});
          check_close(c.run(scores),
                      query_scores(q.numbers, k.numbers, batch, queries, keys, channels, double{scale},
                                   additive ? &energy.numbers : nullptr),
                      DType::f32);
        }
}

namespace {

WeightsCase masked(uint32_t batch, uint32_t queries, uint32_t keys, bool mask, bool lengths) {
  WeightsCase out{batch, queries, keys, {}, {}, {}, 0, false, false};
  for (uint32_t i = 0; i < batch * keys && mask; ++i) out.mask.push_back(i * 7 % 3 == 0 ? 0 : 1);
  for (uint32_t b = 0; b < batch && lengths; ++b)
    out.lengths.push_back((b * 5 + keys) % (keys + 1));  // 0 too
  return out;
}

ops::KeyChoice choice_of(Case& c, const WeightsCase& w) {
  ops::KeyChoice out;
  const auto batch = static_cast<uint32_t>(w.batch), queries = static_cast<uint32_t>(w.queries),
             keys = static_cast<uint32_t>(w.keys);
  if (!w.mask.empty()) out.mask = c.input({batch, keys}, w.mask);
  if (!w.lengths.empty()) out.lengths = c.input({batch}, w.lengths);
  if (!w.centres.empty()) out.centres = c.input(values_of({batch, queries}, DType::f32, w.centres));
  out.window = static_cast<float>(w.window);
  out.gauss = w.gauss;
  out.focus = w.hard ? ops::Focus::hard : ops::Focus::soft;
  return out;
}

void with_centres(WeightsCase& w, bool gauss) {
  w.centres = random_values({static_cast<uint32_t>(w.batch), static_cast<uint32_t>(w.queries)}, DType::f32, 8,
                            static_cast<double>(w.keys) / 2, static_cast<double>(w.keys) / 2)
                  .numbers;
  w.window = 2;
  w.gauss = gauss;
}

}  // namespace

TEST_CASE("score_weights, soft and hard, of what masks, lengths and windows leave") {
  for (const auto& [batch, queries, keys] : {std::tuple{1U, 1U, 1U}, {3U, 5U, 9U}, {2U, 3U, 200U}})
    for (const bool mask : {false, true})
      for (const bool lengths : {false, true})
        for (const int local : {0, 1, 2})
          for (const bool hard : {false, true}) {
            if (hard && local == 2) continue;
            const std::string sizes = fmt::format("{} × {} × {}, mask {}, lengths {}, local {}, hard {}",
                                                  batch, queries, keys, mask, lengths, local, hard);
            CAPTURE(sizes);
            WeightsCase w = masked(batch, queries, keys, mask, lengths);
            if (local != 0) with_centres(w, local == 2);
            w.hard = hard;
            const Values scores = random_values({batch, queries, keys}, DType::f32, keys, 4);
            Case c;
            const Tensor weights = ops::score_weights(c.recorder, c.input(scores), choice_of(c, w));
            check_close(c.run(weights), score_weights(scores.numbers, w), DType::f32);
          }
}

TEST_CASE(
    "Of equal scores hard attention takes the first, and samples are drawn as often as the softmax says") {
  const Values equal = values_of({1, 1, 70}, DType::f32, Numbers(70, 0.5));
  Case c;
  ops::KeyChoice hard;
  hard.focus = ops::Focus::hard;
  const Numbers got = c.run(ops::score_weights(c.recorder, c.input(equal), hard));
  CHECK(got[0] == 1);
  CHECK(std::count(got.begin(), got.end(), 0.0) == 69);

  constexpr uint32_t rows = 20000;
  const Numbers logits = {0, 1, -1, 0.5};
  Numbers repeated;
  for (uint32_t i = 0; i < rows; ++i) repeated.insert(repeated.end(), logits.begin(), logits.end());
  const Values scores = values_of({1, rows, 4}, DType::f32, repeated);
  const auto draw = [&](uint32_t seed) {
    Case drawing;
    ops::KeyChoice sampled;
    sampled.focus = ops::Focus::sampled;
    sampled.seed = seed;
    return drawing.run(ops::score_weights(drawing.recorder, drawing.input(scores), sampled));
  };
  const Numbers first = draw(1);
  CHECK(first == draw(1));
  CHECK(first != draw(2));
  double total = 0;
  for (const double v : logits) total += std::exp(v);
  for (size_t k = 0; k < logits.size(); ++k) {
    double count = 0;
    for (uint32_t i = 0; i < rows; ++i) count += first[i * 4 + k];
    const double p = std::exp(logits[k]) / total;
    CHECK(std::abs(count / rows - p) < 5 * std::sqrt(p * (1 - p) / rows));  // five standard deviations
  }
}

TEST_CASE("weighted_sum over odd sizes") {
  for (const DType dtype : storage_types())
    for (const uint32_t channels : {1U, 3U, 20U, 65U})
      for (const bool turned : {false, true}) {
        constexpr uint32_t batch = 2, rows = 5, items = 11;
        constexpr float scale = 1.3F;
        CAPTURE(name_of(dtype));
        CAPTURE(channels);
        CAPTURE(turned);
        const Values w = random_values(turned ? Shape{batch, items, rows} : Shape{batch, rows, items},
                                       DType::f32, 1),
                     v = random_values({batch, items, channels}, dtype, 2);
        Case c;
        const Tensor y = ops::weighted_sum(c.recorder, c.input(w), c.input(v), scale, turned);
        check_close(c.run(y),
                    weighted_sum(w.numbers, v.numbers, batch, rows, items, channels, double{scale}, turned),
                    dtype);
      }
}

TEST_CASE("Gradients of weights and of additive scores equal finite differences") {
  constexpr uint32_t batch = 2, queries = 3, keys = 7, channels = 5;
  constexpr double step = 1e-5;
  const Values scores = random_values({batch, queries, keys}, DType::f32, 1, 2),
               given = random_values({batch, queries, keys}, DType::f32, 2);
  const auto dot = [](const Numbers& a, const Numbers& b) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum;
  };
  const auto worst_of = [&](const Numbers& got, const Numbers& at, const auto& loss) {
    double worst = 0;
    for (size_t i = 0; i < got.size(); ++i) {
      Numbers up = at, down = at;
      up[i] += step;
      down[i] -= step;
      worst = std::max(worst, std::abs(got[i] - (loss(up) - loss(down)) / (2 * step)));
    }
    return worst;
  };
  for (const bool gauss : {false, true}) {
    CAPTURE(gauss);
    WeightsCase w = masked(batch, queries, keys, true, false);
    if (gauss) with_centres(w, true);
    Case c;
    const ops::KeyChoice choice = choice_of(c, w);
    const Tensor weights = ops::score_weights(c.recorder, c.input(scores), choice);
    const auto gradient = ops::score_weights_backward(c.recorder, weights, c.input(given), choice);
    const auto got = c.run({gradient.dscores, gauss ? gradient.dcentres : gradient.dscores});
    CHECK(worst_of(got[0], scores.numbers,
                   [&](const Numbers& s) { return dot(score_weights(s, w).values, given.numbers); }) < 2e-6);
    if (gauss)
      CHECK(worst_of(got[1], w.centres, [&](const Numbers& centres) {
              WeightsCase moved = w;
              moved.centres = centres;
              return dot(score_weights(scores.numbers, moved).values, given.numbers);
            }) < 2e-6);
  }
  const Values q = random_values({batch, queries, channels}, DType::f32, 3),
               k = random_values({batch, keys, channels}, DType::f32, 4),
               energy = random_values({channels}, DType::f32, 5);
  const auto loss = [&](const Numbers& a, const Numbers& b, const Numbers& e) {
    return dot(query_scores(a, b, batch, queries, keys, channels, 1, &e).values, given.numbers);
  };
  Case c;
  const Tensor tq = c.input(q), tk = c.input(k), te = c.input(energy), ds = c.input(given);
  const auto by_query = ops::additive_queries_backward(c.recorder, tq, tk, te, ds);
  const auto got =
      c.run({by_query.d, ops::additive_keys_backward(c.recorder, tq, tk, te, ds), by_query.denergy});
  CHECK(worst_of(got[0], q.numbers, [&](const Numbers& x) { return loss(x, k.numbers, energy.numbers); }) <
        2e-6);
  CHECK(worst_of(got[1], k.numbers, [&](const Numbers& x) { return loss(q.numbers, x, energy.numbers); }) <
        2e-6);
  Numbers of_energy(channels, 0.0);
  for (size_t i = 0; i < got[2].size(); ++i) of_energy[i % channels] += got[2][i];
  CHECK(worst_of(of_energy, energy.numbers, [&](const Numbers& x) { return loss(q.numbers, k.numbers, x); }) <
        2e-6);
}

TEST_CASE("Attention over a sequence rejects what does not fit") {
  Case c;
  const Tensor q = c.recorder.input({2, 3, 4}, DType::f32, "q"),
               k = c.recorder.input({2, 5, 6}, DType::f32, "k");
  CHECK_THROWS_WITH_AS(ops::query_scores(c.recorder, q, k),
                       doctest::Contains("[query_scores] q is [2, 3, 4]"), Error);
  ops::KeyChoice choice;
  choice.lengths = c.recorder.input({3}, DType::u32, "lengths");
  CHECK_THROWS_WITH_AS(ops::score_weights(c.recorder, q, choice), doctest::Contains("lengths is [3]"), Error);
  CHECK_THROWS_WITH_AS(ops::weighted_sum(c.recorder, q, k), doctest::Contains("[weighted_sum] weights is"),
                       Error);
}

}  // namespace fovea::test
