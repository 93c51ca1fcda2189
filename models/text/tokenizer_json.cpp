// tokenizer.json: the tokenizers library's own description of a pipeline, step by step. A step that Fovea
// does not have is refused, since without it the ids would be others.
#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "models/config/text.h"
#include "models/text/bpe.h"
#include "models/text/files.h"
#include "models/text/word_piece.h"

namespace fovea::text {

using nlohmann::json;

namespace {

// What stands under a key, with its "type" and the file, for messages.
struct Node {
  const json& value;
  const char* what;
  const std::string& file;

  std::string type() const {
    if (!value.is_object())
      refuse(file, fmt::format("the {} is {}, and an object is wanted", what, io::value_text(value)));
    return text_field(value, "type", file).value_or("");
  }
  // With its pattern, by which splits and replacements differ.
  std::string shown() const {
    const auto pattern = value.find("pattern");
    if (pattern == value.end()) return type();
    return type() + " of " + io::value_text(*pattern);
  }
  Node with(const json& inner) const { return {inner, what, file}; }
  // The steps of a Sequence, or the one step that it is; none where it is null.
  std::vector<Node> steps(const char* key) const {
    if (value.is_null()) return {};
    if (type() != "Sequence") return {*this};
    std::vector<Node> out;
    for (const json& step : array(key))
      for (const Node& inner : with(step).steps(key)) out.push_back(inner);
    return out;
  }
  const json& array(const char* key) const {
    const auto found = value.find(key);
    if (found == value.end() || !found->is_array())
      refuse(file, fmt::format("the {} has no list \"{}\"", what, key));
    return *found;
  }
  std::string text(const char* key) const { return text_field(value, key, file).value_or(""); }
  bool flag(const char* key, bool fallback) const { return text::flag(value, key, fallback, file); }
};

const json& member(const json& object, const char* key) {
  static const json nothing;
  const auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}

void read_normalizer(const Node& node, Normalizer& normalizer) {
  for (const Node& step : node.steps("normalizers")) {
    const std::string type = step.type();
    const json& pattern = member(step.value, "pattern");
    if (type == "BertNormalizer") {
      const bool lowercase = step.flag("lowercase", true);
      normalizer.steps.emplace_back(
          BertText{step.flag("clean_text", true), step.flag("handle_chinese_chars", true)});
      if (step.flag("strip_accents", lowercase)) normalizer.steps.emplace_back(StripAccents{});
      if (lowercase) normalizer.steps.emplace_back(Lowercase{});
    } else if (type == "NFC") {
      normalizer.steps.emplace_back(Form::nfc);
    } else if (type == "NFD") {
      normalizer.steps.emplace_back(Form::nfd);
    } else if (type == "NFKC") {
      normalizer.steps.emplace_back(Form::nfkc);
    } else if (type == "NFKD") {
      normalizer.steps.emplace_back(Form::nfkd);
    } else if (type == "Lowercase") {
      normalizer.steps.emplace_back(Lowercase{});
    } else if (type == "Replace" && pattern == json{{"Regex", "\\s+"}} && step.text("content") == " ") {
      normalizer.steps.emplace_back(CollapseSpaces{});
    } else {
      refuse_kind(
          step.file, "a normalizer", step.shown(),
          "BertNormalizer, NFC, NFD, NFKC, NFKD, Lowercase, Replace of \\s+ by a space, and Sequence");
    }
  }
}

// The patterns of CLIP and GPT-2, as words.h has them.
bool read_pattern(const Node& step, std::vector<Split>& splits) {
  constexpr std::string_view clip = R"('s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)";
  constexpr std::string_view gpt2 =
      R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
  const json& pattern = member(step.value, "pattern");
  const json& regex = pattern.is_object() ? member(pattern, "Regex") : pattern;
  const std::string behaviour = step.text("behavior");
  const bool invert = step.flag("invert", false);
  if (!regex.is_string()) return false;
  const auto& text = regex.get_ref<const std::string&>();
  if (text == clip && behaviour == "Removed" && invert) {
    splits.push_back(Split::clip);
    return true;
  }
  // All of the text matches, so that nothing is left to be removed.
  if (text == gpt2 && ((behaviour == "Removed" && invert) || (behaviour == "Isolated" && !invert))) {
    splits.push_back(Split::gpt2);
    return true;
  }
  return false;
}

void read_splitter(const Node& node, WordSplitter& splitter) {
  for (const Node& step : node.steps("pretokenizers")) {
    const std::string type = step.type();
    if (splitter.bytes)
      refuse(step.file, "a pre-tokenizer stands behind ByteLevel, whose characters are bytes");
    if (type == "ByteLevel" && !(step.flag("add_prefix_space", true) && !splitter.splits.empty())) {
      splitter.space_before = step.flag("add_prefix_space", true);
      if (step.flag("use_regex", true)) splitter.splits.push_back(Split::gpt2);
      splitter.bytes = true;
    } else if (type == "BertPreTokenizer") {
      splitter.splits.push_back(Split::bert);
    } else if (type == "WhitespaceSplit") {
      splitter.splits.push_back(Split::spaces);
    } else if (type != "Split" || !read_pattern(step, splitter.splits)) {
      refuse_kind(
          step.file, "a pre-tokenizer", step.shown(),
          "ByteLevel, BertPreTokenizer, WhitespaceSplit, Split by CLIP's or GPT-2's pattern, and Sequence");
    }
  }
}

std::vector<Merge> read_merges(const Node& model) {
  std::vector<Merge> merges;
  for (const json& entry : model.array("merges")) {
    Merge merge;
    merge.line = merges.size() + 1;
    if (entry.is_string()) {
      const auto& text = entry.get_ref<const std::string&>();
      const size_t space = text.find(' ');
      if (space != std::string::npos) {
        merge.left = text.substr(0, space);
        merge.right = text.substr(space + 1);
      }
    } else if (entry.is_array() && entry.size() == 2 && entry[0].is_string() && entry[1].is_string()) {
      merge.left = entry[0].get<std::string>();
      merge.right = entry[1].get<std::string>();
    }
    if (merge.left.empty() || merge.right.empty())
      refuse(model.file,
             fmt::format("merge {} is {}, and two tokens are wanted", merge.line, io::value_text(entry)));
    merges.push_back(std::move(merge));
  }
  return merges;
}

void read_bpe(const Node& model, Pipeline& pipeline) {
  const json& dropout = member(model.value, "dropout");
  if (dropout.is_number() && dropout.get<double>() > 0)
    refuse(model.file, fmt::format("\"dropout\" is {}: its ids are random", io::value_text(dropout)),
           "set it to null");
  if (model.flag("byte_fallback", false) || !model.text("continuing_subword_prefix").empty())
    refuse_kind(model.file, "the model", "BPE with byte_fallback or continuing_subword_prefix",
                "BPE without them");
  BpeOptions options;
  options.word_end = pipeline.word_end = model.text("end_of_word_suffix");
  options.join_unknown = model.flag("fuse_unk", false);
  options.whole_words = model.flag("ignore_merges", false);
  if (const auto unknown = text_field(model.value, "unk_token", model.file); unknown && !unknown->empty())
    options.unknown = pipeline.require(*unknown, "the unknown token", model.file);
  pipeline.model =
      std::make_unique<Bpe>(pipeline.vocabulary, read_merges(model), std::move(options), model.file);
}

void read_word_piece(const Node& model, Pipeline& pipeline) {
  WordPieceOptions options;
  options.continues = text_field(model.value, "continuing_subword_prefix", model.file).value_or("##");
  options.unknown = pipeline.require(text_field(model.value, "unk_token", model.file).value_or("[UNK]"),
                                     "the unknown token", model.file);
  if (const json& longest = member(model.value, "max_input_chars_per_word"); !longest.is_null()) {
    if (!longest.is_number_unsigned() || longest.get<uint64_t>() > 10000)
      refuse(model.file, fmt::format("\"max_input_chars_per_word\" is {}", io::value_text(longest)));
    options.longest_word = longest.get<size_t>();
  }
  pipeline.model = std::make_unique<WordPiece>(pipeline.vocabulary, std::move(options));
}

void read_added(const Node& root, Pipeline& pipeline) {
  if (member(root.value, "added_tokens").is_null()) return;
  for (const json& entry : root.array("added_tokens")) {
    if (!entry.is_object()) refuse(root.file, fmt::format("an added token is {}", io::value_text(entry)));
    AddedToken token = token_flags(entry, root.file);
    token.content = text_field(entry, "content", root.file).value_or("");
    const json& id = member(entry, "id");
    if (!id.is_number_unsigned() ||
        id.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int32_t>::max()))
      refuse(root.file, fmt::format("the id of the added token \"{}\" is {}", io::excerpt(token.content),
                                    io::value_text(id)));
    token.id = id.get<int32_t>();
    pipeline.add(std::move(token), root.file);
  }
}

// ["</s>", 2]
void read_pair(const Node& step, const char* key, const Pipeline& pipeline, std::vector<int32_t>& out) {
  const json& pair = step.array(key);
  if (pair.size() != 2 || !pair[0].is_string() || !pair[1].is_number_integer())
    refuse(step.file, fmt::format("the {}'s \"{}\" is {}, and a token with its id is wanted", step.what, key,
                                  io::value_text(pair)));
  const int32_t id =
      pipeline.require(pair[0].get<std::string>(), fmt::format("the {}'s \"{}\"", step.what, key), step.file);
  if (pair[1] != id)
    refuse(step.file, fmt::format("the {}'s \"{}\" is {}, and the vocabulary has the id {}", step.what, key,
                                  io::value_text(pair), id));
  out.push_back(id);
}

void read_template(const Node& step, Pipeline& pipeline) {
  bool text_seen = false;
  for (const json& item : step.array("single")) {
    const json& special = item.is_object() ? member(item, "SpecialToken") : item;
    if (item.is_object() && item.contains("Sequence")) {
      if (text_seen) refuse(step.file, "the post-processor repeats the text");
      text_seen = true;
    } else if (special.is_object()) {
      auto& side = text_seen ? pipeline.behind : pipeline.before;
      side.push_back(pipeline.require(text_field(special, "id", step.file).value_or(""),
                                      "a token of the post-processor", step.file));
    } else {
      refuse(step.file, fmt::format("the post-processor has the item {}", io::value_text(item)));
    }
  }
  if (!text_seen) refuse(step.file, "the post-processor leaves the text out");
}

void read_post_processor(const Node& node, Pipeline& pipeline) {
  for (const Node& step : node.steps("processors")) {
    const std::string type = step.type();
    if (type == "TemplateProcessing") {
      read_template(step, pipeline);
    } else if (type == "BertProcessing" || type == "RobertaProcessing") {
      read_pair(step, "cls", pipeline, pipeline.before);
      read_pair(step, "sep", pipeline, pipeline.behind);
    } else if (type != "ByteLevel") {  // which touches offsets alone
      refuse_kind(step.file, "a post-processor", type,
                  "TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel and Sequence");
    }
  }
}

void read_decoder(const Node& node, Pipeline& pipeline) {
  const std::string type = node.value.is_null() ? "" : node.type();
  if (type == "ByteLevel") {
    pipeline.decoding = Decoding::bytes;
  } else if (type == "WordPiece") {
    pipeline.decoding = Decoding::word_piece;
    pipeline.continues = text_field(node.value, "prefix", node.file).value_or("##");
    pipeline.clean_up |= node.flag("cleanup", true);
  } else if (type == "BPEDecoder") {
    pipeline.decoding = Decoding::word_end;
    pipeline.word_end = text_field(node.value, "suffix", node.file).value_or("</w>");
  } else if (node.value.is_null()) {  // tokens with spaces between
    pipeline.decoding = Decoding::word_piece;
  } else {
    refuse_kind(node.file, "the decoder", type, "ByteLevel, WordPiece and BPEDecoder");
  }
}

}  // namespace

void parse_tokenizer_json(const json& root, const std::string& file, Pipeline& pipeline) {
  const Node model{member(root, "model"), "model", file};
  std::string type = model.type();
  if (type.empty())
    type = model.value.contains("merges") ? "BPE" : "WordPiece";  // as older files leave it out
  if (type == "Unigram") {
    refuse(file, "the model is Unigram, which is read from the SentencePiece file",
           "put spiece.model or sentencepiece.bpe.model of the same repository beside it");
  }
  if (type != "BPE" && type != "WordPiece") refuse_kind(file, "the model", type, "BPE and WordPiece");
  const json& vocabulary = member(model.value, "vocab");
  if (!vocabulary.is_object()) refuse(file, "the model has no \"vocab\" of tokens and ids");
  add_vocabulary(vocabulary, pipeline.vocabulary, file);
  read_normalizer({member(root, "normalizer"), "normalizer", file}, pipeline.normalizer);
  read_added({root, "added_tokens", file}, pipeline);
  pipeline.vocabulary.complete();
  read_splitter({member(root, "pre_tokenizer"), "pre-tokenizer", file}, pipeline.splitter);
  if (type == "BPE") {
    read_bpe(model, pipeline);
  } else {
    read_word_piece(model, pipeline);
  }
  read_post_processor({member(root, "post_processor"), "post-processor", file}, pipeline);
  read_decoder({member(root, "decoder"), "decoder", file}, pipeline);
}

}  // namespace fovea::text
