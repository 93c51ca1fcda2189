#include "models/text/classes.h"

#include <fmt/format.h>

#include <string_view>

#include "models/text/files.h"

namespace fovea::text {

namespace {

struct Class {
  std::string_view name;  // without Fast
  Kind kind;
};
constexpr Class classes[] = {{"GPT2Tokenizer", Kind::gpt2},
                             {"RobertaTokenizer", Kind::roberta},
                             {"BartTokenizer", Kind::roberta},
                             {"CLIPTokenizer", Kind::clip},
                             {"BertTokenizer", Kind::bert},
                             {"DistilBertTokenizer", Kind::bert},
                             {"XLMRobertaTokenizer", Kind::xlm_roberta},
                             {"SiglipTokenizer", Kind::siglip}};

}  // namespace

Kind kind_of_class(std::string name, const std::string& file) {
  if (name.ends_with("Fast")) name.resize(name.size() - 4);
  std::string known;
  for (const Class& entry : classes) {
    if (entry.name == name) return entry.kind;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", entry.name);
  }
  refuse_kind(file, "\"tokenizer_class\"", name, known);
}

std::vector<std::pair<std::string, std::string>> usual_tokens(Kind kind) {
  switch (kind) {
    case Kind::gpt2:
      return {{"bos_token", "<|endoftext|>"}, {"eos_token", "<|endoftext|>"}, {"unk_token", "<|endoftext|>"}};
    case Kind::clip:
      return {{"bos_token", "<|startoftext|>"},
              {"eos_token", "<|endoftext|>"},
              {"unk_token", "<|endoftext|>"},
              {"pad_token", "<|endoftext|>"}};
    case Kind::bert:
      return {{"unk_token", "[UNK]"},
              {"sep_token", "[SEP]"},
              {"pad_token", "[PAD]"},
              {"cls_token", "[CLS]"},
              {"mask_token", "[MASK]"}};
    case Kind::siglip:
      return {{"eos_token", "</s>"}, {"unk_token", "<unk>"}, {"pad_token", "</s>"}};
    case Kind::roberta:
    case Kind::xlm_roberta:
      break;
  }
  return {{"bos_token", "<s>"},   {"eos_token", "</s>"}, {"unk_token", "<unk>"},  {"sep_token", "</s>"},
          {"pad_token", "<pad>"}, {"cls_token", "<s>"},  {"mask_token", "<mask>"}};
}

}  // namespace fovea::text
