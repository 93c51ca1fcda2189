// Where a parameter with a timm name lives in a file that names it otherwise.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "models/config/config.h"
#include "models/weights/safetensors.h"

namespace fovea::io {

// How one file spells names.
struct Dialect {
  Naming naming = Naming::timm;
  std::string prefix;      // transformers: "vit.", "deit." or, for a file of the bare encoder, ""
  bool two_heads = false;  // transformers: DeiT with teacher, cls_classifier and distillation_classifier
};
Dialect detect_dialect(const Safetensors& file, Naming naming);

// Tensors in the file whose rows, concatenated, are the timm tensor. Empty when the dialect has no such
// tensor.
struct SourceTensor {
  std::vector<std::string> parts;
};
SourceTensor source_of(std::string_view timm_name, const Dialect& dialect);

}  // namespace fovea::io
