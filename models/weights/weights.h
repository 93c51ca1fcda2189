// The scoped view that layers read their weights from, always under timm's parameter names.
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/weights/naming.h"
#include "models/weights/safetensors.h"

namespace fovea::io {

class WeightFile;

// A path inside a weight file: `w / "blocks" / i / "attn"`. Cheap to copy; valid while its WeightFile stays
// put.
class Weights {
 public:
  Weights operator/(std::string_view name) const { return {file_, path(name)}; }
  Weights operator/(size_t index) const { return *this / std::string_view(std::to_string(index)); }

  std::string path(std::string_view name) const;        // "blocks.3.attn.qkv.weight"
  const std::string& scope() const { return prefix_; }  // "blocks.3.attn.qkv"
  bool has(std::string_view name) const;
  std::vector<std::string> names() const;  // of all tensors of the file, as the file has them
  // Of all tensors of the file, with what lies between them, where elements are stored in so many bytes.
  uint64_t stored_bytes(uint64_t element_bytes, uint64_t alignment) const;
  // Throws Error(model) when it is missing.
  std::vector<uint64_t> shape(std::string_view name) const;
  // The tensor as floats. Throws Error(model) when it is missing or of another shape, Error(file) when it
  // holds values that are not finite.
  std::vector<float> take(std::string_view name, std::span<const uint64_t> expected_shape) const;
  std::vector<float> take(std::string_view name, std::initializer_list<uint64_t> expected_shape) const {
    return take(name, std::span<const uint64_t>(expected_shape.begin(), expected_shape.size()));
  }
  // Nobody needs this tensor, and it may be there all the same.
  void ignore(std::string_view name) const;

 private:
  friend class WeightFile;
  Weights(WeightFile* file, std::string prefix) : file_(file), prefix_(std::move(prefix)) {}

  WeightFile* file_;
  std::string prefix_;
};

class WeightFile {
 public:
  // Opens model.safetensors, else the shards that its index lists. Throws Error(file) when the folder has
  // neither or they are malformed.
  // names: nullptr where the file has timm's own.
  static WeightFile open(const std::filesystem::path& folder, const NameTable* names);
  WeightFile(Safetensors tensors, const NameTable* names);

  Weights root() { return {this, ""}; }
  const Safetensors& tensors() const { return tensors_; }

  // `name` is timm's, or one that only this file knows.
  void ignore(std::string_view name);
  // Throws Error(model) listing the tensors that nobody took or ignored.
  void check_all_used() const;
  uint64_t parameters() const;  // elements of the tensors taken

 private:
  friend class Weights;
  // The first alternative whose parts are all there; empty where there is none.
  std::vector<const TensorEntry*> find(std::string_view timm_name) const;
  std::vector<const TensorEntry*> demand(std::string_view timm_name) const;
  std::vector<uint64_t> joined_shape(std::span<const TensorEntry* const> parts) const;

  Safetensors tensors_;
  Dialect dialect_;
  std::set<std::string, std::less<>> taken_;    // names in the file
  std::set<std::string, std::less<>> ignored_;  // names in the file
};

}  // namespace fovea::io
