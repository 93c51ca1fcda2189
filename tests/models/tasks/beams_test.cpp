// Beam search against its definition: all continuations of all beams, each text evaluated as a whole without
// caches, sums and scores in double precision. And texts that are drawn.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "tests/models/changed.h"
#include "tests/models/golden.h"
#include "tests/reference/philox.h"

namespace {

using Ids = std::vector<int64_t>;

// A model that writes, and pictures.
struct Subject {
  Subject(const std::string& name, const std::filesystem::path& folder)
      : model(fovea::Model::load(fovea::Device::open(), folder, {fovea::Precision::fp32, 0, 0})),
        reference(golden::folder(name)) {}
  explicit Subject(const std::string& name) : Subject(name, golden::folder(name)) {}

  fovea::RawTensors pictures(uint64_t images) const {
    return {{"input", golden::in_turn(reference.tensor("input"), images)}};
  }
  fovea::RawTensors picture(uint64_t i) const {
    fovea::RawTensor one = golden::in_turn(reference.tensor("input"), i + 1);
    const size_t each = one.values.size() / (i + 1);
    one.values.erase(one.values.begin(), one.values.begin() + static_cast<std::ptrdiff_t>(i * each));
    one.shape[0] = 1;
    return {{"input", std::move(one)}};
  }
  // What a whole pass over a text that begins with the start token gives.
  fovea::RawTensors whole(uint64_t i, const Ids& ids, bool attention = false) const {
    fovea::RawTensors inputs = picture(i);
    inputs["decoder_input_ids"] = {{1, ids.size()}, {}, ids};
    fovea::RunOptions options;
    if (attention) options.attention_layers = golden::all_layers(model);
    return fovea::run(model, inputs, options);
  }

  fovea::Model model;
  golden::Reference reference;
};

// Logarithms of the probabilities behind the last id.
std::vector<double> logs_behind(const Subject& subject, uint64_t picture, const Ids& ids) {
  const fovea::RawTensor logits = subject.whole(picture, ids).at("logits");
  const size_t vocabulary = logits.shape[2];
  std::vector<double> out(logits.values.end() - static_cast<std::ptrdiff_t>(vocabulary), logits.values.end());
  const double most = *std::max_element(out.begin(), out.end());
  double sum = 0;
  for (const double x : out) sum += std::exp(x - most);
  for (double& x : out) x -= most + std::log(sum);
  return out;
}

struct Text {
  Ids ids;
  double sum = 0;
};

// By the definition, for one picture: ids without the start token, the end token with them.
struct Found {
  Ids ids;
  double score = 0;
};
Found search(const Subject& subject, uint64_t picture, int64_t start, int64_t end, size_t beams,
             double penalty, size_t most) {
  const auto score = [&](double sum, size_t length) {
    return sum / std::pow(static_cast<double>(length), penalty);
  };
  std::vector<Text> open{{{start}, 0}};
  std::vector<Found> ended;
  const auto end_with = [&](const Ids& ids, double value) {
    ended.push_back({{ids.begin() + 1, ids.end()}, value});
    std::stable_sort(ended.begin(), ended.end(),
                     [](const auto& a, const auto& b) { return a.score > b.score; });
    if (ended.size() > beams) ended.pop_back();
  };
  bool over = false;
  for (size_t length = 1; length <= most && !over; ++length) {
    std::vector<Text> all;
    for (const Text& text : open) {
      const std::vector<double> logs = logs_behind(subject, picture, text.ids);
      for (size_t id = 0; id < logs.size(); ++id) {
        all.push_back({text.ids, text.sum + logs[id]});
        all.back().ids.push_back(static_cast<int64_t>(id));
      }
    }
    std::stable_sort(all.begin(), all.end(), [](const Text& a, const Text& b) { return a.sum > b.sum; });
    open.clear();
    for (size_t rank = 0; rank < 2 * beams && open.size() < beams; ++rank) {
      if (all[rank].ids.back() != end)
        open.push_back(all[rank]);
      else if (rank < beams)
        end_with(all[rank].ids, score(all[rank].sum, length));
    }
    over = ended.size() == beams && ended.back().score >= score(all.front().sum, length);
  }
  if (!over)
    for (const Text& text : open) end_with(text.ids, score(text.sum, text.ids.size() - 1));
  return ended.front();
}

Ids written(const fovea::RawTensors& got, uint64_t picture) {
  const auto& all = got.at("generated");
  const auto first = all.integers.begin() + static_cast<std::ptrdiff_t>(picture * all.shape[1]);
  const int64_t length = got.at("generated_length").integers.at(picture);
  return {first + 1, first + length};
}

// Ids that a search meets, so that texts come to an end when one of them is the end token.
std::vector<int64_t> frequent(const Subject& subject, int64_t start) {
  const std::vector<double> logs = logs_behind(subject, 0, {start});
  std::vector<int64_t> order(logs.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return logs[static_cast<size_t>(a)] > logs[static_cast<size_t>(b)];
  });
  const Ids text = search(subject, 0, start, -1, 3, 1, 4).ids;
  return {order[1], order[4], text[2], text[3]};
}

// Steps of the text that won against a whole pass over it: logits, and the attention that each token was
// chosen with.
void check_steps(const Subject& subject, const fovea::RawTensors& got, uint64_t picture, int64_t start) {
  Ids ids = written(got, picture);
  ids.insert(ids.begin(), start);
  ids.pop_back();
  const auto whole = subject.whole(picture, ids, true);
  const size_t steps = ids.size(), most = got.at("step_logits").shape[1],
               vocabulary = got.at("step_logits").shape[2];
  for (size_t i = 0; i < steps * vocabulary; ++i)
    REQUIRE(std::abs(got.at("step_logits").values[picture * most * vocabulary + i] -
                     whole.at("logits").values[i]) <= 1e-4F);
  for (const std::string layer : {"0", "1"}) {
    const auto& step = got.at("step_cross_attn." + layer);
    const auto& full = whole.at("cross_attn." + layer);
    const size_t heads = step.shape[1], keys = step.shape[3];
    for (size_t head = 0; head < heads; ++head)
      for (size_t i = 0; i < steps * keys; ++i)
        REQUIRE(std::abs(step.values[(picture * heads + head) * most * keys + i] -
                         full.values[head * steps * keys + i]) <= 1e-5F);
  }
}

}  // namespace

TEST_CASE("Beams find what their definition says, with the steps that chose it") {
  constexpr uint32_t most = 8;
  size_t ends = 0, cut = 0, unlike_greedy = 0;
  for (const std::string name : {"trocr_small", "vit_gpt2"}) {
    const Subject whole(name);
    fovea::RunOptions options;
    options.generate = most;
    const int64_t start = fovea::run(whole.model, whole.pictures(1), options).at("generated").integers[0];
    std::vector<int64_t> end_ids = frequent(whole, start);
    for (const int64_t end : end_ids) {
      const golden::Changed folder(name, [&](auto& config) {
        config["decoder_start_token_id"] = start;
        config["eos_token_id"] = end;
      });
      const Subject subject(name, folder.path());
      for (const uint32_t beams : {2U, 3U, 5U})
        for (const float penalty : {1.0F, 0.0F, 2.0F, -1.0F}) {
          if (beams == 5 && penalty != 1.0F) continue;  // each whole pass takes a while
          CAPTURE(name);
          CAPTURE(end);
          CAPTURE(beams);
          CAPTURE(penalty);
          options.choice = {};
          const auto greedy = fovea::run(subject.model, subject.pictures(2), options);
          options.choice.beams = beams;
          options.choice.length_penalty = penalty;
          const auto got = fovea::run(subject.model, subject.pictures(2), options);
          for (const uint64_t picture : {0U, 1U}) {
            if (picture == 1 && beams != 3) continue;
            const Found want = search(subject, picture, start, end, beams, double{penalty}, most);
            const Ids ids = written(got, picture);
            CHECK(ids == want.ids);
            CHECK(double{got.at("generated_score").values[picture]} ==
                  doctest::Approx(want.score).epsilon(1e-4));
            (ids.back() == end ? ends : cut) += 1;
            unlike_greedy += ids != written(greedy, picture) ? 1 : 0;
            check_steps(subject, got, picture, start);
          }
        }
    }
  }
  // All rules were needed.
  CHECK(ends > 5);
  CHECK(cut > 5);
  CHECK(unlike_greedy > 5);
}

TEST_CASE("Greedy is the definition with one beam, and a batch changes no beams") {
  for (const std::string name : {"trocr_small", "vit_gpt2"}) {
    CAPTURE(name);
    const Subject subject(name);
    fovea::RunOptions options;
    options.generate = 10;
    const auto greedy = fovea::run(subject.model, subject.pictures(1), options);
    const int64_t start = greedy.at("generated").integers[0];
    const int64_t end = name == "trocr_small" ? 2 : 316;
    CHECK(written(greedy, 0) == search(subject, 0, start, end, 1, 1, 10).ids);
    options.choice.beams = 4;
    options.batch = 1;
    const auto alone = fovea::run(subject.model, subject.pictures(3), options);
    options.batch = 2;
    const auto together = fovea::run(subject.model, subject.pictures(3), options);
    CHECK(alone.at("generated").integers == together.at("generated").integers);
    CHECK(golden::largest_difference(alone.at("step_logits").values, together.at("step_logits").values) <
          1e-4);
  }
}

TEST_CASE("A text is drawn as its logits, the seed and the positions say, whatever the batch") {
  constexpr uint32_t steps = 20;
  for (const std::string name : {"trocr_small", "vit_gpt2"})
    for (const uint32_t top_k : {0U, 5U}) {
      CAPTURE(name);
      CAPTURE(top_k);
      const Subject subject(name);
      fovea::RunOptions options;
      options.generate = steps;
      options.choice = {.temperature = 1.5F, .top_k = top_k, .seed = 0x100000007};
      options.batch = 2;
      const auto got = fovea::run(subject.model, subject.pictures(3), options);
      const auto& logits = got.at("step_logits");
      const size_t vocabulary = logits.shape[2];
      for (uint32_t picture = 0; picture < 3; ++picture) {
        const Ids ids = written(got, picture);
        for (uint32_t step = 0; step < ids.size(); ++step) {
          const float* x = logits.values.data() + (picture * steps + step) * vocabulary;
          std::vector<size_t> order(vocabulary);
          std::iota(order.begin(), order.end(), size_t{0});
          std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return x[a] > x[b]; });
          std::set<size_t> among(order.begin(), top_k == 0 ? order.end() : order.begin() + top_k);
          double all = 0, low = 0, high = 0;
          for (const size_t id : among) {
            const double weight = std::exp((double{x[id]} - double{x[order[0]]}) / 1.5);
            if (static_cast<int64_t>(id) < ids[step]) low += weight;
            if (static_cast<int64_t>(id) == ids[step]) high = weight;
            all += weight;
          }
          const double u = fovea::test::chance_of(0x100000007, step, picture);
          CHECK(high > 0);
          CHECK(u >= low / all - 1e-5);
          CHECK(u <= (low + high) / all + 1e-5);
        }
      }
      options.batch = 3;
      CHECK(fovea::run(subject.model, subject.pictures(3), options).at("generated").integers ==
            got.at("generated").integers);
      options.choice.seed = 8;
      CHECK(fovea::run(subject.model, subject.pictures(3), options).at("generated").integers !=
            got.at("generated").integers);
    }
}

TEST_CASE("A choice that makes no sense is refused in words") {
  const Subject subject("trocr_small");
  const auto refused = [&](const fovea::TokenChoice& choice, const char* words) {
    fovea::RunOptions options;
    options.generate = 2;
    options.choice = choice;
    CHECK_THROWS_WITH_AS(fovea::run(subject.model, subject.pictures(1), options), doctest::Contains(words),
                         fovea::Error);
  };
  refused({.temperature = -1}, "a temperature of -1");
  refused({.temperature = NAN}, "a temperature of nan");
  refused({.top_k = 3}, "top_k of 3 without a temperature");
  refused({.beams = 0}, "0 beams: want 1 to 16");
  refused({.beams = 17}, "17 beams: want 1 to 16");
  refused({.temperature = 1, .beams = 2}, "2 beams with a temperature");
  refused({.length_penalty = 2}, "a length penalty of 2 without beams");
  refused({.beams = 2, .length_penalty = INFINITY}, "a length penalty of inf");
}
