#include "models/tasks/retrace.h"

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

Retrace::Retrace(const LoadedModel& model, std::span<const Tensor> inputs, uint32_t longest) {
  const Writer& writer = *model.writer();
  {
    Recorder r(model.device().impl());
    AttentionTap tap;
    const std::vector<Tensor> kv = writer.text().keys_and_values(r, writer.memory(r, inputs, &tap));
    for (const Tensor& t : kv) r.keep(t);
    below_rows_ = record_rows(r, tap);
    below_pass_ = r.finish();
    for (const Tensor& t : kv) kv_.push_back(below_pass_.shared(t));
  }
  Recorder r(model.device().impl());
  ids_ = r.input({1, longest}, DType::u32, "ids");
  AttentionTap tap;
  static_cast<void>(writer.text()(r, {.ids = ids_, .self = {.causal = true}, .kv = kv_, .tap = &tap}));
  text_rows_ = record_rows(r, tap);
  text_pass_ = r.finish();
}

std::vector<Retrace::Rows> Retrace::record_rows(Recorder& r, const AttentionTap& tap) {
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
std::vector<TracedStack> Retrace::stacks_of(const Program& program, const std::vector<Rows>& rows) {
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

std::vector<float> Retrace::rollout(std::span<const uint32_t> ids) {
  if (below_.empty()) {
    below_pass_.run();
    below_ = stacks_of(below_pass_, below_rows_);
    std::reverse(below_.begin(), below_.end());
  }
  // Tokens behind the last one are seen by none before them.
  std::vector<uint32_t> padded(ids.begin(), ids.end());
  padded.resize(ids_.shape[1]);
  text_pass_.write(ids_, std::as_bytes(std::span(padded)));
  text_pass_.run();
  const TracedStack text = stacks_of(text_pass_, text_rows_).front();
  std::vector<double> at(text.tokens);
  at[ids.size() - 1] = 1;
  RolledDown rolled = roll_down(text, std::move(at));
  for (const TracedStack& stack : below_) {
    RolledDown next = roll_down(stack, std::move(rolled.keys));
    rolled.keys = stack.keys == 0 ? std::move(next.tokens) : std::move(next.keys);
  }
  return {rolled.keys.begin(), rolled.keys.end()};
}

}  // namespace fovea
