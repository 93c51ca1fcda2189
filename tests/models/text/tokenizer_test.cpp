// What tokenizers do, on vocabularies small enough to follow by hand.
#include "fovea/tokenizer.h"

#include <chrono>
#include <cstring>

#include "tests/models/text/small.h"

using namespace std::string_literals;
using fovea::ErrorKind;
using fovea::Tokenizer;
using fovea::test::bert_files;
using fovea::test::check_error;
using fovea::test::gpt2_files;
using fovea::test::Ids;
using fovea::test::load_files;
using fovea::test::with;

namespace {

std::string repeated(std::string_view text, size_t bytes) {
  std::string out;
  while (out.size() < bytes) out += text;
  return out;
}

}  // namespace

TEST_CASE("Merges that were learned first are applied first, and from left to right") {
  const Tokenizer tokenizer = load_files(gpt2_files());
  CHECK(tokenizer.encode("abc") == Ids{0, 5});   // a + bc, not ab + c
  CHECK(tokenizer.encode("abd") == Ids{6, 3});   // ab + d
  CHECK(tokenizer.encode(" abc") == Ids{7, 5});  // the space belongs to the word
  CHECK(tokenizer.encode("aaaaaaa") == Ids{11, 10, 0});
  CHECK(tokenizer.encode("a a\na") == Ids{0, 7, 9, 0});
}

TEST_CASE("What the vocabulary lacks is the unknown token, byte by byte") {
  CHECK(load_files(gpt2_files()).encode("axb") == Ids{0, 8, 1});
  CHECK(load_files(gpt2_files()).encode("aéb") == Ids{0, 8, 8, 1});
  const auto none = with(gpt2_files(), "tokenizer_config.json", R"({"tokenizer_class": "GPT2Tokenizer"})");
  check_error(ErrorKind::usage, {"[tokenize]", "no token for \"x\""},
              [&] { load_files(none).encode("axb"); });
  CHECK(load_files(bert_files()).encode("unx una") == Ids{2, 1, 5, 6, 3});
}

TEST_CASE("WordPiece takes the longest token, and no word of more than a hundred characters") {
  const Tokenizer tokenizer = load_files(bert_files());
  CHECK(tokenizer.encode("unable!") == Ids{2, 5, 7, 12, 11, 3});
  CHECK(tokenizer.encode("unabl!") == Ids{2, 1, 11, 3});  // un ##ab, and no ##l
  CHECK(tokenizer.encode("unabale") == Ids{2, 5, 7, 6, 12, 3});
  CHECK(tokenizer.encode("un" + std::string(98, 'a')).size() == 101);
  CHECK(tokenizer.encode("un" + std::string(99, 'a')) == Ids{2, 1, 3});
}

TEST_CASE("BERT's accents go with its capitals, or by themselves") {
  CHECK(load_files(bert_files()).encode("É") == Ids{2, 10, 3});
  CHECK(load_files(bert_files(R"({"do_lower_case": false})")).encode("É e\u0301") == Ids{2, 8, 1, 3});
  CHECK(load_files(bert_files(R"({"do_lower_case": false, "strip_accents": true})")).encode("É") ==
        Ids{2, 9, 3});
  CHECK(load_files(bert_files(R"({"strip_accents": false})")).encode("É") == Ids{2, 1, 3});
}

TEST_CASE("Empty text has special tokens alone, and no ids are no text") {
  CHECK(load_files(gpt2_files()).encode("").empty());
  CHECK(load_files(bert_files()).encode("") == Ids{2, 3});
  CHECK(load_files(bert_files()).encode(" \t\n") == Ids{2, 3});
  CHECK(load_files(gpt2_files()).decode({}).empty());
  CHECK(load_files(bert_files()).decode(Ids{2, 3}).empty());
  const auto prefix =
      with(gpt2_files(), "tokenizer_config.json",
           R"({"tokenizer_class": "GPT2TokenizerFast", "add_prefix_space": true, "unk_token": "<u>"})");
  CHECK(load_files(prefix).encode("").empty());
  CHECK(load_files(prefix).encode("ab") == Ids{4, 6});
  CHECK(load_files(prefix).encode(" ab") == Ids{4, 6});
}

TEST_CASE("Any text of Unicode comes back from bytes") {
  const Tokenizer tokenizer = fovea::load_tokenizer(FOVEA_SOURCE_DIR "/tests/models/text/golden/gpt2");
  for (const std::string& text :
       {"\0"s, "a\0b"s, "\u0085\u00a0"s, "\ufeffBOM"s, "\U0010ffff\ue000\uffff"s, "e\u0301\u0301\u0301"s,
        "\r\n\r\n  \t"s, "\u202eright to left"s, "\U0001d54f\u2028\u2029"s}) {
    CHECK(tokenizer.decode(tokenizer.encode(text)) == text);
  }
}

TEST_CASE("Text that is not UTF-8 is refused with the place") {
  const Tokenizer tokenizer = load_files(bert_files());
  for (const std::string& tail :
       {"\xff"s, "\xc0\x80"s, "\xe0\x9f\xbf"s, "\xed\xa0\x80"s, "\xf4\x90\x80\x80"s, "\xe4\xbd"s, "\x80"s}) {
    check_error(ErrorKind::usage, {"[tokenize]", "not UTF-8", "byte 3 "},
                [&] { tokenizer.encode("éa" + tail); });
  }
}

TEST_CASE("Bytes that are no text become U+FFFD, one for each that could have begun a character") {
  const Tokenizer tokenizer = fovea::load_tokenizer(FOVEA_SOURCE_DIR "/tests/models/text/golden/gpt2");
  const Ids cat = tokenizer.encode("猫");
  REQUIRE(cat.size() == 3);
  CHECK(tokenizer.decode(Ids{cat[0], cat[1]}) == "\ufffd");
  CHECK(tokenizer.decode(Ids{cat[1], cat[2]}) == "\ufffd\ufffd");
  CHECK(tokenizer.decode(Ids{cat[0], cat[0], cat[1], cat[2]}) == "\ufffd猫");
}

TEST_CASE("Ids beyond the vocabulary are refused") {
  const Tokenizer tokenizer = load_files(gpt2_files());
  CHECK(tokenizer.vocabulary() == 12);
  CHECK(tokenizer.token(11) == "aaaa");
  CHECK(tokenizer.id("aaaa") == 11);
  CHECK_FALSE(tokenizer.id("nothing").has_value());
  for (const int32_t id : {12, -1, INT32_MAX, INT32_MIN}) {
    const std::string what = "id " + std::to_string(id) + " is beyond the vocabulary of 12";
    check_error(ErrorKind::usage, {"[decode]", what}, [&] { tokenizer.decode(Ids{0, id}); });
    check_error(ErrorKind::usage, {what}, [&] { (void)tokenizer.token(id); });
  }
}

TEST_CASE("Added tokens take white space along, want a word of their own, and the longest counts") {
  const auto tokenizer = load_files(with(gpt2_files(), "tokenizer_config.json", R"({
    "tokenizer_class": "GPT2Tokenizer", "unk_token": "<u>", "added_tokens_decoder": {
      "8": {"content": "<u>", "special": true},
      "12": {"content": "<l>", "lstrip": true, "special": true}, "13": {"content": "<r>", "rstrip": true},
      "14": {"content": "word", "single_word": true}, "15": {"content": "<l><l>"}}})"));
  CHECK(tokenizer.vocabulary() == 16);
  CHECK(tokenizer.encode("a \n<l> a") == Ids{0, 12, 7});
  CHECK(tokenizer.encode("a<r> \n\u2003a") == Ids{0, 13, 0});
  CHECK(tokenizer.encode("<r>  <l>") == Ids{13, 12});
  CHECK(tokenizer.encode("<l><l><l>") == Ids{15, 12});
  CHECK(tokenizer.encode("word") == Ids{14});
  CHECK(tokenizer.encode("a word") == Ids{0, 4, 14});
  CHECK(tokenizer.encode("words") == Ids{8, 8, 8, 3, 8});
  CHECK(tokenizer.encode("éword")[2] == 8);
  CHECK(tokenizer.decode(Ids{0, 12, 13, 1}) == "a<r>b");
  CHECK(tokenizer.decode(Ids{0, 12, 13, 1}, {.skip_special = false}) == "a<l><r>b");
}

TEST_CASE("New tokens come behind the vocabulary, wherever they are named") {
  auto files = bert_files(R"({"bos_token": "[DEC]", "additional_special_tokens": ["[ENC]"]})");
  files.emplace_back("added_tokens.json", R"({"[EXTRA]": 13})");
  const Tokenizer tokenizer = load_files(files);
  CHECK(tokenizer.vocabulary() == 16);
  CHECK(tokenizer.id("[EXTRA]") == 13);
  CHECK(tokenizer.id("[DEC]") == 14);
  CHECK(tokenizer.id("[ENC]") == 15);
  CHECK(tokenizer.encode("[DEC]un[EXTRA]") == Ids{2, 14, 5, 13, 3});
  CHECK(tokenizer.decode(Ids{14, 5, 13, 15}) == "un [EXTRA]");
}

TEST_CASE("Tokens of the normalised text are found in it, others in the text as it is") {
  const auto tokenizer = load_files(bert_files(R"({"added_tokens_decoder": {
    "13": {"content": "Raw"}, "14": {"content": "Normal", "normalized": true}}})"));
  CHECK(tokenizer.encode("Raw un NORMAL") == Ids{2, 13, 5, 14, 3});
  CHECK(tokenizer.encode("RAW") == Ids{2, 1, 3});
}

TEST_CASE(
    "Spaces in front of punctuation are taken out where it is asked for, or where the folder asks for it") {
  const Ids ids{5, 11};
  CHECK(load_files(bert_files()).decode(ids) == "un !");
  CHECK(load_files(bert_files()).decode(ids, {.clean_up = true}) == "un!");
  const auto asks = bert_files(R"({"clean_up_tokenization_spaces": true})");
  CHECK(load_files(asks).decode(ids) == "un!");
  CHECK(load_files(asks).decode(ids, {.clean_up = false}) == "un !");
}

TEST_CASE("OPT's begin of a text is added to GPT-2's") {
  const auto files = with(
      gpt2_files(), "tokenizer_config.json",
      R"({"tokenizer_class": "GPT2Tokenizer", "bos_token": "<u>", "unk_token": "<u>", "add_bos_token": true})");
  CHECK(load_files(files).encode("a") == Ids{8, 0});
}

TEST_CASE("A megabyte of text takes seconds, whatever it is of") {
  constexpr size_t megabyte = 1 << 20;
  const std::string golden = FOVEA_SOURCE_DIR "/tests/models/text/golden/";
  for (const char* const name : {"gpt2", "clip", "bert"}) {
    const Tokenizer tokenizer = fovea::load_tokenizer(golden + name);
    for (const std::string& text :
         {repeated("a", megabyte), repeated("the", megabyte), repeated(" ", megabyte),
          repeated("the old house ", megabyte), repeated("!", megabyte), repeated("\u0316\u0301", megabyte),
          repeated("a\u0301\u0316", megabyte), repeated("猫", megabyte), repeated("<|endoftext|", megabyte),
          repeated("##", megabyte)}) {
      CAPTURE(name);
      CAPTURE(text.substr(0, 12));
      const auto begin = std::chrono::steady_clock::now();
      const Ids ids = tokenizer.encode(text);
      const std::string back = tokenizer.decode(ids);
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
      if (std::string_view(name) == "gpt2") CHECK(back == text);
      CHECK(seconds.count() < 60);  // with sanitizers; where it is quadratic, hours
    }
  }
}

#if FOVEA_SENTENCEPIECE
namespace {

// Fields of a protocol buffer: number and type in a byte, then the value.
std::string field(char tag, const std::string& text) {
  return std::string{tag, static_cast<char>(text.size())} + text;
}

std::string piece(const std::string& text, float score, char type) {
  std::string bytes(sizeof(score), '\0');
  std::memcpy(bytes.data(), &score, sizeof(score));
  return field(0x0a, field(0x0a, text) + '\x15' + bytes + '\x18' + type);
}

}  // namespace

TEST_CASE("XLM-RoBERTa counts pieces from behind fairseq's four") {
  constexpr char normal = 1;
  constexpr char unknown = 2;
  constexpr char control = 3;
  const std::string unigram = field(0x12, "\x18\x01");
  const std::string model = piece("<unk>", 0, unknown) + piece("<s>", 0, control) +
                            piece("</s>", 0, control) + piece("▁", -3, normal) + piece("▁a", -1, normal) +
                            piece("b", -1, normal) + unigram + field(0x1a, "");
  const Tokenizer tokenizer =
      load_files({{"tokenizer_config.json", R"({"tokenizer_class": "XLMRobertaTokenizer"})"},
                  {"sentencepiece.bpe.model", model}});
  CHECK(tokenizer.vocabulary() == 8);
  CHECK(tokenizer.token(1) == "<pad>");
  CHECK(tokenizer.token(5) == "▁a");
  CHECK(tokenizer.id("<mask>") == 7);
  CHECK(tokenizer.encode("ab a") == Ids{0, 5, 6, 5, 2});
  CHECK(tokenizer.encode("ab", {.special = false}) == Ids{5, 6});
  CHECK(tokenizer.encode("a x") == Ids{0, 5, 4, 3, 2});
  CHECK(tokenizer.encode("a <mask>b") == Ids{0, 5, 7, 4, 6, 2});
  CHECK(tokenizer.decode(Ids{0, 5, 6, 5, 2}) == "ab a");
  CHECK(tokenizer.decode(Ids{0, 5, 3, 7}, {.skip_special = false}) == "<s> a<unk><mask>");
}
#endif
