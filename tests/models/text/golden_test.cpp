// Every case of the reference implementation, from the older files and from tokenizer.json.
#include "fovea/error.h"
#include "tests/models/text/cases.h"
#include "tests/models/weights/files.h"

using fovea::load_tokenizer;
using fovea::test::check_cases;
using fovea::test::read_json;
using fovea::test::TempFolder;
using nlohmann::json;

namespace {

std::filesystem::path golden(const std::string& name) {
  return std::filesystem::path(FOVEA_SOURCE_DIR) / "tests/models/text/golden" / name;
}

// The merges as tokenizer.json has them: each a text, or a pair in newer files.
json merges_of(const std::filesystem::path& folder, bool pairs) {
  std::ifstream file(folder / "merges.txt");
  json out = json::array();
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("#version") || line.empty()) continue;
    const size_t space = line.find(' ');
    if (pairs) {
      out.push_back({line.substr(0, space), line.substr(space + 1)});
    } else {
      out.push_back(line);
    }
  }
  return out;
}

json added(const std::string& content, int id, bool lstrip = false) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", lstrip},
          {"rstrip", false}, {"normalized", false}, {"special", true}};
}

// What transformers saves of a fast tokenizer that was made of the older files.
json bpe_json(const std::string& name, bool pairs) {
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", json::array()},
          {"normalizer", nullptr},
          {"pre_tokenizer",
           {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}}},
          {"post_processor", {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", false}}},
          {"decoder", {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}}},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"continuing_subword_prefix", ""},
            {"end_of_word_suffix", ""},
            {"fuse_unk", false},
            {"vocab", read_json(golden(name) / "vocab.json")},
            {"merges", merges_of(golden(name), pairs)}}}};
}

json bert_json() {
  json vocabulary = json::object();
  std::ifstream file(golden("bert") / "vocab.txt");
  int id = 0;
  for (std::string line; std::getline(file, line);) vocabulary[line] = id++;
  const auto special = [](const char* token) {
    return json{{"SpecialToken", {{"id", token}, {"type_id", 0}}}};
  };
  const json sequence{{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  return {{"added_tokens",
           {added("[PAD]", 0), added("[UNK]", 1), added("[CLS]", 2), added("[SEP]", 3), added("[MASK]", 4)}},
          {"normalizer",
           {{"type", "BertNormalizer"},
            {"clean_text", true},
            {"handle_chinese_chars", true},
            {"strip_accents", nullptr},
            {"lowercase", true}}},
          {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
          {"post_processor",
           {{"type", "TemplateProcessing"},
            {"single", {special("[CLS]"), sequence, special("[SEP]")}},
            {"pair", json::array()}}},
          {"decoder", {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", false}}},
          {"model",
           {{"type", "WordPiece"},
            {"unk_token", "[UNK]"},
            {"continuing_subword_prefix", "##"},
            {"max_input_chars_per_word", 100},
            {"vocab", vocabulary}}}};
}

json clip_json() {
  json out = bpe_json("clip", false);
  const int end = out["model"]["vocab"]["<|endoftext|>"];
  out["added_tokens"] = {added("<|startoftext|>", end - 1), added("<|endoftext|>", end)};
  out["normalizer"] = {{"type", "Sequence"},
                       {"normalizers",
                        {{{"type", "NFC"}},
                         {{"type", "Replace"}, {"pattern", {{"Regex", "\\s+"}}}, {"content", " "}},
                         {{"type", "Lowercase"}}}}};
  const json split{{"type", "Split"},
                   {"pattern", {{"Regex", R"('s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)"}}},
                   {"behavior", "Removed"},
                   {"invert", true}};
  out["pre_tokenizer"] = {{"type", "Sequence"},
                          {"pretokenizers", {split, {{"type", "ByteLevel"}, {"add_prefix_space", false}}}}};
  out["post_processor"] = {{"type", "RobertaProcessing"},
                           {"sep", {"<|endoftext|>", end}},
                           {"cls", {"<|startoftext|>", end - 1}},
                           {"trim_offsets", false},
                           {"add_prefix_space", false}};
  out["model"]["unk_token"] = "<|endoftext|>";
  out["model"]["end_of_word_suffix"] = "</w>";
  return out;
}

size_t check_json(const std::string& name, const json& tokenizer) {
  const TempFolder folder;
  folder.write("tokenizer.json", tokenizer.dump());
  return check_cases(load_tokenizer(folder.path()), golden(name) / "cases.json");
}

}  // namespace

TEST_CASE("Tokenizers of the older files give the reference's ids and texts") {
  for (const char* const name : {"gpt2", "roberta", "bert", "clip"}) {
    CAPTURE(name);
    CHECK(check_cases(load_tokenizer(golden(name)), golden(name) / "cases.json") >= 60);
  }
}

TEST_CASE("tokenizer.json gives what the older files give") {
  json gpt2 = bpe_json("gpt2", false);
  gpt2["added_tokens"] = {added("<|endoftext|>", gpt2["model"]["vocab"]["<|endoftext|>"])};
  CHECK(check_json("gpt2", gpt2) >= 60);
  json roberta = bpe_json("roberta", true);
  roberta["added_tokens"] = {added("<s>", 0), added("<pad>", 1), added("</s>", 2), added("<unk>", 3),
                             added("<mask>", roberta["model"]["vocab"]["<mask>"], true)};
  roberta["post_processor"] = {{"type", "RobertaProcessing"}, {"sep", {"</s>", 2}}, {"cls", {"<s>", 0}}};
  CHECK(check_json("roberta", roberta) >= 60);
  CHECK(check_json("bert", bert_json()) >= 60);
  CHECK(check_json("clip", clip_json()) >= 60);
}

TEST_CASE("GPT-2's pattern written out is ByteLevel's own") {
  json gpt2 = bpe_json("gpt2", false);
  gpt2["added_tokens"] = {added("<|endoftext|>", gpt2["model"]["vocab"]["<|endoftext|>"])};
  const json split{
      {"type", "Split"},
      {"pattern",
       {{"Regex", R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"}}},
      {"behavior", "Isolated"},
      {"invert", false}};
  gpt2["pre_tokenizer"] = {
      {"type", "Sequence"},
      {"pretokenizers", {split, {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}}}};
  CHECK(check_json("gpt2", gpt2) >= 60);
}

TEST_CASE("Without special tokens a text's ids are those between them") {
  const auto bert = load_tokenizer(golden("bert"));
  CHECK(bert.encode("a red house", {.special = false}) == fovea::test::Ids{32, 118, 154});
  CHECK(bert.encode("", {.special = false}).empty());
  CHECK(bert.encode("a [MASK]", {.special = false}) == fovea::test::Ids{32, 4});
  const auto gpt2 = load_tokenizer(golden("gpt2"));
  CHECK(gpt2.encode("a red house") == gpt2.encode("a red house", {.special = false}));
}

TEST_CASE("A text is cut where no more ids are wanted, and special tokens stay") {
  const auto bert = load_tokenizer(golden("bert"));
  CHECK(bert.encode("a red house", {.most = 4}) == fovea::test::Ids{2, 32, 118, 3});
  CHECK(bert.encode("a red house", {.most = 2}) == fovea::test::Ids{2, 3});
  CHECK(bert.encode("a red house", {.most = 5}) == bert.encode("a red house"));
  CHECK(bert.encode("a red house", {.special = false, .most = 2}) == fovea::test::Ids{32, 118});
  CHECK(bert.encode("a red house", {.special = false, .most = 0}).empty());
  fovea::test::check_error(fovea::ErrorKind::usage, {"[tokenize]", "at most 1 ", "2 stand around"},
                           [&] { bert.encode("a", {.most = 1}); });
}

TEST_CASE("Where no class is said the vocabulary shows it") {
  for (const char* const name : {"gpt2", "roberta", "bert", "clip"}) {
    const TempFolder folder;
    for (const auto& entry : std::filesystem::directory_iterator(golden(name)))
      if (entry.path().filename() != "tokenizer_config.json" && entry.path().filename() != "cases.json")
        std::filesystem::copy(entry.path(), folder.path());
    CAPTURE(name);
    CHECK(check_cases(load_tokenizer(folder.path()), golden(name) / "cases.json") >= 60);
  }
}

#if FOVEA_SENTENCEPIECE
TEST_CASE("A SentencePiece model gives the reference's ids and texts") {
  CHECK(check_cases(load_tokenizer(golden("siglip")), golden("siglip") / "cases.json") == 60);
}
#else
TEST_CASE("Without libsentencepiece its models are refused with what to install") {
  fovea::test::check_error(fovea::ErrorKind::file,
                           {"[tokenizer]", "spiece.model", "install libsentencepiece-dev"},
                           [] { load_tokenizer(golden("siglip")); });
}
#endif
