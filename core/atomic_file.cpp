#include "core/atomic_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "core/text.h"
#include "fovea/error.h"

namespace fovea {
namespace fs = std::filesystem;

namespace {

[[noreturn]] void cannot_write(const fs::path& path, const std::string& reason) {
  throw Error(ErrorKind::file, fmt::format("cannot write {}: {}", printable(path.native()), reason));
}

// A link keeps pointing where it points.
fs::path behind_links(const fs::path& target) {
  std::error_code error;
  if (!fs::is_symlink(target, error) || !fs::is_regular_file(target, error)) return target;
  const fs::path file = fs::canonical(target, error);
  return error ? target : file;
}

// The extension stays last: video writers choose the container by it. The name is this writer's own, so that
// neither another process nor another thread writes to it.
fs::path temporary_for(const fs::path& target) {
  std::error_code error;
  const fs::file_status status = fs::status(target, error);
  if (fs::exists(status) && !fs::is_regular_file(status)) return target;
  static std::atomic<unsigned> count = 0;
  return target.parent_path() / fmt::format(".{}.{}.{}.part{}", target.stem().native(), getpid(), count++,
                                            target.extension().native());
}

}  // namespace

AtomicFile::AtomicFile(const fs::path& target)
    : target_(behind_links(target)), temporary_(temporary_for(target_)) {
  std::error_code error;
  if (fs::is_directory(target_, error)) cannot_write(target_, "is a folder");
  const fs::path folder = target_.parent_path();
  if (!folder.empty() && !fs::is_directory(folder, error)) cannot_write(target_, "no such folder");
  // Video writers would give no reason.
  if (temporary_ != target_ && access(folder.empty() ? "." : folder.c_str(), W_OK) != 0)
    cannot_write(target_, std::strerror(errno));
}

AtomicFile::~AtomicFile() {
  std::error_code ignored;
  if (!done_ && temporary_ != target_) fs::remove(temporary_, ignored);
}

void AtomicFile::check_room() const {
  std::error_code error;
  const auto size = fs::file_size(temporary_, error);
  if (error) return;  // a pipe or a device
  std::FILE* file = std::fopen(temporary_.c_str(), "ab");
  if (file == nullptr) cannot_write(target_, std::strerror(errno));
  // More than a writer's last buffer, a part of which may have been written.
  const std::vector<char> room(size_t{64} << 10);
  const bool written = std::fwrite(room.data(), 1, room.size(), file) == room.size();
  const int reason = errno;
  const bool closed = std::fclose(file) == 0;
  if (!written || !closed) cannot_write(target_, std::strerror(written ? errno : reason));
  fs::resize_file(temporary_, size, error);
  if (error) cannot_write(target_, error.message());
}

void AtomicFile::commit() {
  done_ = true;
  if (temporary_ == target_) return;
  std::error_code error;
  fs::rename(temporary_, target_, error);
  if (!error) return;
  std::error_code ignored;
  fs::remove(temporary_, ignored);
  cannot_write(target_, error.message());
}

void write_file(const fs::path& path, std::span<const unsigned char> bytes) {
  const std::span<const unsigned char> pieces[] = {bytes};
  write_file(path, pieces);
}

void write_file(const fs::path& path, std::span<const std::span<const unsigned char>> pieces) {
  AtomicFile output(path);
  std::FILE* file = std::fopen(output.temporary().c_str(), "wb");
  if (file == nullptr) cannot_write(path, std::strerror(errno));
  bool written = true;
  for (const auto bytes : pieces)  // an empty piece may have no address, which fwrite() must not be given
    written = written && (bytes.empty() || std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size());
  const int error = errno;
  const bool closed = std::fclose(file) == 0;
  if (!written || !closed) cannot_write(path, std::strerror(written ? errno : error));
  output.commit();
}

void refuse_same_file(std::string_view option, const fs::path& output, const fs::path& input) {
  std::error_code error;
  if (fs::equivalent(output, input, error))
    throw Error(ErrorKind::usage,
                fmt::format("{} {} is the input itself", option, printable(output.native())));
}

}  // namespace fovea
