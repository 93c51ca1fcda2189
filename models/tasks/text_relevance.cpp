#include "models/tasks/text_relevance.h"

#include <limits>
#include <numeric>
#include <utility>

#include "runtime/ops/maps/attention_relevance.h"

namespace fovea {
namespace {

// [rows, columns], row by row.
using Matrix = std::vector<double>;

// out += a b, a [rows, inner] or, turned, [inner, rows].
void add_product(std::span<const double> a, std::span<const double> b, size_t inner, bool turned,
                 Matrix& out) {
  const size_t rows = a.size() / inner, columns = b.size() / inner;
  for (size_t i = 0; i < rows; ++i)
    for (size_t k = 0; k < inner; ++k) {
      const double factor = turned ? a[k * rows + i] : a[i * inner + k];
      if (factor == 0) continue;
      for (size_t j = 0; j < columns; ++j) out[i * columns + j] += factor * b[k * columns + j];
    }
}

// N(R), of a square R.
Matrix normalised(Matrix r, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    const std::span<double> row(&r[i * n], n);
    row[i] -= 1;
    const double sum = std::accumulate(row.begin(), row.end(), 0.0);
    for (double& value : row) value = sum > 0 ? value / sum : 0;
    row[i] += 1;
  }
  return r;
}

struct Related {
  Matrix self, keys;  // R_qq, and R_qk in front of N(R_kk)
};

Related relate(const TracedStack& stack) {
  const size_t n = stack.tokens;
  Related out{Matrix(n * n), Matrix(n * stack.keys)};
  for (size_t i = 0; i < n; ++i) out.self[i * n + i] = 1;
  for (const TracedStack::Layer& layer : stack.layers) {
    const Matrix self(layer.self.begin(), layer.self.end()), cross(layer.cross.begin(), layer.cross.end());
    const Related before = out;
    add_product(self, before.self, n, false, out.self);
    if (cross.empty()) continue;
    add_product(self, before.keys, n, false, out.keys);
    add_product(normalised(out.self, n), cross, n, true, out.keys);
  }
  return out;
}

// x N(R) of an encoder's R, without making it: R 1 from the first layer up, and a row times R from the last
// one down.
Matrix through_encoder(const std::vector<Matrix>& layers, const Matrix& x) {
  const size_t n = x.size();
  Matrix sums(n, 1);
  for (const Matrix& c : layers) {
    const Matrix before = sums;
    add_product(c, before, n, false, sums);
  }
  Matrix shares(n);
  for (size_t i = 0; i < n; ++i) shares[i] = sums[i] > 1 ? x[i] / (sums[i] - 1) : 0;
  Matrix down = shares;
  for (auto c = layers.rbegin(); c != layers.rend(); ++c) {
    const Matrix before = down;
    add_product(before, *c, n, false, down);
  }
  for (size_t i = 0; i < n; ++i) down[i] += x[i] - shares[i];
  return down;
}

void output(Recorder& r, const layers::TextGradient& gradient) {
  for (const layers::LayerGradient& layer : gradient.layers)
    for (const Tensor& t : {layer.self_relevance, layer.cross_relevance})
      if (t) r.output(t);
}

// causal: rows hold what they do not see, which counts for nothing.
TracedStack stack_of(const Program& program, const layers::TextGradient& gradient, bool causal) {
  TracedStack out;
  for (const layers::LayerGradient& layer : gradient.layers) {
    TracedStack::Layer& to = out.layers.emplace_back();
    to.self = program.read_floats(layer.self_relevance);
    out.tokens = layer.self_relevance.shape[2];
    for (size_t i = 0; causal && i < out.tokens; ++i)
      for (size_t j = i + 1; j < out.tokens; ++j) to.self[i * out.tokens + j] = 0;
    if (!layer.cross_relevance) continue;
    to.cross = program.read_floats(layer.cross_relevance);
    out.keys = layer.cross_relevance.shape[2];
  }
  return out;
}

}  // namespace

TextRelevance::TextRelevance(const LoadedModel& model, Retrace& retrace)
    : model_(model), writer_(*model.writer()), retrace_(retrace), of_score_(model) {
  record_text();
  record_below();
}

void TextRelevance::record_text() {
  Recorder r(model_.device().impl());
  const uint32_t tokens = retrace_.longest(), columns = (tokens + 3) / 4 * 4;
  const Tensor causal = r.input({1, 1, tokens, columns}, DType::f32, "causal");
  dy_ = r.input({1, tokens, writer_.text().width()}, DType::f32, "gradient");
  text_gradient_ = writer_.text().backward(r, retrace_.text(), causal, dy_);
  output(r, text_gradient_);
  r.output(text_gradient_.memory);
  text_ = r.finish();
  std::vector<float> hidden(size_t{tokens} * columns);
  for (size_t i = 0; i < tokens; ++i)
    for (size_t j = i + 1; j < columns; ++j)
      hidden[i * columns + j] = -std::numeric_limits<float>::infinity();
  text_.write(causal, std::as_bytes(std::span(hidden)));
}

void TextRelevance::record_below() {
  Recorder r(model_.device().impl());
  dmemory_ = r.input(text_gradient_.memory.shape, DType::f32, "gradient");
  auto [question, stream] = writer_.memory_gradient(r, retrace_.below(), dmemory_);
  question_gradient_ = std::move(question);
  if (question_gradient_) output(r, *question_gradient_);
  const AttentionTap& tap = retrace_.below();
  layers::StreamBackward backward(tap, stream);
  for (size_t layer = tap.steps.size(); layer-- > 0;) {
    const layers::HeadsGradient& at = backward.down(r);
    encoder_.insert(encoder_.begin(), ops::relevance_rows(r, at.attention, at.lse, at.gradient));
    r.output(encoder_.front());
  }
  below_ = r.finish();
}

std::vector<float> TextRelevance::operator()(std::span<const uint32_t> ids, uint32_t chosen) {
  retrace_.run(ids);
  const std::vector<float> dy = of_score_(retrace_, ids, chosen);
  text_.write(dy_, std::as_bytes(std::span(dy)));
  text_.run();
  const std::vector<float> dmemory = text_.read_floats(text_gradient_.memory);
  below_.write(dmemory_, std::as_bytes(std::span(dmemory)));
  below_.run();

  // Tokens behind the position have no gradient and are seen by none: their rows are those of the identity.
  const TracedStack text = stack_of(text_, text_gradient_, true);
  Matrix x = relate(text).keys;
  const auto row = x.begin() + static_cast<std::ptrdiff_t>((ids.size() - 1) * text.keys);
  x = Matrix(row, row + text.keys);
  if (question_gradient_) {
    const TracedStack question = stack_of(below_, *question_gradient_, false);
    const Related related = relate(question);
    Matrix words(question.tokens), picture(question.keys);
    add_product(x, normalised(related.self, question.tokens), question.tokens, false, words);
    add_product(words, related.keys, question.tokens, false, picture);
    x = std::move(picture);
  }
  std::vector<Matrix> encoder;
  for (const Tensor& layer : encoder_) {
    const std::vector<float> values = below_.read_floats(layer);
    encoder.emplace_back(values.begin(), values.end());
  }
  x = through_encoder(encoder, x);
  return {x.begin(), x.end()};
}

}  // namespace fovea
