#include "models/tasks/text_rollout.h"

#include <algorithm>
#include <utility>

#include "runtime/ops/attention/attention_rows.h"

namespace fovea {
namespace {

// out += factor · x A, A [x, columns].
void add_product(std::span<const double> x, std::span<const float> a, double factor,
                 std::vector<double>& out) {
  const size_t columns = out.size();
  for (size_t row = 0; row < x.size(); ++row) {
    if (x[row] == 0) continue;
    for (size_t column = 0; column < columns; ++column)
      out[column] += factor * x[row] * double{a[row * columns + column]};
  }
}

void halve(std::vector<double>& x) {
  for (double& value : x) value /= 2;
}

}  // namespace

RolledDown roll_down(const TracedStack& stack, std::vector<double> above) {
  RolledDown out{std::move(above), std::vector<double>(stack.keys)};
  for (auto layer = stack.layers.rbegin(); layer != stack.layers.rend(); ++layer) {
    if (!layer->cross.empty()) {
      add_product(out.tokens, layer->cross, 0.5, out.keys);
      halve(out.tokens);
    }
    std::vector<double> below = out.tokens;
    halve(below);
    add_product(out.tokens, layer->self, 0.5, below);
    out.tokens = std::move(below);
  }
  return out;
}

TextRollout::TextRollout(const LoadedModel& model, Retrace& retrace) : retrace_(retrace) {
  for (const bool text : {false, true}) {
    Recorder r(model.device().impl());
    (text ? text_rows_ : below_rows_) = record_rows(r, text ? retrace.text() : retrace.below());
    (text ? text_ : below_) = r.finish();
  }
}

std::vector<TextRollout::Rows> TextRollout::record_rows(Recorder& r, const AttentionTap& tap) {
  std::vector<Rows> out;
  for (const AttentionRecord& record : tap.layers) {
    out.push_back(
        {record.layer.kind, ops::attention_rows(r, record.input, record.lse, 0, record.input.layout.queries,
                                                ops::RowFusion::mean)});
    r.output(out.back().rows);
  }
  return out;
}

// A stack ends where layers of another kind begin; a layer's attention to other tokens follows that to its
// own.
std::vector<TracedStack> TextRollout::stacks_of(const Program& program, const std::vector<Rows>& rows) {
  std::vector<TracedStack> out;
  AttentionKind own = AttentionKind::cross_attention;
  for (const Rows& one : rows) {
    std::vector<float> values = program.read_floats(one.rows);
    if (one.kind == AttentionKind::cross_attention) {
      out.back().keys = one.rows.shape[2];
      out.back().layers.back().cross = std::move(values);
      continue;
    }
    if (one.kind != std::exchange(own, one.kind)) out.push_back({one.rows.shape[1], 0, {}});
    out.back().layers.push_back({std::move(values), {}});
  }
  return out;
}

std::vector<float> TextRollout::operator()(std::span<const uint32_t> ids) {
  retrace_.run(ids);
  if (picture_ != retrace_.pictures()) {
    below_.run();
    stacks_ = stacks_of(below_, below_rows_);
    std::reverse(stacks_.begin(), stacks_.end());
    picture_ = retrace_.pictures();
  }
  text_.run();
  const TracedStack text = stacks_of(text_, text_rows_).front();
  std::vector<double> at(text.tokens);
  at[ids.size() - 1] = 1;
  RolledDown rolled = roll_down(text, std::move(at));
  for (const TracedStack& stack : stacks_) {
    RolledDown next = roll_down(stack, std::move(rolled.keys));
    rolled.keys = stack.keys == 0 ? std::move(next.tokens) : std::move(next.keys);
  }
  return {rolled.keys.begin(), rolled.keys.end()};
}

}  // namespace fovea
