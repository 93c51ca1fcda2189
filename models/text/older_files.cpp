// What tokenizers were saved as before tokenizer.json: a vocabulary, merges, and a class of transformers
// whose code knows the rest.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "models/config/text.h"
#include "models/text/bpe.h"
#include "models/text/classes.h"
#include "models/text/files.h"
#include "models/text/sentence_piece.h"
#include "models/text/word_piece.h"

namespace fovea::text {

using nlohmann::json;

namespace {

struct Loader {
  const TokenizerFiles& files;
  Pipeline& pipeline;
  std::optional<json> config, roles_file;
  Kind kind = Kind::gpt2;
  std::map<std::string, AddedToken> special;  // by role
  std::string file;                           // the vocabulary's

  void load();
  Kind find_kind() const;
  const std::string& need(std::string_view name) const;
  void read_vocabulary();
  void read_vocabulary_lines();
  std::vector<Merge> read_merges() const;
  void check_reached(const std::vector<Merge>& merges) const;
  void read_roles();
  AddedToken token_of(const json& value, const std::string& role, const std::string& where) const;
  void read_added();
  void set_rules();
  void read_model();
  void frame(const char* first, const char* last);
  bool config_flag(const char* key, bool fallback) const;
};

bool Loader::config_flag(const char* key, bool fallback) const {
  return config ? flag(*config, key, fallback, files.path("tokenizer_config.json")) : fallback;
}

const std::string& Loader::need(std::string_view name) const {
  const std::string* const text = files.find(name);
  if (text == nullptr) refuse(files.path(name), "is missing", "fetch it too, or tokenizer.json");
  return *text;
}

Kind Loader::find_kind() const {
  if (config) {
    const std::string where = files.path("tokenizer_config.json");
    if (const auto name = text_field(*config, "tokenizer_class", where)) return kind_of_class(*name, where);
  }
  // Nothing says which: what the vocabulary shows.
  if (files.find("vocab.json") != nullptr) {
    const json vocabulary = *files.object("vocab.json");
    if (vocabulary.contains("<|startoftext|>") && vocabulary.contains("!</w>")) return Kind::clip;
    if (vocabulary.contains("<s>") && vocabulary.contains("<mask>")) return Kind::roberta;
    if (vocabulary.contains("<|endoftext|>") && !vocabulary.contains("<s>")) return Kind::gpt2;
  } else if (files.find("vocab.txt") != nullptr) {
    return Kind::bert;
  } else if (files.find("sentencepiece.bpe.model") != nullptr) {
    return Kind::xlm_roberta;
  }
  refuse(files.path("tokenizer_config.json"),
         "no \"tokenizer_class\", and the other files do not tell what it is",
         "fetch tokenizer_config.json with tokenizer.json, or vocab.json and merges.txt, vocab.txt, "
         "spiece.model or sentencepiece.bpe.model");
}

// Lines without their ends; the last one may lack it.
std::vector<std::string_view> lines(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    out.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

void check_utf8(const std::string& text, const std::string& file) {
  if (const auto at = invalid_utf8(text)) refuse(file, fmt::format("not UTF-8 at byte {}", *at));
}

void Loader::read_vocabulary_lines() {
  const std::string& text = need("vocab.txt");
  check_utf8(text, file);
  int64_t id = 0;
  for (const std::string_view line : lines(text)) {
    if (line.empty()) refuse(file, fmt::format("line {} is empty, and a token is wanted", id + 1));
    pipeline.vocabulary.add(line, id++, file);
  }
}

void Loader::read_vocabulary() {
  if (kind == Kind::bert) {
    file = files.path("vocab.txt");
    read_vocabulary_lines();
  } else if (kind == Kind::xlm_roberta || kind == Kind::siglip) {
    const char* const usual = kind == Kind::siglip ? "spiece.model" : "sentencepiece.bpe.model";
    const char* const other = kind == Kind::siglip ? "sentencepiece.bpe.model" : "spiece.model";
    const char* const name = files.find(usual) == nullptr && files.find(other) != nullptr ? other : usual;
    file = files.path(name);
    auto model = load_sentence_piece(need(name), kind == Kind::siglip ? Numbering::own : Numbering::fairseq,
                                     pipeline.vocabulary, file);
    pipeline.sentence_piece = model.get();
    pipeline.model = std::move(model);
  } else {
    file = files.path("vocab.json");
    need("vocab.json");
    need("merges.txt");
    add_vocabulary(*files.object("vocab.json"), pipeline.vocabulary, file);
  }
  if (pipeline.vocabulary.size() == 0) refuse(file, "no token in it");
}

std::vector<Merge> Loader::read_merges() const {
  const std::string where = files.path("merges.txt");
  const std::string& text = need("merges.txt");
  check_utf8(text, where);
  std::vector<Merge> merges;
  size_t number = 0;
  for (const std::string_view line : lines(text)) {
    ++number;
    if (line.empty() || (number == 1 && line.starts_with("#version"))) continue;
    const size_t space = line.find(' ');
    if (space == 0 || space == std::string_view::npos || space + 1 == line.size() ||
        line.find(' ', space + 1) != std::string_view::npos) {
      refuse(where, fmt::format("line {} is \"{}\", and two tokens with a space between are wanted", number,
                                io::excerpt(line, 60)));
    }
    merges.push_back({std::string(line.substr(0, space)), std::string(line.substr(space + 1)), number});
  }
  return merges;
}

// Of a whole pair of files nearly every token is a character or what a merge makes.
void Loader::check_reached(const std::vector<Merge>& merges) const {
  const Vocabulary& vocabulary = pipeline.vocabulary;
  std::vector<bool> reached(vocabulary.size());
  for (const Merge& merge : merges)
    if (const auto id = vocabulary.find(merge.left + merge.right)) reached[static_cast<size_t>(*id)] = true;
  const std::string& end = pipeline.word_end;
  size_t missing = 0;
  for (size_t i = 0; i < reached.size(); ++i) {
    const auto id = static_cast<int32_t>(i);
    std::string_view token = vocabulary.token(id);
    if (!end.empty() && token.ends_with(end)) token.remove_suffix(end.size());
    if (!reached[i] && CodePoints(token).size() > 1 && !pipeline.added.contains(id)) ++missing;
  }
  if (missing * 8 > vocabulary.size()) {
    refuse(files.path("merges.txt"),
           fmt::format("its {} merges make all but {} of the vocabulary's {} tokens, as if it were cut",
                       merges.size(), missing, vocabulary.size()));
  }
}

// A token is text, or an object with flags.
AddedToken Loader::token_of(const json& value, const std::string& role, const std::string& where) const {
  AddedToken token;
  if (value.is_string()) {
    token.content = value.get<std::string>();
    // As the classes have it: a space in front of the mask is the mask's.
    token.lstrip = role == "mask_token" && (kind == Kind::roberta || kind == Kind::xlm_roberta);
  } else if (value.is_object()) {
    token = token_flags(value, where);
    token.content = text_field(value, "content", where).value_or("");
  } else {
    refuse(where, fmt::format("\"{}\" is {}, and a token is wanted", role, io::value_text(value)));
  }
  if (token.content.empty())
    refuse(where, fmt::format("\"{}\" is {}, and a token is wanted", role, io::value_text(value)));
  token.special = true;
  return token;
}

void Loader::read_roles() {
  for (const auto& [role, content] : usual_tokens(kind))
    if (kind == Kind::xlm_roberta || pipeline.vocabulary.find(content))
      special[role] = token_of(json(content), role, file);
  const auto take = [&](const std::optional<json>& object, const std::string& where) {
    if (!object) return;
    for (const char* const role : roles) {
      const auto found = object->find(role);
      if (found != object->end() && !found->is_null()) special[role] = token_of(*found, role, where);
    }
  };
  const bool newer = config && config->contains("added_tokens_decoder");
  take(config, files.path("tokenizer_config.json"));
  if (!newer) take(roles_file, files.path("special_tokens_map.json"));
}

void Loader::read_added() {
  const std::string where = files.path("tokenizer_config.json");
  if (const auto more = files.object("added_tokens.json")) {
    add_vocabulary(*more, pipeline.vocabulary, files.path("added_tokens.json"));
    for (const auto& [content, id] : more->items()) {
      const auto role = std::find_if(special.begin(), special.end(), [&, &name = content](const auto& entry) {
        return entry.second.content == name;
      });
      AddedToken token = role == special.end() ? AddedToken{} : role->second;
      token.content = content;
      pipeline.add(std::move(token), files.path("added_tokens.json"));
    }
  }
  if (config && config->contains("added_tokens_decoder")) {
    const json& list = config->at("added_tokens_decoder");
    if (!list.is_object()) refuse(where, "\"added_tokens_decoder\" is no object of ids and tokens");
    for (const auto& [key, value] : list.items()) {
      if (!value.is_object() || key.empty() || key.size() > 9 ||
          !std::all_of(key.begin(), key.end(), [](char c) { return c >= '0' && c <= '9'; }))
        refuse(where, fmt::format("\"added_tokens_decoder\" has \"{}\": {}, and an id with a token is wanted",
                                  io::excerpt(key), io::value_text(value)));
      AddedToken token = token_flags(value, where);
      token.content = text_field(value, "content", where).value_or("");
      token.id = std::stoi(key);
      pipeline.add(std::move(token), where);
    }
  }
  const auto add_special = [&](const AddedToken& token) {
    const auto id = pipeline.vocabulary.find(token.content);
    if (!id || !pipeline.added.contains(*id)) pipeline.add(token, where);
  };
  for (const char* const role : roles)
    if (special.contains(role)) add_special(special[role]);
  for (const auto* const object : {&config, &roles_file}) {
    if (!*object || !(*object)->contains("additional_special_tokens")) continue;
    for (const json& value : (*object)->at("additional_special_tokens"))
      add_special(token_of(value, "additional_special_tokens", where));
  }
  pipeline.vocabulary.complete();
}

void Loader::set_rules() {
  WordSplitter& words = pipeline.splitter;
  std::vector<Normalization>& normal = pipeline.normalizer.steps;
  switch (kind) {
    case Kind::gpt2:
    case Kind::roberta:
      words = {config_flag("add_prefix_space", false), {Split::gpt2}, true};
      break;
    case Kind::clip:
      normal = {Form::nfc, CollapseSpaces{}, Lowercase{}};
      words = {false, {Split::clip}, true};
      pipeline.word_end = "</w>";
      break;
    case Kind::bert: {
      const bool lowercase = config_flag("do_lower_case", true);
      normal = {BertText{true, config_flag("tokenize_chinese_chars", true)}};
      if (config_flag("strip_accents", lowercase)) normal.emplace_back(StripAccents{});
      if (lowercase) normal.emplace_back(Lowercase{});
      words.splits = {Split::bert};
      pipeline.decoding = Decoding::word_piece;
      pipeline.continues = "##";
      break;
    }
    case Kind::siglip:
      if (config_flag("do_lower_case", true)) normal.emplace_back(Lowercase{});
      normal.insert(normal.end(), {StripPunctuation{}, CollapseSpaces{}});
      pipeline.decoding = Decoding::sentence_piece;
      break;
    case Kind::xlm_roberta:
      pipeline.decoding = Decoding::pieces;
      break;
  }
}

// The tokens of these roles around each text.
void Loader::frame(const char* first, const char* last) {
  const auto id_of = [&](const char* role) {
    if (!special.contains(role)) refuse(file, fmt::format("no {}, which belongs around each text", role));
    return pipeline.require(special[role].content, fmt::format("\"{}\"", role), file);
  };
  if (first != nullptr) pipeline.before.push_back(id_of(first));
  if (last != nullptr) pipeline.behind.push_back(id_of(last));
}

void Loader::read_model() {
  const auto unknown = special.find("unk_token");
  switch (kind) {
    case Kind::gpt2:
    case Kind::roberta:
    case Kind::clip: {
      BpeOptions options;
      options.word_end = pipeline.word_end;
      if (unknown != special.end()) options.unknown = pipeline.vocabulary.find(unknown->second.content);
      const std::vector<Merge> merges = read_merges();
      pipeline.model =
          std::make_unique<Bpe>(pipeline.vocabulary, merges, std::move(options), files.path("merges.txt"));
      check_reached(merges);
      break;
    }
    case Kind::bert: {
      WordPieceOptions options;
      options.unknown = pipeline.require(unknown == special.end() ? "[UNK]" : unknown->second.content,
                                         "the unknown token", file);
      pipeline.model = std::make_unique<WordPiece>(pipeline.vocabulary, std::move(options));
      break;
    }
    case Kind::xlm_roberta:
    case Kind::siglip:
      break;
  }
  switch (kind) {
    case Kind::gpt2:
      if (config_flag("add_bos_token", false)) frame("bos_token", nullptr);
      break;
    case Kind::clip:
      frame("bos_token", "eos_token");
      break;
    case Kind::siglip:
      frame(nullptr, "eos_token");
      break;
    case Kind::roberta:
    case Kind::bert:
    case Kind::xlm_roberta:
      frame("cls_token", "sep_token");
      break;
  }
}

void Loader::load() {
  config = files.object("tokenizer_config.json");
  roles_file = files.object("special_tokens_map.json");
  kind = find_kind();
  set_rules();
  read_vocabulary();
  read_roles();
  read_added();
  read_model();
}

}  // namespace

void parse_older_files(const TokenizerFiles& files, Pipeline& pipeline) {
  Loader{files, pipeline, {}, {}, Kind::gpt2, {}, {}}.load();
}

}  // namespace fovea::text
