// Classes of transformers that say by their code what the older files leave open.
#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

namespace fovea::text {

enum class Kind { gpt2, roberta, clip, bert, xlm_roberta, siglip };

// Throws Error(file) for a class that Fovea does not have.
Kind kind_of_class(std::string name, const std::string& file);

// In the order in which transformers gives new ones their ids.
inline constexpr std::array<const char*, 7> roles{"bos_token", "eos_token", "unk_token", "sep_token",
                                                  "pad_token", "cls_token", "mask_token"};

// The special tokens of a class where no file names them, by role.
std::vector<std::pair<std::string, std::string>> usual_tokens(Kind kind);

}  // namespace fovea::text
