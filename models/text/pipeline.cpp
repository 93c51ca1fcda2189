#include "models/text/pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "fovea/error.h"
#include "models/config/text.h"
#include "models/text/byte_characters.h"
#include "models/text/sentence_piece.h"

namespace fovea::text {

namespace {

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  if (from.empty()) return;
  std::string out;
  size_t done = 0;
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, done)) {
    out.append(text, done, at - done).append(to);
    done = at + from.size();
  }
  text = out.append(text, done);
}

// transformers' clean_up_tokenization, in its order.
std::string cleaned(std::string text) {
  static constexpr std::pair<std::string_view, std::string_view> rules[] = {
      {" .", "."},     {" ?", "?"},   {" !", "!"},   {" ,", ","},     {" ' ", "'"},
      {" n't", "n't"}, {" 'm", "'m"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : rules) replace_all(text, from, to);
  return text;
}

}  // namespace

void Pipeline::add(AddedToken token, const std::string& file) {
  if (token.content.empty()) refuse(file, "an added token is empty");
  if (token.content.size() > AddedTokens::longest) {
    refuse(file, fmt::format("the added token \"{}\" is {} bytes long, more than the {} that are sensible",
                             io::excerpt(token.content, 30), token.content.size(), AddedTokens::longest));
  }
  if (token.id >= 0) {
    vocabulary.add(token.content, token.id, file);
  } else if (const auto known = vocabulary.find(token.content)) {
    token.id = *known;
  } else {
    token.id = vocabulary.append(token.content, file);
  }
  if (token.normalized) {
    AddedToken normal = token;
    normal.content = normalizer(token.content);
    if (!normal.content.empty()) in_normalized.add(normal);
  } else {
    in_text.add(token);
  }
  const int32_t id = token.id;
  added.insert_or_assign(id, std::move(token));
}

int32_t Pipeline::require(std::string_view token, const std::string& what, const std::string& file) const {
  const std::optional<int32_t> id = vocabulary.find(token);
  if (!id)
    refuse(file, fmt::format("{} is \"{}\", which is not in the vocabulary", what, io::excerpt(token)));
  return *id;
}

void Pipeline::encode_piece(std::string_view text, std::vector<int32_t>& out) const {
  const std::string normal = normalizer(text);
  for (const Piece& piece : in_normalized.cut(normal)) {
    if (piece.id >= 0) {
      out.push_back(piece.id);
    } else {
      for (const std::string& word : splitter(piece.text)) model->encode(word, out);
    }
  }
}

std::vector<int32_t> Pipeline::encode(std::string_view text, bool special, size_t most) const {
  constexpr size_t longest = size_t{1} << 28U;  // ICU counts in 32 bits, and taken apart a text grows
  if (text.size() > longest) {
    throw Error(ErrorKind::usage, fmt::format("[tokenize] the text is {} bytes long, more than {}: split it",
                                              text.size(), longest));
  }
  if (const auto at = invalid_utf8(text)) {
    throw Error(
        ErrorKind::usage,
        fmt::format(
            "[tokenize] the text is not UTF-8: byte {} is 0x{:02x}; convert it first (iconv -t UTF-8)", *at,
            static_cast<unsigned char>(text[*at])));
  }
  const size_t around = special ? before.size() + behind.size() : 0;
  if (most < around) {
    throw Error(ErrorKind::usage,
                fmt::format("[tokenize] at most {} ids are wanted, and {} stand around any text: allow more",
                            most, around));
  }
  std::vector<int32_t> out;
  if (special) out = before;
  for (const Piece& piece : in_text.cut(text)) {
    if (piece.id >= 0) {
      out.push_back(piece.id);
    } else {
      encode_piece(piece.text, out);
    }
  }
  out.resize(std::min(out.size(), most - (special ? behind.size() : 0)));
  if (special) out.insert(out.end(), behind.begin(), behind.end());
  return out;
}

// Of tokens none of which is an added one, unless the vocabulary is of words with spaces between.
std::string Pipeline::joined(std::span<const int32_t> ids) const {
  if (decoding == Decoding::sentence_piece) return sentence_piece->decode(ids);
  std::string out;
  for (size_t i = 0; i < ids.size(); ++i) {
    const std::string& token = vocabulary.token(ids[i]);
    if (decoding == Decoding::bytes) {
      out += to_bytes(token).value_or(token);
    } else if (decoding == Decoding::word_piece) {
      const bool within = i > 0 && !continues.empty() && token.starts_with(continues);
      if (i > 0 && !within) out += ' ';
      out += within ? token.substr(continues.size()) : token;
    } else {
      out += token;
    }
  }
  return out;
}

void Pipeline::check(int32_t id) const {
  if (id >= 0 && static_cast<size_t>(id) < vocabulary.size()) return;
  throw Error(
      ErrorKind::usage,
      fmt::format("[decode] id {} is beyond the vocabulary of {} tokens: is the tokenizer that of the model?",
                  id, vocabulary.size()));
}

std::string Pipeline::decode(std::span<const int32_t> ids, bool skip_special, bool clean) const {
  std::string out;
  std::vector<int32_t> run;
  const auto flush = [&] {
    if (!run.empty()) out += joined(run);
    run.clear();
  };
  for (const int32_t id : ids) {
    check(id);
    const auto token = added.find(id);
    if (token == added.end() ||
        (decoding == Decoding::word_piece && !(skip_special && token->second.special))) {
      run.push_back(id);
    } else if (!skip_special || !token->second.special) {
      flush();
      out += token->second.content;
    }
  }
  flush();
  out = valid_utf8(out);
  if (decoding == Decoding::pieces) replace_all(out, "▁", " ");
  if (!word_end.empty()) replace_all(out, word_end, " ");
  if (!word_end.empty() || decoding == Decoding::pieces) out = std::string(trimmed(out));
  return clean ? cleaned(std::move(out)) : out;
}

}  // namespace fovea::text
