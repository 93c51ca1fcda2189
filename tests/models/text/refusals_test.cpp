// Files that are no tokenizer: one line each that names the file, what is wrong and what to do.
#include "tests/models/text/small.h"

using fovea::ErrorKind;
using fovea::test::bert_files;
using fovea::test::check_error;
using fovea::test::Files;
using fovea::test::gpt2_files;
using fovea::test::load_files;
using fovea::test::with;

namespace {

void refused(const Files& files, std::initializer_list<std::string_view> fragments) {
  check_error(ErrorKind::file, {"[tokenizer]"}, [&] { load_files(files); });
  check_error(ErrorKind::file, fragments, [&] { load_files(files); });
}

// A tokenizer.json that loads, with one part of it replaced.
Files json_with(const std::string& part, const std::string& by) {
  std::string text = R"({
    "added_tokens": [{"id": 4, "content": "<x>"}],
    "normalizer": null,
    "pre_tokenizer": {"type": "WhitespaceSplit"},
    "post_processor": null,
    "decoder": null,
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "<u>": 3}, "merges": ["a b"], "unk_token": "<u>"}})";
  const size_t at = text.find(part);
  REQUIRE(at != std::string::npos);
  return {{"tokenizer.json", text.replace(at, part.size(), by)}};
}

}  // namespace

TEST_CASE("Missing files of a tokenizer are named") {
  refused({}, {"no file of a tokenizer", "fetch tokenizer.json"});
  refused({{"tokenizer_config.json", "{}"}}, {"tokenizer_config.json", "no \"tokenizer_class\"", "fetch"});
  refused(with(gpt2_files(), "vocab.json", nullptr), {"vocab.json", "is missing", "fetch"});
  refused(with(gpt2_files(), "merges.txt", nullptr), {"merges.txt", "is missing", "fetch"});
  refused({{"tokenizer_config.json", R"({"tokenizer_class": "BertTokenizer"})"}},
          {"vocab.txt", "is missing"});
  refused({{"tokenizer_config.json", R"({"tokenizer_class": "XLMRobertaTokenizer"})"}},
          {"sentencepiece.bpe.model", "is missing"});
  refused({{"tokenizer_config.json", R"({"tokenizer_class": "T5Tokenizer"})"}},
          {"tokenizer_config.json", "T5Tokenizer", "GPT2Tokenizer", "docs/text.md"});
}

TEST_CASE("Tokenizer files that were cut are refused") {
  refused(with(gpt2_files(), "vocab.json", R"({"a": 0, "b)"), {"vocab.json", "not valid JSON at byte 12"});
  refused(with(gpt2_files(), "vocab.json", ""), {"vocab.json", "not valid JSON"});
  refused(with(gpt2_files(), "merges.txt", "#version: 0.2\nb c\na"),
          {"merges.txt", "line 3", "\"a\"", "two tokens"});
  refused(with(gpt2_files(), "merges.txt", "b c\n"),
          {"merges.txt", "1 merges", "all but 4", "as if it were cut"});
  refused(with(gpt2_files(), "merges.txt", ""), {"merges.txt", "as if it were cut"});
  refused(with(bert_files(), "vocab.txt", ""), {"vocab.txt", "no token"});
  refused(with(bert_files(), "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SE"), {"vocab.txt", "sep_token"});
  refused(with(bert_files(), "vocab.txt", "[PAD]\n[CLS]\n[SEP]\n"),
          {"vocab.txt", "the unknown token is \"[UNK]\""});
}

TEST_CASE("Ids that do not count the tokens are refused") {
  refused(with(gpt2_files(), "vocab.json", R"({"a": 0, "b": 0})"),
          {"vocab.json", "id 0 belongs to two tokens, \"a\" and \"b\""});
  refused(with(gpt2_files(), "vocab.json", R"({"a": 0, "b": 1, "a": 2})"),
          {"vocab.json", "\"a\" appears twice"});
  refused(with(gpt2_files(), "vocab.json", R"({"a": 0, "<u>": 1, "b": 7})"),
          {"vocab.json", "\"b\" has the id 7, beyond the 3 tokens", "no token has the id 2"});
  refused(with(gpt2_files(), "vocab.json", R"({"a": 0, "<u>": 1, "b": 2147483646})"),
          {"vocab.json", "2147483646"});
  refused(with(gpt2_files(), "vocab.json", R"({"a": 0, "b": 4294967296})"), {"vocab.json", "4294967296"});
  refused(with(gpt2_files(), "vocab.json", R"({"a": -1})"), {"vocab.json", "-1"});
  refused(with(gpt2_files(), "vocab.json", R"({"a": 0.5})"), {"vocab.json", "0.5"});
  refused(with(gpt2_files(), "vocab.json", R"({"a": "0"})"), {"vocab.json", "\"0\""});
  refused(with(gpt2_files(), "vocab.json", "[1]"), {"vocab.json", "not a JSON object"});
  refused(with(bert_files(), "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\na\n"),
          {"vocab.txt", "\"a\" has two ids, 4 and 5"});
  refused(with(bert_files(), "vocab.txt", "[PAD]\n\n[UNK]\n"), {"vocab.txt", "line 2 is empty"});
  refused(with(bert_files(), "added_tokens.json", R"({"un": 13})"),
          {"added_tokens.json", "\"un\" has two ids, 5 and 13"});
  refused(with(bert_files(), "added_tokens.json", R"({"new": 5})"),
          {"added_tokens.json", "id 5 belongs to two tokens"});
  refused(with(bert_files(), "added_tokens.json", R"({"new": 99})"),
          {"added_tokens.json", "\"new\" has the id 99, beyond the 14"});
  refused(bert_files(R"({"added_tokens_decoder": {"99": {"content": "new"}}})"),
          {"tokenizer_config.json", "99"});
  refused(bert_files(R"({"added_tokens_decoder": {"x": {"content": "new"}}})"),
          {"tokenizer_config.json", "\"x\""});
}

TEST_CASE("Merges that name nothing are refused") {
  refused(with(gpt2_files(), "merges.txt", "#version: 0.2\na b\nx a\n"),
          {"merges.txt", "merge 3, \"x a\", names \"x\""});
  refused(with(gpt2_files(), "merges.txt", "a x\n"), {"merges.txt", "merge 1", "names \"x\""});
  refused(with(gpt2_files(), "merges.txt", "c d\n"), {"merges.txt", "names \"cd\"", "fetch both again"});
  refused(with(gpt2_files(), "merges.txt", "a b c\n"), {"merges.txt", "line 1", "\"a b c\""});
  refused(with(gpt2_files(), "merges.txt", "a \xff\n"), {"merges.txt", "not UTF-8 at byte 2"});
  refused(json_with("\"a b\"", "\"a c\""), {"tokenizer.json", "merge 1", "names \"c\""});
  refused(json_with("\"a b\"", "[\"a\"]"), {"tokenizer.json", "merge 1", "two tokens are wanted"});
  refused(json_with("\"a b\"", "7"), {"tokenizer.json", "merge 1 is 7"});
}

TEST_CASE("Fields of another type are refused with their value") {
  refused(bert_files(R"({"do_lower_case": "yes"})"), {"tokenizer_config.json", "do_lower_case", "\"yes\""});
  refused(bert_files(R"({"tokenizer_class": 3})"), {"tokenizer_config.json", "tokenizer_class", "3"});
  refused(bert_files(R"({"cls_token": 3})"), {"cls_token", "3"});
  refused(bert_files(R"({"cls_token": ""})"), {"cls_token"});
  refused(bert_files(R"({"cls_token": {"content": "[CLS]", "lstrip": 1}})"), {"lstrip", "1"});
  refused(bert_files("{\"bos_token\": \"" + std::string(600, 'x') + "\"}"), {"600 bytes"});
  refused(with(bert_files(), "vocab.txt", "[PAD]\n\xff\n"), {"vocab.txt", "not UTF-8 at byte 6"});
}

TEST_CASE("Steps of tokenizer.json that Fovea does not have are refused, since ids would be others") {
  CHECK(load_files(json_with("null", "null")).encode("ab b<x>") == fovea::test::Ids{2, 1, 4});
  refused(json_with("\"normalizer\": null", R"("normalizer": {"type": "Precompiled"})"),
          {"a normalizer", "Precompiled", "NFC"});
  refused(json_with("\"normalizer\": null",
                    R"("normalizer": {"type": "Replace", "pattern": {"String": "a"}, "content": "b"})"),
          {"a normalizer", "Replace"});
  refused(json_with("WhitespaceSplit", "Metaspace"), {"a pre-tokenizer", "Metaspace", "ByteLevel"});
  refused(
      json_with(R"("type": "WhitespaceSplit")",
                R"("type": "Split", "pattern": {"Regex": "\\d"}, "behavior": "Isolated", "invert": false)"),
      {"a pre-tokenizer", "\\\\d"});
  refused(json_with("\"post_processor\": null", R"("post_processor": {"type": "Other"})"),
          {"a post-processor", "Other"});
  refused(json_with("\"post_processor\": null",
                    R"("post_processor": {"type": "TemplateProcessing", "single": []})"),
          {"leaves the text out"});
  refused(json_with("\"post_processor\": null",
                    R"("post_processor": {"type": "BertProcessing", "cls": ["<u>", 9], "sep": ["<u>", 3]})"),
          {"\"cls\"", "9", "the vocabulary has the id 3"});
  refused(json_with("\"decoder\": null", R"("decoder": {"type": "CTC"})"), {"the decoder", "CTC"});
  refused(json_with("\"BPE\"", "\"WordLevel\""), {"the model", "WordLevel", "BPE and WordPiece"});
  refused(json_with("\"BPE\"", "\"Unigram\""), {"Unigram", "put spiece.model"});
  refused(json_with("\"unk_token\"", "\"byte_fallback\": true, \"unk_token\""), {"byte_fallback"});
  refused(json_with("\"unk_token\"", "\"dropout\": 0.1, \"unk_token\""), {"\"dropout\" is 0.1"});
  refused(json_with("\"<u>\"}", "\"<v>\"}"), {"the unknown token is \"<v>\""});
  refused(json_with("\"id\": 4", "\"id\": 5"), {"\"<x>\" has the id 5, beyond the 5"});
  refused(json_with("\"id\": 4", "\"id\": 3"), {"id 3 belongs to two tokens"});
  refused(json_with("\"id\": 4, ", ""), {"the id of the added token \"<x>\" is null"});
  refused(json_with("\"model\": {", "\"other\": {"), {"the model is null"});
  refused({{"tokenizer.json", "[]"}}, {"tokenizer.json", "not a JSON object"});
}

TEST_CASE("A SentencePiece file that is none is refused") {
  refused({{"tokenizer_config.json", R"({"tokenizer_class": "XLMRobertaTokenizer"})"},
           {"sentencepiece.bpe.model", "no model"}},
          {"sentencepiece.bpe.model"});
}
