// Output files that appear complete or not at all.
#pragma once

#include <filesystem>
#include <span>
#include <string_view>

namespace fovea {

// A name beside the final one, to write to first. commit() renames it; without that it is deleted.
// A target that is no regular file (a pipe, /dev/stdout) is written directly.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path target);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  const std::filesystem::path& temporary() const { return temporary_; }
  // For writers that do not say what went wrong: where the disk is full, no more can be appended.
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

// Throws Error(usage) when the file that `option` names is the input.
void refuse_same_file(std::string_view option, const std::filesystem::path& output,
                      const std::filesystem::path& input);

}  // namespace fovea
