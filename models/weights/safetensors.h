// The safetensors file format: 8 bytes of header length, a JSON header, tensor data.
// https://github.com/huggingface/safetensors#format
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fovea::io {

enum class DType { f64, f32, f16, bf16, i64, i32, i16, i8, u8, boolean };
const char* to_string(DType dtype);  // as the file spells it: "F32"
size_t item_bytes(DType dtype);

struct TensorEntry {
  std::string name;
  DType dtype = DType::f32;
  std::vector<uint64_t> shape;       // row-major, outermost first; empty for a scalar
  std::span<const std::byte> bytes;  // little-endian, not necessarily aligned; lives as long as the file

  uint64_t elements() const;  // cannot overflow: checked when the file was read
};

// A validated file: every entry's bytes lie inside it and fit its shape, entries do not overlap, and the data
// holds nothing else. Every violation is an Error(file) that names the file and the tensor.
class Safetensors {
 public:
  static Safetensors open(const std::filesystem::path& path);                    // maps the file
  static Safetensors parse(std::span<const std::byte> bytes, std::string name);  // borrows the bytes
  // The tensors of several files as those of one. A name that two files have is an Error(file).
  static Safetensors join(std::vector<Safetensors> files, std::string name);

  Safetensors(Safetensors&&) noexcept;
  Safetensors& operator=(Safetensors&&) noexcept;
  Safetensors(const Safetensors&) = delete;
  Safetensors& operator=(const Safetensors&) = delete;
  ~Safetensors();

  const TensorEntry* find(std::string_view name) const;  // nullptr when the file has none of that name
  const std::vector<TensorEntry>& tensors() const { return tensors_; }  // ordered by name
  const std::string& file() const { return file_; }

 private:
  class Mapping;
  explicit Safetensors(std::string file);
  void read(std::span<const std::byte> bytes);

  std::string file_;
  std::vector<std::unique_ptr<Mapping>> mappings_;
  std::vector<TensorEntry> tensors_;
};

// Values converted to float: exact for f16, bf16, i16, i8, u8 and bool, rounded to nearest otherwise.
std::vector<float> to_float(const TensorEntry& tensor);
// The same for tensors of integers; empty for others.
std::vector<int64_t> to_integers(const TensorEntry& tensor);
bool is_integer(DType dtype);

// Float32, or int64 where it has no floats.
struct OutputTensor {
  std::string name;
  std::vector<uint64_t> shape;
  std::vector<float> values;
  std::vector<int64_t> integers{};

  bool is_integer() const { return !integers.empty(); }
};

// The file appears complete or not at all: it is written beside its final name and
// renamed. Throws Error(file) when it cannot be written, Error(usage) for values that do not fill their
// shape.
void write_safetensors(const std::filesystem::path& path, std::span<const OutputTensor> tensors);

}  // namespace fovea::io
