#include "models/tasks/cached_tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "fovea/error.h"

namespace fovea {
namespace {

// The encoder's tokens, as the decoder's keys are.
const AttentionLayer& picture_grid(const ModelInfo& info) {
  for (const AttentionLayer& layer : info.attention)
    if (layer.kind == AttentionKind::self_attention && layer.rows != 0) return layer;
  throw Error(ErrorKind::usage,
              fmt::format("[text] {} has no attention over cells of a picture", info.architecture));
}

// Of attention over the picture.
uint32_t heads_of(const ModelInfo& info) {
  uint32_t heads = 0;
  for (const AttentionLayer& layer : info.attention)
    if (layer.kind == AttentionKind::cross_attention) heads = layer.heads;
  return heads;
}

TokenTraits traits_of(const LoadedModel& model) {
  const Writer& writer = *model.writer();
  const AttentionLayer& grid = picture_grid(model.info());
  const uint32_t longest = writer.text().longest();
  return {.ids = writer.ids(),
          .vocabulary = writer.text().vocabulary(),
          .positions = writer.task() == TextTask::answer ? longest : longest - 1,
          .layers = writer.text().depth(),
          .heads = heads_of(model.info()),
          .goes_on = writer.prompt().has_value(),
          .rows = grid.rows,
          .cols = grid.cols,
          .prefix = grid.prefix_tokens};
}

// Rows [heads, queries, keys] as one [queries, keys].
std::vector<float> fused(std::span<const float> rows, uint32_t heads, HeadFusion fusion, uint32_t head) {
  const size_t each = rows.size() / heads;
  const auto first = rows.subspan(fusion == HeadFusion::single ? head * each : 0, each);
  std::vector<float> out(first.begin(), first.end());
  if (fusion == HeadFusion::single) return out;
  for (size_t i = each; i < rows.size(); ++i) {
    float& to = out[i % each];
    to = fusion == HeadFusion::mean  ? to + rows[i]
         : fusion == HeadFusion::max ? std::max(to, rows[i])
                                     : std::min(to, rows[i]);
  }
  if (fusion == HeadFusion::mean)
    for (float& value : out) value /= static_cast<float>(heads);
  return out;
}

}  // namespace

CachedTokens::CachedTokens(const LoadedModel& model, const TokenChoice& choice)
    : model_(model), writer_(*model.writer()), traits_(traits_of(model)), choice_(choice) {
  const std::vector<Port>& ports = model.inputs();
  for (size_t i = 0; i < ports.size(); ++i)
    if (writer_.reads(i) == Writer::Reads::always) (ports[i].type == DType::f32 ? pixels_ : question_) = i;
}

uint32_t CachedTokens::record(uint32_t words, uint32_t most) {
  evidence_.reset();
  relevance_.reset();
  rollout_.reset();
  retrace_.reset();
  generation_.reset();
  Generation::Options options;
  options.prompt = answers() ? 1 : 1 + words;
  options.most = std::min(most, writer_.text().longest() + 1 - options.prompt);
  options.details = true;
  options.inputs.resize(model_.inputs().size());
  options.inputs[pixels_] = model_.inputs()[pixels_].shape;
  if (answers()) options.inputs[question_] = Shape{words};
  options.from_device = pixels_;
  options.choice = choice_;
  generation_.emplace(model_, options);
  return options.most;
}

void CachedTokens::start(std::span<const uint32_t> words) {
  std::vector<uint32_t> prompt = {traits_.ids.start};
  if (answers())
    generation_->write(question_, words);
  else
    prompt.insert(prompt.end(), words.begin(), words.end());
  generation_->start(prompt, 1);
  read_ = std::move(prompt);
  if (retrace_) retrace_->forget();
  question_rows_ = generation_->memory_cross();
  found_.reset();
  given_ = 0;
}

std::optional<TokenSource::Token> CachedTokens::next() {
  if (choice_.beams == 1) {
    read_.push_back(generation_->step()[0]);
    return Token{read_.back(), generation_->probabilities()[0]};
  }
  if (!found_) found_ = tokens_of(search_beams(*generation_, 1).front().text);
  if (given_ == found_->size()) return std::nullopt;
  const BeamToken& token = *(*found_)[given_++];
  read_.push_back(token.id);
  return Token{token.id, std::exp(token.log)};
}

std::vector<float> CachedTokens::looked(const TokenMapRequest& request) {
  if (request.method != MapMethod::raw) return traced(request.method);
  const auto layers = static_cast<int>(generation_->cross_layers());
  const auto layer = static_cast<size_t>(request.layer < 0 ? layers + request.layer : request.layer);
  std::vector<float> keys = fused(found_ ? (*found_)[given_ - 1]->cross[layer] : generation_->cross(layer),
                                  generation_->cross_shape(layer)[1], request.fusion, request.head);
  return question_rows_.empty() ? keys : through_question(keys);
}

// The token that was given last came out behind those before it.
std::vector<float> CachedTokens::traced(MapMethod method) {
  const Generation::Options& options = generation_->options();
  if (!retrace_) retrace_.emplace(model_, generation_->inputs(), options.prompt + options.most - 1);
  const auto before = std::span(read_).first(read_.size() - 1);
  if (method == MapMethod::rollout) {
    if (!rollout_) rollout_.emplace(model_, *retrace_);
    return (*rollout_)(before);
  }
  if (method == MapMethod::evidence) {
    if (!evidence_) evidence_.emplace(model_, *retrace_);
    return (*evidence_)(before, read_.back());
  }
  if (!relevance_) relevance_.emplace(model_, *retrace_);
  return (*relevance_)(before, read_.back());
}

// From weights of the question's tokens to those of the picture's.
std::vector<float> CachedTokens::through_question(const std::vector<float>& weights) const {
  const Shape& shape = generation_->memory_cross_shape();  // [1, heads, tokens, keys]
  const std::vector<float> rows = fused(question_rows_, shape[1], HeadFusion::mean, 0);
  std::vector<float> out(shape[3]);
  for (size_t i = 0; i < rows.size(); ++i) out[i % shape[3]] += weights[i / shape[3]] * rows[i];
  return out;
}

}  // namespace fovea
