// Output files that appear complete or not at all.
#pragma once

#include <filesystem>
#include <span>
#include <string_view>

namespace fovea {

// A temporary file beside the target. commit() gives it the target's name; without commit() it is deleted.
// A target that is no regular file (a pipe, /dev/stdout) is written directly, what a link points to is
// replaced.
class AtomicFile {
 public:
  explicit AtomicFile(const std::filesystem::path& target);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  const std::filesystem::path& temporary() const { return temporary_; }
  // For writers that report no errors: tries to append to the file, which fails on a full disk.
  // Throws Error(file).
  void check_room() const;
  // Throws Error(file).
  void commit();

 private:
  std::filesystem::path target_, temporary_;
  bool done_ = false;
};

// Throws Error(file) naming the path.
void write_file(const std::filesystem::path& path, std::span<const unsigned char> bytes);
// The same for content in several pieces.
void write_file(const std::filesystem::path& path, std::span<const std::span<const unsigned char>> pieces);

// Throws Error(usage) when the file that `option` names is the input.
void refuse_same_file(std::string_view option, const std::filesystem::path& output,
                      const std::filesystem::path& input);

}  // namespace fovea
