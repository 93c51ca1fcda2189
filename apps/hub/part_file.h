// A file on its way from a hub. It has the ending .part until it is whole and checked. When a download
// breaks off, it stays, and a record beside it names the file that it is a part of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

namespace fovea::apps::hub {

// What a hub says that a file is.
struct Identity {
  std::string hash;              // SHA-256, or git's SHA-1 of a blob; empty: the hub names none
  std::optional<uint64_t> size;  // bytes
};

// Whether a file on disk is the one that is meant. Throws Error(file) when it cannot be read.
bool is_identical(const std::filesystem::path& file, const Identity& identity);

class PartFile {
 public:
  // Opens or creates NAME.part. Bytes of another file are thrown away. Throws Error(file).
  PartFile(const std::filesystem::path& folder, const std::string& name, const Identity& identity);
  ~PartFile();
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  uint64_t size() const { return size_; }
  // The ETag of the answer that these bytes came with; further bytes must have the same. Empty: begin anew.
  const std::string& validator() const { return validator_; }

  // Throws away the bytes so far. `validator` is that of the answer that begins.
  void begin(const std::string& validator);
  // Throws Error(file); when the disk is full, it says how many bytes are kept.
  void append(std::span<const std::byte> bytes);
  // Copies a file of this machine instead of a download.
  void take(const std::filesystem::path& file);
  // Throws away the bytes so far.
  void discard();
  // Whether it has the length and hash of its identity.
  bool is_whole() const { return is_identical(part_, identity_); }
  // Flushes it to the disk and gives it its name.
  void publish();

 private:
  std::filesystem::path target_, part_, record_;
  Identity identity_;
  std::string validator_;
  int descriptor_ = -1;
  uint64_t size_ = 0;
};

// Names in a folder survive a loss of power after this. Errors are ignored: not every file system can.
void flush_folder(const std::filesystem::path& folder);

}  // namespace fovea::apps::hub
