#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>

#include "fovea/error.h"
#include "models/config/text.h"
#include "models/weights/safetensors.h"

namespace fovea::io {

namespace {

[[noreturn]] void fail(const std::filesystem::path& path, const char* what, int error) {
  throw Error(ErrorKind::file,
              fmt::format("[write] {}: {}: {}", path.string(), what, std::generic_category().message(error)));
}

uint64_t elements_of(const OutputTensor& tensor) {
  uint64_t elements = 1;
  for (const uint64_t extent : tensor.shape) {
    if (__builtin_mul_overflow(elements, extent, &elements)) return std::numeric_limits<uint64_t>::max();
  }
  return elements;
}

std::span<const std::byte> bytes_of(const OutputTensor& tensor) {
  return tensor.is_integer() ? std::as_bytes(std::span(tensor.integers))
                             : std::as_bytes(std::span(tensor.values));
}

// Length and JSON, padded so that the data begins at a multiple of 8 bytes.
std::string header_text(std::span<const OutputTensor> tensors) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  std::set<std::string_view> names;
  uint64_t offset = 0;
  for (const OutputTensor& tensor : tensors) {
    const size_t values = tensor.is_integer() ? tensor.integers.size() : tensor.values.size();
    if (elements_of(tensor) != values) {
      throw Error(ErrorKind::usage, fmt::format("[write] tensor {} has shape {} and {} values", tensor.name,
                                                shape_text(tensor.shape), values));
    }
    if (tensor.name == "__metadata__" || !names.insert(tensor.name).second) {
      throw Error(ErrorKind::usage, fmt::format("[write] tensor name {} is already taken", tensor.name));
    }
    const uint64_t end = offset + bytes_of(tensor).size();
    header[tensor.name] = {{"dtype", to_string(tensor.is_integer() ? DType::i64 : DType::f32)},
                           {"shape", tensor.shape},
                           {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  const uint64_t length = text.size();
  std::string prefix(sizeof(length), '\0');
  std::memcpy(prefix.data(), &length, sizeof(length));
  return prefix + text;
}

// A file being written; closed on scope exit, deleted too unless it was published.
class OutputFile {
 public:
  explicit OutputFile(const std::filesystem::path& path) : target_(path) {
    std::error_code ignored;
    // A device or a pipe (/dev/stdout) is written to, never replaced; a link keeps pointing where it points.
    const auto kind = std::filesystem::status(path, ignored).type();
    replace_ = kind == std::filesystem::file_type::regular || kind == std::filesystem::file_type::not_found;
    if (std::filesystem::is_symlink(path, ignored) && kind == std::filesystem::file_type::regular) {
      target_ = std::filesystem::canonical(path, ignored);
    }
    static std::atomic<unsigned> counter = 0;
    written_ = target_;
    if (replace_) written_ += fmt::format(".{}.{}.tmp", ::getpid(), counter++);
    const int mode = O_WRONLY | O_CLOEXEC | (replace_ ? O_CREAT | O_EXCL : 0);
    descriptor_ = ::open(written_.c_str(), mode, 0666);
    if (descriptor_ < 0) fail(target_, "cannot be created", errno);
  }
  ~OutputFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (replace_ && !published_) ::unlink(written_.c_str());
  }
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(const void* data, size_t size) {
    const char* position = static_cast<const char*>(data);
    while (size > 0) {
      const ssize_t count = ::write(descriptor_, position, size);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail(target_, "cannot be written", errno);
      position += count;
      size -= static_cast<size_t>(count);
    }
  }

  void publish() {
    const int closed = ::close(descriptor_);
    descriptor_ = -1;
    if (closed != 0) fail(target_, "cannot be written", errno);
    if (replace_ && ::rename(written_.c_str(), target_.c_str()) != 0)
      fail(target_, "cannot be replaced", errno);
    published_ = true;
  }

 private:
  std::filesystem::path target_, written_;
  int descriptor_ = -1;
  bool replace_ = false;
  bool published_ = false;
};

}  // namespace

void write_safetensors(const std::filesystem::path& path, std::span<const OutputTensor> tensors) {
  const std::string header = header_text(tensors);
  OutputFile file(path);
  file.write(header.data(), header.size());
  for (const OutputTensor& tensor : tensors) file.write(bytes_of(tensor).data(), bytes_of(tensor).size());
  file.publish();
}

}  // namespace fovea::io
