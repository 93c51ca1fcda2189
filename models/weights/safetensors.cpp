#include "models/weights/safetensors.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <utility>

#include "core/half.h"
#include "fovea/error.h"
#include "models/config/json.h"
#include "models/config/text.h"

static_assert(std::endian::native == std::endian::little, "safetensors data is little-endian");

namespace fovea::io {

using nlohmann::json;

namespace {

constexpr uint64_t max_header_bytes = 100'000'000;  // the reference implementation's limit

struct DTypeRow {
  DType dtype;
  const char* name;
  size_t bytes;
};
constexpr std::array<DTypeRow, 10> dtype_table = {{{DType::f64, "F64", 8},
                                                   {DType::f32, "F32", 4},
                                                   {DType::f16, "F16", 2},
                                                   {DType::bf16, "BF16", 2},
                                                   {DType::i64, "I64", 8},
                                                   {DType::i32, "I32", 4},
                                                   {DType::i16, "I16", 2},
                                                   {DType::i8, "I8", 1},
                                                   {DType::u8, "U8", 1},
                                                   {DType::boolean, "BOOL", 1}}};

const DTypeRow& row_of(DType dtype) {
  return dtype_table.at(static_cast<size_t>(dtype));
}

[[noreturn]] void fail(const std::string& file, const std::string& what) {
  throw Error(ErrorKind::file, fmt::format("[safetensors] {}: {}", file, what));
}

[[noreturn]] void fail_tensor(const std::string& file, std::string_view name, const std::string& what) {
  fail(file, fmt::format("tensor {}: {}", excerpt(name), what));
}

std::string reason(int error) {
  return std::generic_category().message(error);
}

// nullopt on overflow.
std::optional<uint64_t> product(std::span<const uint64_t> factors) {
  uint64_t result = 1;
  for (const uint64_t factor : factors) {
    if (__builtin_mul_overflow(result, factor, &result)) return std::nullopt;
  }
  return result;
}

std::vector<uint64_t> read_naturals(const json& info, const char* key, const std::string& file,
                                    std::string_view name) {
  const auto found = info.find(key);
  if (found == info.end()) fail_tensor(file, name, fmt::format("{} is missing", key));
  if (!found->is_array())
    fail_tensor(file, name, fmt::format("{} is {}, not a list", key, value_text(*found)));
  std::vector<uint64_t> values;
  values.reserve(found->size());
  for (const json& value : *found) {
    if (!value.is_number_unsigned()) {
      fail_tensor(file, name, fmt::format("{} holds {}, not a whole number", key, value_text(value)));
    }
    values.push_back(value.get<uint64_t>());
  }
  return values;
}

DType read_dtype(const json& info, const std::string& file, std::string_view name) {
  const auto found = info.find("dtype");
  if (found == info.end()) fail_tensor(file, name, "dtype is missing");
  for (const DTypeRow& row : dtype_table) {
    if (*found == row.name) return row.dtype;
  }
  fail_tensor(file, name,
              fmt::format("dtype {} is not one of F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL",
                          value_text(*found)));
}

TensorEntry read_entry(const std::string& name, const json& info, std::span<const std::byte> data,
                       const std::string& file) {
  if (!info.is_object())
    fail_tensor(file, name, fmt::format("its header entry is {}, not an object", value_text(info)));
  TensorEntry entry;
  entry.name = name;
  entry.dtype = read_dtype(info, file, name);
  entry.shape = read_naturals(info, "shape", file, name);
  const std::vector<uint64_t> offsets = read_naturals(info, "data_offsets", file, name);
  if (offsets.size() != 2) {
    fail_tensor(file, name, fmt::format("data_offsets has {} values, not begin and end", offsets.size()));
  }
  const uint64_t begin = offsets[0];
  const uint64_t end = offsets[1];
  if (begin > end || end > data.size()) {
    fail_tensor(file, name,
                fmt::format("data_offsets [{}, {}] do not lie in order inside the {} bytes of data{}", begin,
                            end, data.size(), end > data.size() ? " (is the file truncated?)" : ""));
  }
  const std::optional<uint64_t> elements = product(entry.shape);
  uint64_t bytes = 0;
  if (!elements || __builtin_mul_overflow(*elements, item_bytes(entry.dtype), &bytes)) {
    fail_tensor(file, name, fmt::format("shape {} is too large", shape_text(entry.shape)));
  }
  if (bytes != end - begin) {
    fail_tensor(file, name,
                fmt::format("{} {} takes {} bytes, data_offsets [{}, {}] give it {}", to_string(entry.dtype),
                            shape_text(entry.shape), bytes, begin, end, end - begin));
  }
  entry.bytes = data.subspan(begin, end - begin);
  return entry;
}

// Tensors tile the data without overlap or hole.
void check_tiling(std::span<const TensorEntry> entries, std::span<const std::byte> data,
                  const std::string& file) {
  std::vector<const TensorEntry*> order;
  order.reserve(entries.size());
  for (const TensorEntry& entry : entries) order.push_back(&entry);
  const auto begin_of = [&](const TensorEntry* entry) {
    return static_cast<uint64_t>(entry->bytes.data() - data.data());
  };
  std::sort(order.begin(), order.end(), [&](const TensorEntry* a, const TensorEntry* b) {
    return std::pair(begin_of(a), a->bytes.size()) < std::pair(begin_of(b), b->bytes.size());
  });
  uint64_t expected = 0;
  const TensorEntry* previous = nullptr;
  for (const TensorEntry* entry : order) {
    const uint64_t begin = begin_of(entry);
    if (begin < expected) {
      fail_tensor(file, entry->name,
                  fmt::format("its data begins at {}, inside tensor {} that ends at {}", begin,
                              excerpt(previous->name), expected));
    }
    if (begin > expected) {
      fail_tensor(file, entry->name,
                  fmt::format("its data begins at {}, {} bytes before it belong to no tensor", begin,
                              begin - expected));
    }
    expected = begin + entry->bytes.size();
    previous = entry;
  }
  if (expected != data.size()) {
    fail(file, fmt::format("the tensors end at {}, the data at {}", expected, data.size()));
  }
}

template <typename Stored, typename Convert>
auto convert(std::span<const std::byte> bytes, Convert to) {
  std::vector<std::invoke_result_t<Convert, Stored>> values(bytes.size() / sizeof(Stored));
  for (size_t i = 0; i < values.size(); ++i) {
    Stored stored;
    std::memcpy(&stored, bytes.data() + i * sizeof(Stored), sizeof(Stored));
    values[i] = to(stored);
  }
  return values;
}

}  // namespace

const char* to_string(DType dtype) {
  return row_of(dtype).name;
}
size_t item_bytes(DType dtype) {
  return row_of(dtype).bytes;
}

uint64_t TensorEntry::elements() const {
  return bytes.size() / item_bytes(dtype);
}

// Read-only pages of a file.
class Safetensors::Mapping {
 public:
  explicit Mapping(const std::string& file) {
    // O_NONBLOCK: opening a pipe must not wait for a writer.
    const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) fail(file, fmt::format("cannot be opened: {}", reason(errno)));
    struct stat status {};
    const bool regular = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
    size_ = regular ? static_cast<size_t>(status.st_size) : 0;
    void* mapped = MAP_FAILED;
    int error = 0;
    if (size_ > 0) {
      mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
      error = errno;
    }
    ::close(descriptor);
    if (!regular) fail(file, "is not a regular file");
    if (size_ == 0) fail(file, "is empty (0 bytes)");
    if (mapped == MAP_FAILED) fail(file, fmt::format("cannot be mapped: {}", reason(error)));
    data_ = mapped;
  }
  ~Mapping() { ::munmap(data_, size_); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(data_), size_}; }

 private:
  void* data_ = nullptr;
  size_t size_ = 0;
};

Safetensors::Safetensors(Safetensors&&) noexcept = default;
Safetensors& Safetensors::operator=(Safetensors&&) noexcept = default;
Safetensors::~Safetensors() = default;

Safetensors Safetensors::open(const std::filesystem::path& path) {
  Safetensors result(path.string());
  result.mappings_.push_back(std::make_unique<Mapping>(result.file_));
  result.read(result.mappings_.front()->bytes());
  return result;
}

Safetensors Safetensors::parse(std::span<const std::byte> bytes, std::string name) {
  Safetensors result(std::move(name));
  result.read(bytes);
  return result;
}

Safetensors Safetensors::join(std::vector<Safetensors> files, std::string name) {
  Safetensors result(std::move(name));
  std::map<std::string_view, std::string_view> seen;  // tensor → its file
  for (Safetensors& file : files) {
    for (const TensorEntry& tensor : file.tensors_) {
      const auto [first, added] = seen.emplace(tensor.name, file.file_);
      if (!added)
        fail(result.file_,
             fmt::format("tensor {} is in {} and in {}", excerpt(tensor.name), first->second, file.file_));
      result.tensors_.push_back(tensor);
    }
    std::move(file.mappings_.begin(), file.mappings_.end(), std::back_inserter(result.mappings_));
  }
  std::sort(result.tensors_.begin(), result.tensors_.end(),
            [](const TensorEntry& a, const TensorEntry& b) { return a.name < b.name; });
  return result;
}

Safetensors::Safetensors(std::string file) : file_(std::move(file)) {}

void Safetensors::read(std::span<const std::byte> bytes) {
  uint64_t header_bytes = 0;
  if (bytes.size() < sizeof(header_bytes)) {
    fail(file_, fmt::format("is {} bytes long, too short for a safetensors file", bytes.size()));
  }
  constexpr std::string_view pointer = "version https://git-lfs";
  if (bytes.size() >= pointer.size() && std::memcmp(bytes.data(), pointer.data(), pointer.size()) == 0)
    fail(file_, "is a git-lfs pointer and not the weights: run `git lfs pull` in its folder");
  std::memcpy(&header_bytes, bytes.data(), sizeof(header_bytes));
  bytes = bytes.subspan(sizeof(header_bytes));
  if (header_bytes > max_header_bytes) {
    fail(file_, fmt::format("its header claims {} bytes, the format allows {} (is it a safetensors file?)",
                            header_bytes, max_header_bytes));
  }
  if (header_bytes > bytes.size()) {
    fail(file_, fmt::format("its header claims {} bytes, only {} follow (is the file truncated?)",
                            header_bytes, bytes.size()));
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), header_bytes);
  const std::span<const std::byte> data = bytes.subspan(header_bytes);
  // Object of tensors, a tensor's object, its lists.
  constexpr int max_depth = 3;
  const json header =
      parse_json(text, fmt::format("[safetensors] {}: header", file_), max_depth, DuplicateKeys::rejected);
  if (!header.is_object()) fail(file_, "its header is not a JSON object");

  tensors_.reserve(header.size());
  for (const auto& [name, info] : header.items()) {  // json objects are ordered by key
    if (name == "__metadata__") {
      if (!info.is_object()) fail(file_, fmt::format("__metadata__ is {}, not an object", value_text(info)));
    } else {
      tensors_.push_back(read_entry(name, info, data, file_));
    }
  }
  check_tiling(tensors_, data, file_);
}

const TensorEntry* Safetensors::find(std::string_view name) const {
  const auto found =
      std::lower_bound(tensors_.begin(), tensors_.end(), name,
                       [](const TensorEntry& entry, std::string_view key) { return entry.name < key; });
  return found != tensors_.end() && found->name == name ? &*found : nullptr;
}

std::vector<float> to_float(const TensorEntry& tensor) {
  const auto cast = [](auto value) { return static_cast<float>(value); };
  switch (tensor.dtype) {
    case DType::f64:
      return convert<double>(tensor.bytes, cast);
    case DType::f32:
      return convert<float>(tensor.bytes, cast);
    case DType::f16:
      return convert<uint16_t>(tensor.bytes, half_to_float);
    case DType::bf16:
      return convert<uint16_t>(tensor.bytes, bfloat16_to_float);
    case DType::i64:
      return convert<int64_t>(tensor.bytes, cast);
    case DType::i32:
      return convert<int32_t>(tensor.bytes, cast);
    case DType::i16:
      return convert<int16_t>(tensor.bytes, cast);
    case DType::i8:
      return convert<int8_t>(tensor.bytes, cast);
    case DType::u8:
      return convert<uint8_t>(tensor.bytes, cast);
    case DType::boolean:
      return convert<uint8_t>(tensor.bytes, [](uint8_t value) { return value ? 1.0F : 0.0F; });
  }
  return {};
}

bool is_integer(DType dtype) {
  switch (dtype) {
    case DType::f64:
    case DType::f32:
    case DType::f16:
    case DType::bf16:
      return false;
    case DType::i64:
    case DType::i32:
    case DType::i16:
    case DType::i8:
    case DType::u8:
    case DType::boolean:
      break;
  }
  return true;
}

std::vector<int64_t> to_integers(const TensorEntry& tensor) {
  const auto cast = [](auto value) { return static_cast<int64_t>(value); };
  switch (tensor.dtype) {
    case DType::i64:
      return convert<int64_t>(tensor.bytes, cast);
    case DType::i32:
      return convert<int32_t>(tensor.bytes, cast);
    case DType::i16:
      return convert<int16_t>(tensor.bytes, cast);
    case DType::i8:
      return convert<int8_t>(tensor.bytes, cast);
    case DType::u8:
      return convert<uint8_t>(tensor.bytes, cast);
    case DType::boolean:
      return convert<uint8_t>(tensor.bytes, [](uint8_t value) { return int64_t{value != 0}; });
    default:
      return {};
  }
}

}  // namespace fovea::io
