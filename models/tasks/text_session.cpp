#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <span>
#include <utility>

#include "core/boundary.h"
#include "fovea/error.h"
#include "fovea/generate.h"
#include "models/tasks/beams.h"
#include "models/tasks/classify.h"
#include "models/tasks/generate.h"
#include "vision/overlay.h"
#include "vision/preprocess.h"

namespace fovea {
namespace {

// The encoder's tokens, as the decoder's keys are.
AttentionLayer picture_grid(const ModelInfo& info) {
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

const Writer& writer_of(const Model& model) {
  const Writer* writer = model.impl().writer();
  if (writer == nullptr)
    throw Error(ErrorKind::usage,
                fmt::format("[text] {} {}", model.info().architecture, to_string(TextTask::none)));
  return *writer;
}

// Pixels of `part`, borrowed too. Moves it to their edges.
ImageView cut(const ImageView& picture, Region& part) {
  const double left = std::floor(part.x), top = std::floor(part.y);
  const double right = std::ceil(part.x + part.width), bottom = std::ceil(part.y + part.height);
  if (!(part.width > 0 && part.height > 0 && right > left && bottom > top && left >= 0 && top >= 0 &&
        right <= picture.width && bottom <= picture.height))
    throw Error(ErrorKind::usage,
                fmt::format("[text] a part at ({}, {}) of {}×{} pixels: the picture has {}×{}", part.x,
                            part.y, part.width, part.height, picture.width, picture.height));
  part = {left, top, right - left, bottom - top};
  ImageView out = picture;
  out.width = static_cast<uint32_t>(part.width);
  out.height = static_cast<uint32_t>(part.height);
  out.pixels += static_cast<size_t>(top) * picture.row_bytes + static_cast<size_t>(left) * picture.channels();
  return out;
}

// What `now` has that `before` had not, from the first character in which they differ.
std::string added(const std::string& before, const std::string& now) {
  size_t same = 0;
  while (same < std::min(before.size(), now.size()) && before[same] == now[same]) ++same;
  const auto continues = [&](size_t i) {
    return i < now.size() && (static_cast<uint8_t>(now[i]) & 0xC0) == 0x80;
  };
  while (same > 0 && continues(same)) --same;
  return now.substr(same);
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

const char* to_string(TextTask task) {
  switch (task) {
    case TextTask::read:
      return "reads text in pictures";
    case TextTask::describe:
      return "describes pictures";
    case TextTask::answer:
      return "answers questions about pictures";
    case TextTask::none:
      break;
  }
  return "writes no text";
}

TextTask task_of(const Model& model) {
  const Writer* writer = model.impl().writer();
  return writer == nullptr ? TextTask::none : writer->task();
}

struct TextSession::Impl {
  Impl(const Model& m, const Tokenizer& t, const TextOptions& o)
      : model(m),
        tokenizer(t),
        options(o),
        writer(writer_of(model)),
        grid(picture_grid(model.info())),
        preprocessor(m.device().impl(), m.impl().preprocess()),
        drawer(m.device().impl()) {
    const size_t vocabulary = writer.text().vocabulary();
    if (tokenizer.vocabulary() > vocabulary)
      throw Error(
          ErrorKind::model,
          fmt::format("[text] the tokenizer has {} tokens and {} knows {}: it belongs to another model",
                      tokenizer.vocabulary(), model.info().architecture, vocabulary));
    if (options.most_tokens == 0) throw Error(ErrorKind::usage, "[text] 0 tokens at most: want 1 or more");
    check(options.map);
    check_choice(options.choice, static_cast<uint32_t>(vocabulary), "text");
  }

  const ModelInfo& info() const { return model.info(); }
  bool answers() const { return writer.task() == TextTask::answer; }

  void check(const TokenMapRequest& request) const {
    const auto layers = static_cast<int>(writer.text().depth());
    if (request.layer < -layers || request.layer >= layers)
      throw RequestError(
          "layer", fmt::format("{}", request.layer),
          fmt::format("the decoder of {} has layers 0 to {}", info().architecture, layers - 1));
    const uint32_t heads = heads_of(info());
    if (request.fusion == HeadFusion::single && request.head >= heads)
      throw RequestError("head", fmt::format("{}", request.head),
                         fmt::format("the decoder of {} has heads 0 to {}", info().architecture, heads - 1));
  }

  // Ids of the words that are given, the question's or those that are gone on with.
  std::vector<uint32_t> ids_of(std::string_view words) const {
    if (!answers() && words.empty()) return {};
    if (!answers() && !writer.prompt())
      throw Error(ErrorKind::usage,
                  fmt::format("[text] {} begins by itself: it takes no words", info().architecture));
    if (tokenizer.encode(words, {.special = false}).empty())
      throw Error(ErrorKind::usage, fmt::format("[text] {} of {} bytes holds no words",
                                                answers() ? "a question" : "a beginning", words.size()));
    const std::vector<int32_t> out = tokenizer.encode(words, {.special = answers()});
    const uint32_t longest = writer.text().longest();
    if (out.size() > longest - (answers() ? 0 : 1))
      throw Error(ErrorKind::usage, fmt::format("[text] {} of {} tokens, {} has positions for {}",
                                                answers() ? "a question" : "a beginning", ids.size(),
                                                info().architecture, longest));
    return {out.begin(), out.end()};
  }

  // Recorded anew where there are more or fewer words than last time.
  void record(uint32_t words) {
    if (generation && recorded_words == words) return;
    preprocessor.forget_targets();
    generation.reset();
    Generation::Options g;
    g.prompt = answers() ? 1 : 1 + words;
    g.most = std::min(options.most_tokens, writer.text().longest() + 1 - g.prompt);
    g.details = true;
    const std::vector<Port>& ports = model.impl().inputs();
    g.inputs.resize(ports.size());
    for (size_t i = 0; i < ports.size(); ++i) {
      if (writer.reads(i) != Writer::Reads::always) continue;
      const bool is_picture = ports[i].type == DType::f32;
      g.inputs[i] = is_picture ? ports[i].shape : Shape{words};
      (is_picture ? pixels : question) = i;
    }
    g.from_device = pixels;
    g.choice = options.choice;
    generation.emplace(model.impl(), g);
    model.device().impl().save_pipeline_cache();
    recorded_words = words;
    most = g.most;
  }

  void start(const ImageView& picture, std::string_view words, const std::optional<Region>& asked) {
    started = false;
    check_image(picture, "text");
    Region part =
        asked.value_or(Region{0, 0, static_cast<double>(picture.width), static_cast<double>(picture.height)});
    const ImageView view = cut(picture, part);
    const std::vector<uint32_t> given = ids_of(words);
    record(static_cast<uint32_t>(given.size()));
    seen = preprocessor.visible_region(view.width, view.height);
    seen.x += part.x;
    seen.y += part.y;
    preprocessor.run(view, generation->input(pixels), 0);
    std::vector<uint32_t> prompt = {generation->ids().start};
    ids.clear();
    if (answers()) {
      generation->write(question, std::span<const uint32_t>(given));
    } else {
      prompt.insert(prompt.end(), given.begin(), given.end());
      ids.assign(given.begin(), given.end());
    }
    generation->start(prompt, 1);
    question_rows = generation->memory_cross();
    text = decoded();
    found.clear();
    written = 0;
    ended = false;
    started = true;
  }

  // Ids beyond the tokenizer's stand for no text: a model may have a start token of its own.
  std::string decoded() const {
    std::vector<int32_t> known;
    std::copy_if(ids.begin(), ids.end(), std::back_inserter(known),
                 [&](int32_t id) { return static_cast<size_t>(id) < tokenizer.vocabulary(); });
    return tokenizer.decode(known);
  }

  std::optional<TextToken> next() {
    if (!started) throw Error(ErrorKind::usage, "[text] no picture: start() with one");
    if (options.choice.beams > 1 && found.empty())
      found = tokens_of(search_beams(*generation, 1).front().text);
    if (ended || written == (found.empty() ? most : found.size())) return std::nullopt;
    TextToken out;
    if (found.empty()) {
      out.id = generation->step()[0];
      out.probability = generation->probabilities()[0];
    } else {
      out.id = found[written]->id;
      out.probability = std::exp(found[written]->log);
    }
    check_finite(info(), {&out.probability, 1});
    ++written;
    ended = out.id == generation->ids().end;
    const bool known = out.id < tokenizer.vocabulary();
    out.token = known ? tokenizer.token(static_cast<int32_t>(out.id)) : fmt::format("<{}>", out.id);
    if (!ended) {
      ids.push_back(static_cast<int32_t>(out.id));
      std::string now = decoded();
      out.text = added(text, now);
      text = std::move(now);
    }
    out.map = map(options.map);
    return out;
  }

  TokenMap map(const TokenMapRequest& request) const {
    check(request);
    if (!started || written == 0) throw Error(ErrorKind::usage, "[text] no token yet: next() gives one");
    const auto layers = static_cast<int>(generation->cross_layers());
    const auto layer = static_cast<size_t>(request.layer < 0 ? layers + request.layer : request.layer);
    std::vector<float> keys =
        fused(found.empty() ? generation->cross(layer) : found[written - 1]->cross[layer],
              generation->cross_shape(layer)[1], request.fusion, request.head);
    if (!question_rows.empty()) keys = through_question(keys);
    const size_t cells = size_t{grid.rows} * grid.cols;
    if (keys.size() != grid.prefix_tokens + cells)
      throw Error(
          ErrorKind::model,
          fmt::format("[text] the decoder of {} looks at {} tokens, the picture has {} and {}×{} cells",
                      info().architecture, keys.size(), grid.prefix_tokens, grid.rows, grid.cols));
    const auto in_picture = std::span(keys).subspan(grid.prefix_tokens);
    TokenMap out{{grid.rows, grid.cols, {in_picture.begin(), in_picture.end()}}, 0};
    for (uint32_t i = 0; i < grid.prefix_tokens; ++i) out.elsewhere += keys[i];
    return out;
  }

  // From weights of the question's tokens to those of the picture's.
  std::vector<float> through_question(const std::vector<float>& weights) const {
    const Shape& shape = generation->memory_cross_shape();  // [1, heads, tokens, keys]
    const std::vector<float> rows = fused(question_rows, shape[1], HeadFusion::mean, 0);
    std::vector<float> out(shape[3]);
    for (size_t i = 0; i < rows.size(); ++i) out[i % shape[3]] += weights[i / shape[3]] * rows[i];
    return out;
  }

  Model model;
  Tokenizer tokenizer;
  TextOptions options;
  const Writer& writer;
  AttentionLayer grid;
  std::optional<Generation> generation;  // outlives the preprocessor's programs, which write into it
  Preprocessor preprocessor;
  MapOverlay drawer;
  uint32_t recorded_words = 0, most = 0;
  size_t pixels = 0, question = 0;  // inputs

  bool started = false, ended = false;
  uint32_t written = 0;
  std::vector<BeamText> found;  // with beams: the tokens of the text that won
  Region seen;
  std::vector<int32_t> ids;  // of the text, so without the start token
  std::string text;
  std::vector<float> question_rows;  // [heads, tokens, keys]
};

TextSession::TextSession(const Model& model, const Tokenizer& tokenizer, const TextOptions& options)
    : impl_(at_boundary("text", [&] { return std::make_unique<Impl>(model, tokenizer, options); })) {}
TextSession::~TextSession() = default;
TextSession::TextSession(TextSession&&) noexcept = default;
TextSession& TextSession::operator=(TextSession&&) noexcept = default;

const Model& TextSession::model() const {
  return impl_->model;
}

bool TextSession::takes_words() const {
  return impl_->answers() || impl_->writer.prompt();
}

void TextSession::require_words(std::string_view words) const {
  at_boundary("text", [&] { impl_->ids_of(words); });
}

void TextSession::start(const ImageView& picture, std::string_view words, const std::optional<Region>& part) {
  at_boundary("text", [&] { impl_->start(picture, words, part); });
}

std::optional<TextToken> TextSession::next() {
  return at_boundary("text", [&] { return impl_->next(); });
}

bool TextSession::ended() const {
  return impl_->ended;
}

std::string TextSession::text() const {
  return impl_->text;
}

TokenMap TextSession::map(const TokenMapRequest& request) const {
  return at_boundary("text", [&] { return impl_->map(request); });
}

Region TextSession::visible_region() const {
  return impl_->seen;
}

std::vector<uint8_t> TextSession::overlay(const ImageView& picture, const AttentionMap& map,
                                          const OverlayOptions& options) {
  return at_boundary("text", [&] { return impl_->drawer.draw(picture, map, impl_->seen, options); });
}

}  // namespace fovea
