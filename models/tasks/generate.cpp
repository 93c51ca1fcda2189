#include "models/tasks/generate.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/floats.h"
#include "fovea/error.h"
#include "runtime/ops/attention/attention_rows.h"
#include "runtime/ops/nn/softmax_topk.h"

namespace fovea {

DecoderState::DecoderState(gpu::Device& device, const layers::TextStack& text, DType storage, uint32_t rows,
                           uint32_t capacity, const std::vector<Shape>& kv)
    : rows_(rows),
      token_(device, {rows}, DType::u32),
      past_(device, {rows}, DType::u32),
      seen_(device, {rows}, DType::u32),
      finished_(device, {rows}, DType::u32),
      progress_{token_.tensor(), past_.tensor(), seen_.tensor(), finished_.tensor()} {
  const auto add = [&](const Shape& shape) { return states_.emplace_back(device, shape, storage).tensor(); };
  for (uint32_t layer = 0; layer < text.depth(); ++layer)
    caches_.push_back(add({rows, capacity, text.cache_width()}));
  for (const Shape& shape : kv) kv_.push_back(add(shape));
}

void DecoderState::start(std::span<const uint32_t> prompts, uint32_t tokens, uint32_t used) {
  std::vector<uint32_t> token(rows_), finished(rows_);
  for (uint32_t row = 0; row < rows_; ++row) {
    token[row] = prompts[size_t{row} * tokens + tokens - 1];
    finished[row] = row < used ? 0 : 1;
  }
  const auto set = [](State& state, const std::vector<uint32_t>& words) {
    state.write(std::as_bytes(std::span(words)));
  };
  set(token_, token);
  set(past_, std::vector<uint32_t>(rows_, tokens - 1));
  set(seen_, std::vector<uint32_t>(rows_, tokens));
  set(finished_, finished);
}

Generation::Generation(const LoadedModel& model, const Options& options)
    : writer_(*model.writer()), options_(options), tokens_(options.rows) {
  const uint32_t longest = writer_.text().longest(), all = options.prompt + options.most;
  if (options.most == 0 || options.prompt == 0 || all < options.most || all - 1 > longest)
    throw Error(ErrorKind::usage,
                fmt::format("[generate] {} tokens behind {}: {} has positions for {}, the last one is only "
                            "written",
                            options.most, options.prompt, model.info().architecture, longest));
  record_begin(model);
  record_step(model);
}

// What is looked at, as keys and values, and the prompt but for its last token.
void Generation::record_begin(const LoadedModel& model) {
  Recorder r(model.device().impl());
  for (size_t i = 0; i < model.inputs().size(); ++i) {
    const Port& port = model.inputs()[i];
    if (!options_.inputs[i]) {
      inputs_.emplace_back();
      continue;
    }
    const Shape shape = of_images(options_.rows, *options_.inputs[i]);
    const DType type = model.device_type(port);
    const bool from_host = options_.from_device != i;
    inputs_.push_back(from_host ? r.input(shape, type, port.name.c_str())
                                : r.temporary(shape, type, port.name.c_str()));
    if (!from_host) r.keep(inputs_.back());
  }
  const layers::TextStack& text = writer_.text();
  AttentionTap tap;
  const std::vector<Tensor> kv =
      text.keys_and_values(r, writer_.memory(r, inputs_, options_.details ? &tap : nullptr));
  if (!tap.layers.empty()) {
    const AttentionRecord& last = tap.layers.back();
    memory_cross_ =
        ops::attention_rows(r, last.input, last.lse, 0, last.input.layout.queries, ops::RowFusion::none);
    r.output(memory_cross_);
  }
  std::vector<Shape> shapes;
  for (const Tensor& t : kv) shapes.push_back(t.shape);
  state_.emplace(model.device().impl(), text, model.storage(), options_.rows,
                 options_.prompt + options_.most - 1, shapes);
  for (size_t layer = 0; layer < kv.size(); ++layer) r.copy(kv[layer], state_->kv()[layer]);
  if (options_.prompt > 1) {
    prompts_ = r.input({options_.rows, options_.prompt - 1}, DType::u32, "prompt");
    static_cast<void>(
        text(r, {.ids = prompts_, .self = {.causal = true}, .kv = kv, .caches = state_->caches()}));
  }
  begin_ = r.finish();
}

void Generation::record_step(const LoadedModel& model) {
  Recorder r(model.device().impl());
  const layers::TextStack& text = writer_.text();
  const ops::Progress& progress = state_->progress();
  AttentionTap tap;
  const Tensor x = text(r, {.ids = progress.token.reshaped({options_.rows, 1}),
                            .self = {.lengths = progress.seen},
                            .kv = state_->kv(),
                            .caches = state_->caches(),
                            .past = progress.past,
                            .tap = options_.details ? &tap : nullptr});
  logits_ = writer_.head()(r, x).reshaped({options_.rows, text.vocabulary()});
  const ops::TopClasses best = ops::softmax_topk(r, logits_, 1);
  chosen_ = ops::next_token(r, best.indices, progress, ids().end, ids().pad);
  r.output(chosen_);
  if (options_.details) {
    r.output(logits_);
    probabilities_ = best.best;
    r.output(probabilities_);
    for (const AttentionRecord& record : tap.layers) {
      if (record.layer.kind != AttentionKind::cross_attention) continue;
      cross_.push_back(ops::attention_rows(r, record.input, record.lse, 0, 1, ops::RowFusion::none));
      r.output(cross_.back());
    }
  }
  step_ = r.finish();
}

void Generation::write(size_t input, std::span<const float> values) {
  const Tensor& t = inputs_.at(input);
  begin_.write(t, from_floats(values, t.dtype));
}

void Generation::write(size_t input, std::span<const uint32_t> values) {
  begin_.write(inputs_.at(input), std::as_bytes(values));
}

void Generation::start(std::span<const uint32_t> prompts, uint32_t used) {
  if (prompts_) {
    std::vector<uint32_t> before;
    for (uint32_t row = 0; row < options_.rows; ++row) {
      const auto begin = prompts.begin() + static_cast<std::ptrdiff_t>(size_t{row} * options_.prompt);
      before.insert(before.end(), begin, begin + options_.prompt - 1);
    }
    begin_.write(prompts_, std::as_bytes(std::span(before)));
  }
  begin_.run();
  state_->start(prompts, options_.prompt, used);
}

std::span<const uint32_t> Generation::step() {
  step_.run();
  step_.read(chosen_, std::as_writable_bytes(std::span(tokens_)));
  return tokens_;
}

}  // namespace fovea
