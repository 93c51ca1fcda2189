// Where a parameter with a timm name lives in a file that names it otherwise.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/weights/safetensors.h"

namespace fovea::io {

// A parameter, or a module (all before ".weight" or ".bias"), under timm's name and under that of a file. '*'
// stands for numbers, the same ones in the same order on both sides; "a.{q,k}" for the rows of a.q followed
// by those of a.k.
struct Renaming {
  std::string_view timm, file;
};

// How a family's files in transformers' naming spell timm's names. Rows that rename the same module are
// alternatives; that one holds whose tensors the file has.
struct NameTable {
  std::span<const std::string_view> prefixes;  // before names in a file with a head, as "vit."
  std::span<const Renaming> rows;
};

// A table for one file.
class Dialect {
 public:
  Dialect() = default;  // timm's own names
  Dialect(const Safetensors& file, const NameTable& names);

  // For each alternative the tensors whose rows, one behind the other, are the timm tensor.
  std::vector<std::vector<std::string>> sources_of(std::string_view timm_name) const;
  const std::string& prefix() const { return prefix_; }

 private:
  const NameTable* names_ = nullptr;
  std::string prefix_;  // "" for a file of the bare encoder
};

}  // namespace fovea::io
