#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <utility>

#include "core/boundary.h"
#include "fovea/error.h"
#include "fovea/generate.h"
#include "models/tasks/classify.h"
#include "models/tasks/generate.h"
#include "models/tasks/token_source.h"
#include "vision/overlay.h"
#include "vision/preprocess.h"

namespace fovea {
namespace {

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

}  // namespace

struct TextSession::Impl {
  Impl(const Model& m, const Tokenizer& t, const TextOptions& o)
      : model(m),
        tokenizer(t),
        options(o),
        source(token_source(model.impl(), options.choice)),
        traits(source->traits()),
        preprocessor(m.device().impl(), m.impl().preprocess()),
        drawer(m.device().impl()) {
    if (tokenizer.vocabulary() > traits.vocabulary)
      throw Error(
          ErrorKind::model,
          fmt::format("[text] the tokenizer has {} tokens and {} knows {}: it belongs to another model",
                      tokenizer.vocabulary(), model.info().architecture, traits.vocabulary));
    if (options.most_tokens == 0) throw Error(ErrorKind::usage, "[text] 0 tokens at most: want 1 or more");
    check(options.map);
    check_choice(options.choice, traits.vocabulary, "text");
  }

  const ModelInfo& info() const { return model.info(); }
  bool answers() const { return task_of(model) == TextTask::answer; }

  void check(const TokenMapRequest& request) const {
    const std::vector<MapMethod> methods = token_map_methods(model);
    if (std::find(methods.begin(), methods.end(), request.method) == methods.end())
      throw RequestError("method", to_string(request.method),
                         fmt::format("a token of {} has {}", info().architecture, names_of(methods)));
    if (request.method != MapMethod::raw) return;
    const auto layers = static_cast<int>(traits.layers);
    if (request.layer < -layers || request.layer >= layers)
      throw RequestError(
          "layer", fmt::format("{}", request.layer),
          fmt::format("the decoder of {} has layers 0 to {}", info().architecture, layers - 1));
    if (request.fusion == HeadFusion::single && request.head >= traits.heads)
      throw RequestError(
          "head", fmt::format("{}", request.head),
          fmt::format("the decoder of {} has heads 0 to {}", info().architecture, traits.heads - 1));
  }

  // Ids of the words that are given, the question's or those that are gone on with.
  std::vector<uint32_t> ids_of(std::string_view words) const {
    if (!answers() && words.empty()) return {};
    if (!answers() && !traits.goes_on)
      throw Error(ErrorKind::usage,
                  fmt::format("[text] {} begins by itself: it takes no words", info().architecture));
    if (tokenizer.encode(words, {.special = false}).empty())
      throw Error(ErrorKind::usage, fmt::format("[text] {} of {} bytes holds no words",
                                                answers() ? "a question" : "a beginning", words.size()));
    const std::vector<int32_t> out = tokenizer.encode(words, {.special = answers()});
    if (out.size() > traits.positions)
      throw Error(ErrorKind::usage, fmt::format("[text] {} of {} tokens, {} has positions for {}",
                                                answers() ? "a question" : "a beginning", out.size(),
                                                info().architecture, traits.positions));
    return {out.begin(), out.end()};
  }

  // Recorded anew where there are more or fewer words than last time.
  void record(uint32_t words) {
    if (recorded_words == words) return;
    preprocessor.forget_targets();
    recorded_words.reset();
    most = source->record(words, options.most_tokens);
    model.device().impl().save_pipeline_cache();
    recorded_words = words;
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
    preprocessor.run(view, source->pixels(), 0);
    source->start(given);
    ids.clear();
    if (!answers()) ids.assign(given.begin(), given.end());
    text = decoded();
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
    if (ended || written == most) return std::nullopt;
    TextToken out;
    const std::optional<TokenSource::Token> chosen = source->next();
    if (!chosen) return std::nullopt;
    out.id = chosen->id;
    out.probability = chosen->probability;
    check_finite(info(), {&out.probability, 1});
    ++written;
    ended = out.id == traits.ids.end;
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

  TokenMap map(const TokenMapRequest& request) {
    check(request);
    if (!started || written == 0) throw Error(ErrorKind::usage, "[text] no token yet: next() gives one");
    const std::vector<float> keys = source->looked(request);
    const size_t cells = size_t{traits.rows} * traits.cols;
    if (keys.size() != traits.prefix + cells)
      throw Error(
          ErrorKind::model,
          fmt::format("[text] the decoder of {} looks at {} tokens, the picture has {} and {}×{} cells",
                      info().architecture, keys.size(), traits.prefix, traits.rows, traits.cols));
    const auto in_picture = std::span(keys).subspan(traits.prefix);
    TokenMap out{{traits.rows, traits.cols, {in_picture.begin(), in_picture.end()}}, 0};
    const auto in_prefix = std::span(keys).first(traits.prefix);
    out.elsewhere = request.method == MapMethod::rollout
                        ? 1 - std::accumulate(in_picture.begin(), in_picture.end(), 0.0F)
                        : std::accumulate(in_prefix.begin(), in_prefix.end(), 0.0F);
    return out;
  }

  Model model;
  Tokenizer tokenizer;
  TextOptions options;
  std::unique_ptr<TokenSource> source;  // outlives the preprocessor's programs, which write into it
  const TokenTraits& traits;
  Preprocessor preprocessor;
  MapOverlay drawer;
  std::optional<uint32_t> recorded_words;
  uint32_t most = 0;

  bool started = false, ended = false;
  uint32_t written = 0;
  Region seen;
  std::vector<int32_t> ids;  // of the text, so without the start token
  std::string text;
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
  return impl_->answers() || impl_->traits.goes_on;
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
