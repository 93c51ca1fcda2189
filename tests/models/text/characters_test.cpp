// The tokenizer of a model that says itself which characters it writes.
#include "tests/models/text/small.h"

using fovea::ErrorKind;
using fovea::test::check_error;
using fovea::test::Files;
using fovea::test::Ids;
using fovea::test::load_files;

namespace {

Files reader(const std::string& more) {
  return {{"config.json", R"({"system": "fovea_reader", )" + more + "}"}};
}

}  // namespace

TEST_CASE("A reader's characters are its tokens, behind start, end and pad") {
  const auto tokenizer = load_files(reader(R"("vocab_size": 9, "characters": "aA é€😀")"));
  CHECK(tokenizer.vocabulary() == 9);
  CHECK(tokenizer.token(0) == "<pad>");
  CHECK(tokenizer.token(1) == "<start>");
  CHECK(tokenizer.token(2) == "<end>");
  CHECK(tokenizer.token(6) == "é");
  CHECK(tokenizer.id("€") == 7);
  CHECK(tokenizer.encode("A é😀 a") == Ids{1, 4, 5, 6, 8, 5, 3, 2});
  CHECK(tokenizer.encode("Aa", {.special = false}) == Ids{4, 3});
  CHECK(tokenizer.encode("AaAa", {.most = 4}) == Ids{1, 4, 3, 2});
  CHECK(tokenizer.encode("", {.special = false}).empty());
  CHECK(tokenizer.decode(Ids{1, 4, 5, 6, 8, 5, 3, 2, 0, 0}) == "A é😀 a");
  CHECK(tokenizer.decode(Ids{5, 3}) == " a");
  CHECK(tokenizer.decode(Ids{1, 7}, {.skip_special = false}) == "<start>€");
  check_error(ErrorKind::usage, {"\"b\"", "none of the characters"}, [&] { tokenizer.encode("ab"); });
  check_error(ErrorKind::usage, {"id 9", "9 tokens"}, [&] { tokenizer.decode(Ids{9}); });
}

TEST_CASE("A reader's own ids are as its configuration says") {
  const auto tokenizer =
      load_files(reader(R"("vocab_size": 4, "characters": "x", "start_id": 0, "end_id": 1, "pad_id": 2)"));
  CHECK(tokenizer.encode("x") == Ids{0, 3, 1});
  CHECK(tokenizer.token(2) == "<pad>");
}

TEST_CASE("Characters that are none, and other files, are refused or go first") {
  const auto refused = [](const std::string& more, const char* text) {
    check_error(ErrorKind::file, {"config.json", text}, [&] { load_files(reader(more)); });
  };
  refused(R"("characters": "ab")", "has no vocab_size");
  refused(R"("vocab_size": 5, "characters": ["a", "b"])", "characters is [\"a\",\"b\"], not a text");
  refused(R"("vocab_size": 6, "characters": "ab")", "characters has 2, a vocab_size of 6 leaves 3");
  refused(R"("vocab_size": 5, "characters": "aa")", "characters has \"a\" twice");
  refused(R"("vocab_size": 5, "characters": "ab", "end_id": 1)", "must differ");
  check_error(ErrorKind::file, {"no file of a tokenizer"}, [] {
    load_files({{"config.json", R"({"model_type": "vit", "characters": "ab"})"}});
  });
  check_error(ErrorKind::file, {"no file of a tokenizer"}, [] { load_files(reader(R"("vocab_size": 5)")); });
  Files both = reader(R"("vocab_size": 5, "characters": "ab")");
  const Files bert = fovea::test::bert_files(R"({"tokenizer_class": "BertTokenizer"})");
  both.insert(both.end(), bert.begin(), bert.end());
  CHECK(load_files(both).token(0) == "[PAD]");
}
