// Text about pictures, token by token: maps against the attention that run() gives, words, parts, errors.
#include "fovea/generate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <string>
#include <string_view>

#include "tests/models/golden.h"
#include "tests/models/tasks/map_mass.h"
#include "tests/models/tasks/text_models.h"

namespace {

using text_models::all_of;
using text_models::Loaded;
using text_models::Picture;
using text_models::side;

// Row `step` of [1, heads, steps, keys], the mean over heads or one.
std::vector<double> row_of(const fovea::RawTensor& t, size_t step, int head) {
  const size_t heads = t.shape[1], steps = t.shape[2], keys = t.shape[3];
  std::vector<double> out(keys);
  for (size_t h = 0; h < heads; ++h)
    for (size_t k = 0; k < keys && (head < 0 || h == static_cast<size_t>(head)); ++k)
      out[k] +=
          double{t.values[(h * steps + step) * keys + k]} / (head < 0 ? static_cast<double>(heads) : 1.0);
  return out;
}

// Of an id, from the logits [1, steps, vocabulary] of its step.
double probability_of(const fovea::RawTensor& logits, size_t step, uint32_t id) {
  const size_t vocabulary = logits.shape[2];
  double sum = 0;
  for (size_t i = 0; i < vocabulary; ++i)
    sum += std::exp(double{logits.values[step * vocabulary + i]} -
                    double{logits.values[step * vocabulary + id]});
  return 1 / sum;
}

void check_map(const fovea::TokenMap& map, const std::vector<double>& keys) {
  const size_t prefix = keys.size() - map.cells.values.size();
  double elsewhere = 0;
  for (size_t i = 0; i < prefix; ++i) elsewhere += keys[i];
  CHECK(std::abs(elsewhere - double{map.elsewhere}) <= 1e-5);
  for (size_t i = 0; i < map.cells.values.size(); ++i)
    CHECK(std::abs(double{map.cells.values[i]} - keys[prefix + i]) <= 1e-5);
  const double all = std::accumulate(map.cells.values.begin(), map.cells.values.end(), double{map.elsewhere});
  CHECK(std::abs(all - 1) <= 1e-5);
}

}  // namespace

TEST_CASE("A token's map is the cross-attention of the step that chose it") {
  const Picture picture(side, side);
  for (const char* name : {"trocr_small", "vit_gpt2", "blip_caption"}) {
    CAPTURE(name);
    const Loaded loaded(name);
    fovea::RunOptions options;
    options.generate = 8;
    const auto run = fovea::run(loaded.model, {{"input", loaded.input(picture)}}, options);
    auto session = loaded.session({8, {}});
    session.start(picture.view());
    for (size_t step = 0; const auto token = session.next(); ++step) {
      CHECK(token->id == run.at("generated").integers[step + 1]);
      check_map(token->map, row_of(run.at("step_cross_attn.1"), step, -1));
      check_map(session.map({0, fovea::HeadFusion::single, 2}), row_of(run.at("step_cross_attn.0"), step, 2));
      const double probability = probability_of(run.at("step_logits"), step, token->id);
      CHECK(double{token->probability} == doctest::Approx(probability).epsilon(1e-4));
    }
  }
}

namespace {

// [rows, columns], row by row.
using Matrix = std::vector<double>;

Matrix times(const Matrix& a, const Matrix& b, size_t inner) {
  const size_t rows = a.size() / inner, columns = b.size() / inner;
  Matrix out(rows * columns);
  for (size_t i = 0; i < rows; ++i)
    for (size_t k = 0; k < inner; ++k)
      for (size_t j = 0; j < columns; ++j) out[i * columns + j] += a[i * inner + k] * b[k * columns + j];
  return out;
}

// The mean over heads of [1, heads, rows, columns].
Matrix mean_of(const fovea::RawTensor& t) {
  Matrix out;
  for (size_t row = 0; row < t.shape[2]; ++row)
    for (const double value : row_of(t, row, -1)) out.push_back(value);
  return out;
}

Matrix half_identity(size_t n) {
  Matrix out(n * n);
  for (size_t i = 0; i < n; ++i) out[i * n + i] = 0.5;
  return out;
}

Matrix sum(Matrix a, const Matrix& b, double factor) {
  for (size_t i = 0; i < a.size(); ++i) a[i] += factor * b[i];
  return a;
}

// Matrices from the pictures' patches up: of every token of a text over the encoder's tokens.
Matrix rolled_up(const fovea::RawTensors& run, size_t layers, const std::string& words,
                 const std::string& cross, const std::string& encoder) {
  const auto at = [&](const std::string& name, size_t layer) {
    return mean_of(run.at(name + "." + std::to_string(layer)));
  };
  Matrix seen;
  for (size_t layer = 0; layer < layers; ++layer) {
    const Matrix attention = at(encoder, layer);
    const auto count = static_cast<size_t>(std::lround(std::sqrt(static_cast<double>(attention.size()))));
    const Matrix mix = sum(half_identity(count), attention, 0.5);
    seen = layer == 0 ? mix : times(mix, seen, count);
  }
  const size_t text = run.at(words + ".0").shape[2], keys = run.at(cross + ".0").shape[3];
  Matrix out(text * keys);
  for (size_t layer = 0; layer < layers; ++layer) {
    out = times(sum(half_identity(text), at(words, layer), 0.5), out, text);
    for (double& value : out) value /= 2;
    out = sum(out, times(at(cross, layer), seen, keys), 0.5);
  }
  return out;
}

}  // namespace

TEST_CASE("Rollout goes through all attention from a token to the picture") {
  const Picture picture(side, side);
  for (const uint32_t beams : {1U, 2U})
    for (const std::array<const char*, 3>& folder :
         {std::array{"trocr_small", "decoder_input_ids", "encoder_attn"},
          std::array{"vit_gpt2", "decoder_input_ids", "encoder_attn"},
          std::array{"blip_caption", "input_ids", "vision_attn"}}) {
      const char *name = folder[0], *ids = folder[1], *encoder = folder[2];
      CAPTURE(name);
      const Loaded loaded(name);
      fovea::TextOptions options{6, {-1, fovea::HeadFusion::mean, 0, fovea::MapMethod::rollout}};
      options.choice.beams = beams;
      auto session = loaded.session(options);
      session.start(Picture(side, side, 8).view());  // another one first
      session.next();
      session.start(picture.view());
      const auto tokens = all_of(session);
      REQUIRE(tokens.size() > 2);
      fovea::RunOptions all, one;
      for (uint32_t i = 0; i < loaded.model.info().attention.size(); ++i) all.attention_layers.push_back(i);
      one.generate = 1;
      const auto begun = fovea::run(loaded.model, {{"input", loaded.input(picture)}}, one);
      fovea::RawTensor given{{1, tokens.size()}, {}, {begun.at("generated").integers[0]}};
      for (size_t i = 0; i + 1 < tokens.size(); ++i) given.integers.push_back(tokens[i].id);
      const auto run = fovea::run(loaded.model, {{"input", loaded.input(picture)}, {ids, given}}, all);
      const Matrix rolled = rolled_up(run, 2, "decoder_attn", "cross_attn", encoder);
      const size_t keys = rolled.size() / tokens.size();
      for (size_t step = 0; step < tokens.size(); ++step) {
        const fovea::TokenMap& map = tokens[step].map;
        const size_t prefix = keys - map.cells.values.size();
        double cells = 0;
        for (size_t i = 0; i < map.cells.values.size(); ++i) {
          CHECK(std::abs(double{map.cells.values[i]} - rolled[step * keys + prefix + i]) <= 1e-5);
          cells += rolled[step * keys + prefix + i];
        }
        CHECK(std::abs(double{map.elsewhere} - (1 - cells)) <= 1e-5);
      }
    }
}

TEST_CASE("Rollout of an answer goes through the question, and a reader of features has none") {
  const Picture picture(side, side);
  const Loaded vqa("blip_vqa");
  const fovea::TokenMapRequest rollout{-1, fovea::HeadFusion::mean, 0, fovea::MapMethod::rollout};
  auto session = vqa.session({4, rollout});
  session.start(picture.view(), "how many cats?");
  const auto first = all_of(session);
  session.start(picture.view(), "is it a dog?");
  const auto second = all_of(session);
  for (const auto* tokens : {&first, &second})
    for (const fovea::TextToken& token : *tokens) {
      const double cells = std::accumulate(token.map.cells.values.begin(), token.map.cells.values.end(), 0.0);
      // Two layers leave a quarter with the answer's words, and two of what went on with the question's.
      CHECK(cells > 0.2);
      CHECK(cells + double{token.map.elsewhere} == doctest::Approx(1).epsilon(1e-5));
    }
  CHECK(first.front().map.cells.values != second.front().map.cells.values);

  // The first token of an answer has no words before it: half from the last layer's look at the question,
  // half of the rest from the layer before.
  fovea::RawTensor question{{}, {}, {}};
  for (const int32_t id : vqa.tokenizer.encode("is it a dog?")) question.integers.push_back(id);
  question.shape = {1, question.integers.size()};
  fovea::RunOptions all;
  all.generate = 1;
  for (uint32_t i = 0; i < vqa.model.info().attention.size(); ++i) all.attention_layers.push_back(i);
  const auto run = fovea::run(vqa.model, {{"input", vqa.input(picture)}, {"input_ids", question}}, all);
  const Matrix looked =
      sum(sum(Matrix(question.integers.size()), row_of(run.at("step_cross_attn.1"), 0, -1), 0.5),
          row_of(run.at("step_cross_attn.0"), 0, -1), 0.25);
  const Matrix wanted =
      times(looked, rolled_up(run, 2, "question_attn", "question_cross_attn", "vision_attn"), looked.size());
  const std::vector<float>& cells = second.front().map.cells.values;
  for (size_t i = 0; i < cells.size(); ++i)
    CHECK(std::abs(double{cells[i]} - wanted[wanted.size() - cells.size() + i]) <= 1e-5);
  CHECK_THROWS_WITH_AS(Loaded("fovea_reader_mini").session({4, rollout}), doctest::Contains("has raw"),
                       fovea::RequestError);
}

TEST_CASE("A recurrent reader's map is the attention of the step that chose its character") {
  const Loaded loaded("fovea_reader_mini");
  const Picture picture(54, 22), other(54, 22, 8);
  fovea::RunOptions options;
  options.generate = 9;
  auto session = loaded.session({64, {}});
  CHECK_FALSE(session.takes_words());
  for (const Picture* given : {&picture, &other, &picture}) {
    const auto run = fovea::run(loaded.model, {{"input", loaded.input(*given)}}, options);
    fovea::RawTensor weights = run.at("step_weights");
    weights.shape.insert(weights.shape.begin() + 1, 1);  // [1, heads, steps, keys]
    session.start(given->view());
    std::vector<int32_t> ids;
    while (const auto token = session.next()) {
      const size_t step = ids.size();
      ids.push_back(static_cast<int32_t>(token->id));
      CHECK(ids.back() == run.at("generated").integers[step + 1]);
      CHECK(token->token == loaded.tokenizer.token(ids.back()));
      CHECK(token->map.cells.rows == 6);
      CHECK(token->map.cells.cols == 14);
      check_map(token->map, row_of(weights, step, -1));
      const double probability = probability_of(run.at("step_logits"), step, token->id);
      CHECK(double{token->probability} == doctest::Approx(probability).epsilon(1e-4));
    }
    CHECK(ids.size() == static_cast<size_t>(run.at("generated_length").integers.front()) - 1);
    CHECK(session.text() == loaded.tokenizer.decode(ids));
    CHECK(session.ended() == (ids.back() == 2));
  }
  CHECK_THROWS_WITH_AS(session.require_words("a"), doctest::Contains("takes no words"), fovea::Error);
  CHECK_THROWS_WITH_AS(loaded.session({8, {1}}), doctest::Contains("has layers 0 to 0"), fovea::RequestError);
  CHECK_THROWS_WITH_AS(loaded.session({8, {-1, fovea::HeadFusion::single, 1}}),
                       doctest::Contains("has heads 0 to 0"), fovea::RequestError);
}

TEST_CASE("A reader sees a word with a border, and its map reaches as far") {
  const Loaded loaded("fovea_reader_mini");
  auto session = loaded.session();
  const Picture wide(200, 30);
  session.start(wide.view());
  // To 54 × 8, in rows 7 to 14 of 22.
  const fovea::Region seen = session.visible_region();
  CHECK(seen.x == 0);
  CHECK(seen.width == 200);
  CHECK(seen.y == doctest::Approx(-7 * 30.0 / 8));
  CHECK(seen.height == doctest::Approx(22 * 30.0 / 8));
  const auto token = session.next();
  REQUIRE(token);
  CHECK(token->map.elsewhere == 0);
  CHECK(fovea::test::mass_of(token->map.cells, 0, 0, 6, 14) == doctest::Approx(1));
  CHECK(session.overlay(wide.view(), token->map.cells).size() == wide.pixels.size());
  // A picture that is as it is resized to, with its border, is the same.
  std::vector<uint8_t> small(54 * 8 * 3);
  for (size_t i = 0; i < small.size(); ++i) small[i] = static_cast<uint8_t>(i * 7 % 251);
  Picture inner(54, 8), whole(54, 22);
  inner.pixels = small;
  std::fill(whole.pixels.begin(), whole.pixels.end(), uint8_t{128});  // 127.5, half to even
  std::copy(small.begin(), small.end(), whole.pixels.begin() + 7 * 54 * 3);
  session.start(inner.view());
  const auto with_border = all_of(session);
  session.start(whole.view());
  const auto as_it_is = all_of(session);
  REQUIRE(with_border.size() == as_it_is.size());
  for (size_t i = 0; i < as_it_is.size(); ++i) {
    CHECK(with_border[i].id == as_it_is[i].id);
    CHECK(with_border[i].map.cells.values == as_it_is[i].map.cells.values);
  }
}

TEST_CASE("Beams and draws of a session are those of run(), with the maps of the steps that chose them") {
  const Picture picture(side, side);
  for (const char* name : {"trocr_small", "vit_gpt2", "blip_caption"})
    for (const fovea::TokenChoice& choice :
         {fovea::TokenChoice{.beams = 3}, fovea::TokenChoice{.beams = 4, .length_penalty = 0},
          fovea::TokenChoice{.temperature = 2, .top_k = 20, .seed = 11}}) {
      CAPTURE(name);
      CAPTURE(choice.beams);
      const Loaded loaded(name);
      fovea::RunOptions options;
      options.generate = 8;
      options.choice = choice;
      const auto run = fovea::run(loaded.model, {{"input", loaded.input(picture)}}, options);
      auto session = loaded.session({8, {}, choice});
      for (int again = 0; again < 2; ++again) {
        session.start(picture.view());
        size_t step = 0;
        for (; const auto token = session.next(); ++step) {
          CHECK(token->id == run.at("generated").integers[step + 1]);
          check_map(token->map, row_of(run.at("step_cross_attn.1"), step, -1));
          check_map(session.map({0, fovea::HeadFusion::single, 2}),
                    row_of(run.at("step_cross_attn.0"), step, 2));
          const double probability = probability_of(run.at("step_logits"), step, token->id);
          CHECK(double{token->probability} == doctest::Approx(probability).epsilon(1e-4));
        }
        CHECK(static_cast<int64_t>(step + 1) == run.at("generated_length").integers[0]);
      }
    }
}

TEST_CASE("An answer's map goes through the question's tokens to the picture") {
  const Picture picture(side, side);
  const Loaded loaded("blip_vqa");
  const std::string question = "is there a cat?";
  fovea::RawTensor ids{{1, 0}, {}, {}};
  for (const int32_t id : loaded.tokenizer.encode(question)) ids.integers.push_back(id);
  ids.shape[1] = ids.integers.size();
  fovea::RunOptions options;
  options.generate = 6;
  const auto& layers = loaded.model.info().attention;
  for (uint32_t i = 0; i < layers.size(); ++i)
    if (layers[i].tensor == "question_cross_attn.1") options.attention_layers = {i};
  REQUIRE(options.attention_layers.size() == 1);
  const auto run = fovea::run(loaded.model, {{"input", loaded.input(picture)}, {"input_ids", ids}}, options);
  const fovea::RawTensor& looked = run.at("question_cross_attn.1");
  auto session = loaded.session({6, {}});
  CHECK(session.takes_words());
  session.start(picture.view(), question);
  for (size_t step = 0; const auto token = session.next(); ++step) {
    CHECK(token->id == run.at("generated").integers[step + 1]);
    const std::vector<double> asked = row_of(run.at("step_cross_attn.1"), step, -1);
    std::vector<double> keys(looked.shape[3]);
    for (size_t word = 0; word < asked.size(); ++word) {
      const std::vector<double> row = row_of(looked, word, -1);
      for (size_t k = 0; k < keys.size(); ++k) keys[k] += asked[word] * row[k];
    }
    check_map(token->map, keys);
  }
}

TEST_CASE("Texts of one session are those of sessions of their own, whatever went before") {
  const Loaded loaded("blip_caption");
  const Picture small(40, 30), large(side, side);
  auto session = loaded.session({10, {}});
  const auto text = [&](fovea::TextSession& s, const Picture& picture, const std::string& words) {
    s.start(picture.view(), words);
    all_of(s);
    return s.text();
  };
  for (const std::string words : {"", "a photo of", "", "a"})
    for (const Picture* picture : {&small, &large}) {
      auto alone = loaded.session({10, {}});
      const std::string written = text(session, *picture, words);
      CHECK(written == text(alone, *picture, words));
      CHECK(written.starts_with(words));
    }
}

TEST_CASE("A part of a picture is read as those pixels alone, and is seen where it lies") {
  const Loaded loaded("trocr_small");
  const Picture whole(100, 80);
  Picture part(50, 20);
  for (size_t y = 0; y < 20; ++y)
    std::copy_n(whole.pixels.begin() + static_cast<std::ptrdiff_t>(((y + 10) * 100 + 30) * 3), 150,
                part.pixels.begin() + static_cast<std::ptrdiff_t>(y * 150));
  auto session = loaded.session({6, {}});
  session.start(part.view());
  const auto alone = all_of(session);
  session.start(whole.view(), {}, fovea::Region{30.4, 10.2, 49.1, 19.5});  // edges outwards
  const auto inside = all_of(session);
  REQUIRE(alone.size() == inside.size());
  for (size_t i = 0; i < alone.size(); ++i) {
    CHECK(alone[i].id == inside[i].id);
    CHECK(alone[i].map.cells.values == inside[i].map.cells.values);
  }
  CHECK(session.visible_region().x == 30);
  CHECK(session.visible_region().width == 50);
  CHECK(session.overlay(whole.view(), inside[0].map.cells).size() == whole.pixels.size());
  for (const fovea::Region& outside :
       {fovea::Region{60, 0, 41, 10}, {-1, 0, 10, 10}, {0, 0, 0, 10}, {100, 0, 1e-30, 10}, {NAN, 0, 1, 1}})
    CHECK_THROWS_WITH_AS(session.start(whole.view(), {}, outside),
                         doctest::Contains("the picture has 100×80"), fovea::Error);
  CHECK_THROWS_WITH_AS(session.next(), doctest::Contains("no picture"), fovea::Error);
}

TEST_CASE("Words that a model does not take, and maps that there are none of, are refused") {
  const Loaded answers("blip_vqa"), reads("trocr_small");
  auto session = answers.session();
  CHECK_THROWS_WITH_AS(session.require_words(""), doctest::Contains("holds no words"), fovea::Error);
  std::string large;
  while (large.size() < 1000000) large += "cat ";
  CHECK_THROWS_WITH_AS(session.require_words(large), doctest::Contains("has positions for 48"), fovea::Error);
  CHECK_THROWS_WITH_AS(reads.session().require_words("a"), doctest::Contains("takes no words"), fovea::Error);
  CHECK_THROWS_WITH_AS(reads.session({8, {2}}), doctest::Contains("has layers 0 to 1"), fovea::RequestError);
  CHECK_THROWS_WITH_AS(reads.session({8, {-1, fovea::HeadFusion::single, 4}}),
                       doctest::Contains("has heads 0 to 3"), fovea::RequestError);
  CHECK_THROWS_WITH_AS(reads.session({8, {}, {.beams = 99}}), doctest::Contains("99 beams: want 1 to 16"),
                       fovea::Error);
  CHECK_THROWS_WITH_AS(
      fovea::TextSession(reads.model, fovea::load_tokenizer(golden::folder("trocr_small")), {0, {}}),
      doctest::Contains("0 tokens at most"), fovea::Error);
  CHECK(fovea::task_of(reads.model) == fovea::TextTask::read);
  CHECK(fovea::task_of(answers.model) == fovea::TextTask::answer);
  // The other's tokenizer has more tokens.
  CHECK_THROWS_WITH_AS(fovea::TextSession(answers.model, reads.tokenizer),
                       doctest::Contains("belongs to another model"), fovea::Error);
  const auto classes = fovea::Model::load(fovea::Device::open(), golden::folder("vit_mini"));
  CHECK(fovea::task_of(classes) == fovea::TextTask::none);
  CHECK_THROWS_WITH_AS(fovea::TextSession(classes, reads.tokenizer), doctest::Contains("writes no text"),
                       fovea::Error);
}

TEST_CASE("More tokens than there are positions for are not written") {
  const Loaded loaded("blip_caption");
  auto session = loaded.session({1000, {}});
  session.start(Picture(side, side).view(), "a photo of");
  const size_t written = all_of(session).size();
  // Positions for 48; one is the start token's, and the last token needs none.
  const size_t most = 48 - loaded.tokenizer.encode("a photo of", {.special = false}).size();
  CHECK(written <= most);
  CHECK((session.ended() || written == most));
}
