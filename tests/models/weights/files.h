// Files and expectations for the tests of the file formats.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <string>
#include <string_view>

#include "fovea/error.h"
#include "tests/temporary_folder.h"

namespace fovea::test {

// A temporary folder to write contents into.
class TempFolder : public TemporaryFolder {
 public:
  std::filesystem::path write(const std::string& name, std::string_view content) const {
    std::ofstream(path() / name, std::ios::binary) << content;
    return path() / name;
  }
};

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// Calls `action` and demands an Error of this kind, on one line, that mentions every fragment.
template <typename Action>
void check_error(ErrorKind kind, std::initializer_list<std::string_view> fragments, Action action) {
  std::string message;
  try {
    action();
  } catch (const Error& error) {
    message = error.what();
    CHECK(static_cast<int>(error.kind()) == static_cast<int>(kind));
  }
  CAPTURE(message);
  CHECK_FALSE(message.empty());
  CHECK(message.find('\n') == std::string::npos);
  for (const std::string_view fragment : fragments) {
    CAPTURE(fragment);
    CHECK(message.find(fragment) != std::string::npos);
  }
}

// Length, header, data, as the format has it.
inline std::string safetensors_bytes(std::string_view header, std::string_view data) {
  const uint64_t length = header.size();
  std::string bytes(sizeof(length), '\0');
  std::memcpy(bytes.data(), &length, sizeof(length));
  return bytes.append(header).append(data);
}

// The optional data folder beside the checkout; empty when it is not there.
inline std::filesystem::path shared_folder() {
  const char* set = std::getenv("FOVEA_SHARED");
  const std::filesystem::path folder =
      set != nullptr ? set : std::filesystem::path(FOVEA_SOURCE_DIR) / ".." / "shared";
  return std::filesystem::is_directory(folder) ? folder : std::filesystem::path();
}

}  // namespace fovea::test
