#include "models/tasks/generate.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "core/floats.h"
#include "fovea/error.h"
#include "models/tasks/recorded_inputs.h"
#include "runtime/ops/attention/attention_rows.h"
#include "runtime/ops/attention/cache_reorder.h"
#include "runtime/ops/nn/choose_token.h"
#include "runtime/ops/nn/pick_beams.h"

namespace fovea {

DecoderState::DecoderState(gpu::Device& device, const layers::TextStack& text, DType storage, uint32_t rows,
                           uint32_t capacity, const std::vector<Shape>& kv)
    : rows_(rows),
      token_(device, {rows}, DType::u32),
      past_(device, {rows}, DType::u32),
      seen_(device, {rows}, DType::u32),
      finished_(device, {rows}, DType::u32),
      chance_(device, {rows, 3}, DType::u32),
      sums_(device, {rows}, DType::f32),
      progress_{token_.tensor(), past_.tensor(), seen_.tensor(), finished_.tensor()} {
  const auto add = [&](const Shape& shape) { return states_.emplace_back(device, shape, storage).tensor(); };
  for (uint32_t layer = 0; layer < text.depth(); ++layer)
    caches_.push_back(add({rows, capacity, text.cache_width()}));
  for (const Shape& shape : kv) kv_.push_back(add(shape));
}

void DecoderState::start(std::span<const uint32_t> prompts, uint32_t tokens, uint32_t used,
                         const TokenChoice& choice, uint32_t first) {
  std::vector<uint32_t> token(rows_), finished(rows_), chance;
  std::vector<float> sums(rows_, -std::numeric_limits<float>::infinity());
  for (uint32_t row = 0; row < rows_; ++row) {
    const uint32_t picture = row / choice.beams;
    token[row] = prompts[size_t{picture} * tokens + tokens - 1];
    finished[row] = picture < used ? 0 : 1;
    if (row % choice.beams == 0) sums[row] = 0;
    for (const uint32_t word :
         {static_cast<uint32_t>(choice.seed), static_cast<uint32_t>(choice.seed >> 32U), first + row})
      chance.push_back(word);
  }
  const auto set = [](State& state, const auto& words) { state.write(std::as_bytes(std::span(words))); };
  set(token_, token);
  set(past_, std::vector<uint32_t>(rows_, tokens - 1));
  set(seen_, std::vector<uint32_t>(rows_, tokens));
  set(finished_, finished);
  set(chance_, chance);
  set(sums_, sums);
}

void check_choice(const TokenChoice& c, uint32_t vocabulary, const char* operation) {
  const auto refuse = [&](const std::string& what) {
    throw Error(ErrorKind::usage, fmt::format("[{}] {}", operation, what));
  };
  if (!std::isfinite(c.temperature) || c.temperature < 0)
    refuse(fmt::format("a temperature of {}: want 0 for the most probable token, or more", c.temperature));
  if (c.top_k != 0 && !c.draws())
    refuse(fmt::format("top_k of {} without a temperature: the most probable token is taken", c.top_k));
  if (c.beams == 0 || c.beams > most_beams)
    refuse(fmt::format("{} beams: want 1 to {}", c.beams, most_beams));
  if (!std::isfinite(c.length_penalty)) refuse(fmt::format("a length penalty of {}", c.length_penalty));
  if (c.beams == 1) {
    if (c.length_penalty != 1) refuse(fmt::format("a length penalty of {} without beams", c.length_penalty));
    return;
  }
  if (c.draws()) refuse(fmt::format("{} beams with a temperature: beams take the best", c.beams));
  if (2 * c.beams > vocabulary)
    refuse(fmt::format("{} beams over {} tokens: want at least twice as many", c.beams, vocabulary));
}

Generation::Generation(const LoadedModel& model, const Options& options)
    : writer_(*model.writer()),
      options_(options),
      rows_(options.pictures * options.choice.beams),
      tokens_(options.pictures),
      found_(options.choice.beams == 1 ? 0 : size_t{2} * rows_) {
  const uint32_t longest = writer_.text().longest(), all = options.prompt + options.most;
  if (options.most == 0 || options.prompt == 0 || all < options.most || all - 1 > longest)
    throw Error(ErrorKind::usage,
                fmt::format("[generate] {} tokens behind {}: {} has positions for {}, the last one is only "
                            "written",
                            options.most, options.prompt, model.info().architecture, longest));
  check_choice(options.choice, vocabulary(), "generate");
  record_begin(model);
  record_step(model);
}

// What is looked at, as keys and values, and the prompt but for its last token.
void Generation::record_begin(const LoadedModel& model) {
  Recorder r(model.device().impl());
  inputs_ = record_inputs(r, model, options_.pictures, options_.inputs,
                          [&](size_t i) { return options_.from_device != i; });
  const layers::TextStack& text = writer_.text();
  AttentionTap tap;
  const std::vector<Tensor> kv =
      text.keys_and_values(r, writer_.memory(r, inputs_, options_.details ? &tap : nullptr));
  if (!tap.layers.empty() && tap.layers.back().layer.kind == AttentionKind::cross_attention) {
    const AttentionRecord& last = tap.layers.back();
    memory_cross_ =
        ops::attention_rows(r, last.input, last.lse, 0, last.input.layout.queries, ops::RowFusion::none);
    r.output(memory_cross_);
  }
  std::vector<Shape> shapes;
  for (const Tensor& t : kv) shapes.push_back(t.shape);
  state_.emplace(model.device().impl(), text, model.storage(), rows_, options_.prompt + options_.most - 1,
                 shapes);
  for (size_t layer = 0; layer < kv.size(); ++layer) r.copy(kv[layer], state_->kv()[layer]);
  if (options_.prompt > 1) {
    prompts_ = r.input({rows_, options_.prompt - 1}, DType::u32, "prompt");
    static_cast<void>(
        text(r, {.ids = prompts_, .self = {.causal = true}, .kv = kv, .caches = state_->caches()}));
  }
  begin_ = r.finish();
}

void Generation::record_step(const LoadedModel& model) {
  Recorder r(model.device().impl(), {.profile = options_.profile});
  const layers::TextStack& text = writer_.text();
  const ops::Progress& progress = state_->progress();
  AttentionTap tap;
  const Tensor x = text(r, {.ids = progress.token.reshaped({rows_, 1}),
                            .self = {.lengths = progress.seen},
                            .kv = state_->kv(),
                            .caches = state_->caches(),
                            .past = progress.past,
                            .tap = options_.details ? &tap : nullptr});
  scores_ = writer_.head().in_fours(r, x);
  scores_ = scores_.reshaped({rows_, scores_.shape.last()});
  if (options_.logits) r.output(scores_);
  for (const AttentionRecord& record : tap.layers) {
    if (record.layer.kind != AttentionKind::cross_attention) continue;
    cross_.push_back(
        ops::attention_rows(r, record.input, record.lse, 0, options_.choice.beams, ops::RowFusion::none));
    r.output(cross_.back());
  }
  record_choice(r);
  step_ = r.finish();
}

void Generation::record_choice(Recorder& r) {
  const TokenChoice& choice = options_.choice;
  const ops::Progress& progress = state_->progress();
  if (choice.beams == 1) {
    const ops::ChosenToken next = ops::choose_token(
        r, scores_, vocabulary(), {choice.temperature, choice.top_k, progress.past, state_->chance()});
    chosen_ = ops::next_token(r, next.ids, progress, ids().end, ids().pad);
    probabilities_ = next.probabilities;
    r.output(chosen_);
    r.output(probabilities_);
    return;
  }
  const ops::BestTokens best = ops::best_tokens(r, scores_, vocabulary(), 2 * choice.beams);
  const ops::PickedBeams picked = ops::pick_beams(r, best, state_->sums(), progress, choice.beams, ids().end);
  for (const Tensor& cache : state_->caches())
    ops::cache_reorder(r, cache, picked.parents, progress.past, choice.beams);
  candidates_ = picked.candidates;
  r.output(candidates_);
}

std::vector<Tensor> Generation::inputs() const {
  std::vector<Tensor> out;
  for (const Tensor& t : inputs_) out.push_back(t ? begin_.shared(t) : Tensor{});
  return out;
}

void Generation::write(size_t input, std::span<const float> values) {
  const Tensor& t = inputs_.at(input);
  begin_.write(t, from_floats(values, t.dtype));
}

void Generation::write(size_t input, std::span<const uint32_t> values) {
  begin_.write(inputs_.at(input), std::as_bytes(values));
}

void Generation::start(std::span<const uint32_t> prompts, uint32_t used, uint32_t first) {
  if (prompts_) {
    std::vector<uint32_t> before;
    for (uint32_t row = 0; row < rows_; ++row) {
      const size_t picture = row / options_.choice.beams;
      const auto begin = prompts.begin() + static_cast<std::ptrdiff_t>(picture * options_.prompt);
      before.insert(before.end(), begin, begin + options_.prompt - 1);
    }
    begin_.write(prompts_, std::as_bytes(std::span(before)));
  }
  begin_.run();
  state_->start(prompts, options_.prompt, used, options_.choice, first);
}

std::span<const uint32_t> Generation::step() {
  step_.run();
  step_.read(chosen_, std::as_writable_bytes(std::span(tokens_)));
  return tokens_;
}

std::span<const BeamCandidate> Generation::step_beams() {
  step_.run();
  std::vector<uint32_t> words(4 * found_.size());
  step_.read(candidates_, std::as_writable_bytes(std::span(words)));
  for (size_t i = 0; i < found_.size(); ++i)
    found_[i] = {words[4 * i], words[4 * i + 1], std::bit_cast<float>(words[4 * i + 2]),
                 std::bit_cast<float>(words[4 * i + 3])};
  return found_;
}

std::vector<float> Generation::logits() const {
  std::vector<float> padded = step_.read_floats(scores_);
  const size_t row = scores_.shape.last(), count = vocabulary();
  if (row == count) return padded;
  std::vector<float> out;
  out.reserve(rows_ * count);
  for (size_t first = 0; first < padded.size(); first += row)
    out.insert(out.end(), padded.begin() + static_cast<std::ptrdiff_t>(first),
               padded.begin() + static_cast<std::ptrdiff_t>(first + count));
  return out;
}

}  // namespace fovea
