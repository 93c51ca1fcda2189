// Pictures that a model reads, describes or answers questions about: tokens one after another, each with the
// map of where the model looked when it chose it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/image.h"
#include "fovea/maps.h"
#include "fovea/model.h"
#include "fovea/session.h"
#include "fovea/token_choice.h"
#include "fovea/tokenizer.h"

namespace fovea {

// What a model says of a picture.
enum class TextTask {
  none,      // it writes nothing
  read,      // the text that stands in it
  describe,  // what it shows
  answer,    // what was asked about it
};
const char* to_string(TextTask task);  // "describes pictures"
TextTask task_of(const Model& model);
std::vector<MapMethod> token_map_methods(const Model& model);  // none of a model that writes nothing

// What a token's map is of.
//
// raw: one layer's cross-attention of the decoder. Where the decoder looks at a question instead of the
// picture, that is multiplied with how the question's tokens looked at the picture in the last of their
// layers, the mean over its heads.
//
// rollout: all layers' attention from the token down to the picture's patches, heads averaged, every sum x +
// attention(x) half of each (Abnar & Zuidema 2020, eq. 1, through the decoder's own attention, what it looks
// at, and the encoder). Takes no layer and no head. A pass over the picture, and one over the text for each
// token, besides.
//
// gae: what of the picture the token's score, the logit, rests on, by gradients of attention: Chefer et al.
// 2021, "Generic Attention-model Explainability", eqs. 5 to 10, through decoder and encoder. Numbers of 0 and
// more with no fixed sum. Takes no layer and no head; costs as rollout does, and passes back.
//
// evidence: the part of the token's score, the logit, that the decoder moved to it from each of the
// picture's tokens, exactly: all layers and heads of a decoder with one norm behind its layers, that norm's
// deviation held (docs/maps.md); of a recurrent one the cell's part of the context. Below 0 where it spoke
// against. Takes no layer and no head; a transformer's costs a pass over the text for each token.
struct TokenMapRequest {
  int layer = -1;  // of the decoder's layers: 0 the first, -1 the last
  HeadFusion fusion = HeadFusion::mean;
  uint32_t head = 0;  // for HeadFusion::single
  MapMethod method = MapMethod::raw;
};

struct TokenMap {
  AttentionMap cells;  // at the encoder's grid
  // What went to tokens that are no part of the picture, class and distillation tokens, or of evidence what
  // they gave; of rollout, also what stayed with words. For the mean over heads, a single one and rollout,
  // the cells and this sum to 1.
  float elsewhere = 0;
};

struct TextToken {
  uint32_t id = 0;
  std::string token;      // as the tokenizer's files have it: "Ġcat", "</s>"
  std::string text;       // what it adds to text(); half a character is U+FFFD until the other half comes
  float probability = 0;  // the model's softmax over the vocabulary, whatever chose the token
  TokenMap map;
};

struct TextOptions {
  uint32_t most_tokens = 64;  // written for a picture; fewer where the model has positions for no more
  TokenMapRequest map;        // of TextToken::map
  TokenChoice choice{};       // every picture is drawn for with the same numbers
};

// One picture after another, for one thread at a time.
class TextSession {
 public:
  // The tokenizer is that of the model's folder. Throws Error(usage) for a model that writes nothing and for
  // a choice that makes no sense, Error(model) where the tokenizer has ids that the model does not have,
  // RequestError for a map that there is none of.
  TextSession(const Model& model, const Tokenizer& tokenizer, const TextOptions& options = {});
  ~TextSession();
  TextSession(TextSession&&) noexcept;
  TextSession& operator=(TextSession&&) noexcept;

  const Model& model() const;
  // Whether a text may go before what is written; a model that answers needs its question.
  bool takes_words() const;

  // Throws Error(usage) for words that the model does not take, none where it needs some, and more than it
  // has positions for.
  void require_words(std::string_view words) const;

  // Looks at a picture, or at a part of it: whole pixels, edges outwards. `words`: the question of a model
  // that answers, the beginning of the description for one that goes on with it. Throws as require_words(),
  // and Error(usage) for a part outside the picture.
  void start(const ImageView& picture, std::string_view words = {},
             const std::optional<Region>& part = std::nullopt);
  // The next token, the end token too; nothing behind that and when all are written. With beams the first
  // call finds the whole text. Throws Error(unsupported) where activations leave the range of fp16.
  std::optional<TextToken> next();
  // Whether it came to an end by itself.
  bool ended() const;
  // All so far, with the beginning that was given. Tokens may change what stands before them: half a
  // character becomes whole, a space before a full stop goes.
  std::string text() const;
  // Another map of the token that next() gave last. Throws RequestError for one that there is none of.
  TokenMap map(const TokenMapRequest& request) const;

  // The part of the picture that the model sees.
  Region visible_region() const;
  // As Session's.
  std::vector<uint8_t> overlay(const ImageView& picture, const AttentionMap& map,
                               const OverlayOptions& options = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Where a map's mass is, in pixels of the picture of which the model sees `seen`.
struct MapFocus {
  double x = 0, y = 0;  // its centre: the mean of the cells' centres, weighed by their values
  // The rectangle of whole cells of the smallest area that holds at least the share; where areas are equal,
  // the one that holds most.
  Region box;
};
// Values below 0, of evidence, have no mass. Nothing for a map without mass. Throws Error(usage) for a share
// that is not above 0 and up to 1, and for values that are no numbers.
std::optional<MapFocus> focus_of(const AttentionMap& map, const Region& seen, double share = 0.6);

}  // namespace fovea
