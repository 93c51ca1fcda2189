#include "apps/hub/part_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>
#include <vector>

#include "apps/text/json.h"
#include "apps/util/digest.h"
#include "apps/util/progress.h"
#include "apps/util/terminal.h"
#include "core/atomic_file.h"
#include "core/text.h"
#include "fovea/error.h"

namespace fovea::apps::hub {
namespace fs = std::filesystem;

namespace {

[[noreturn]] void fail(const char* verb, const fs::path& path, int error, const std::string& more = "") {
  throw Error(ErrorKind::file, fmt::format("pull: cannot {} {}: {}{}", verb, printable(path.native()),
                                           std::strerror(error), more));
}

template <class Take>
void read_all(const fs::path& file, Take take) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> input(std::fopen(file.c_str(), "rbe"), std::fclose);
  if (!input) fail("read", file, errno);
  std::vector<std::byte> block(size_t{1} << 20);
  while (const size_t got = std::fread(block.data(), 1, block.size(), input.get()))
    take(std::span<const std::byte>(block).first(got));
  if (std::ferror(input.get()) != 0) fail("read", file, errno);
}

}  // namespace

bool is_identical(const fs::path& file, const Identity& identity) {
  std::error_code error;
  const uint64_t size = fs::file_size(file, error);
  if (error || (identity.size && size != *identity.size)) return false;
  if (identity.hash.empty()) return identity.size.has_value();
  Digest digest = is_sha1(identity.hash) ? Digest::git_blob(size) : Digest::sha256();
  read_all(file, [&](std::span<const std::byte> piece) { digest.add(piece); });
  return digest.hex() == identity.hash;
}

PartFile::PartFile(const fs::path& folder, const std::string& name, const Identity& identity)
    : target_(folder / name),
      part_(folder / (name + ".part")),
      record_(folder / (name + ".part.json")),
      identity_(identity) {
  descriptor_ = open(part_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (descriptor_ < 0) fail("write", part_, errno);
  struct stat status {};
  if (fstat(descriptor_, &status) == 0) size_ = static_cast<uint64_t>(status.st_size);
  std::ifstream stream(record_, std::ios::binary);
  const Json record = Json::parse(std::istreambuf_iterator<char>(stream), {}, nullptr, false);
  const auto text = [&](const char* key) {
    return record.is_object() && record.contains(key) && record[key].is_string()
               ? record[key].get<std::string>()
               : std::string();
  };
  validator_ = text("validator");
  const bool same =
      !validator_.empty() && text("hash") == identity_.hash && (!identity_.size || size_ <= *identity_.size);
  if (!same) discard();
}

PartFile::~PartFile() {
  if (descriptor_ >= 0) close(descriptor_);
  std::error_code ignored;
  if (size_ == 0) {  // nothing worth keeping
    fs::remove(part_, ignored);
    fs::remove(record_, ignored);
  }
}

void PartFile::discard() {
  if (ftruncate(descriptor_, 0) != 0) fail("write", part_, errno);
  size_ = 0;
  validator_.clear();
}

void PartFile::begin(const std::string& validator) {
  discard();
  validator_ = validator;
  const std::string text = dump(Json{{"hash", identity_.hash}, {"validator", validator_}}) + '\n';
  write_file(record_, {reinterpret_cast<const unsigned char*>(text.data()), text.size()});
}

void PartFile::append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
      fail("write", part_, errno,
           full ? fmt::format("; {} are kept: make room and give the same command again", bytes_text(size_))
                : "");
    }
    size_ += static_cast<uint64_t>(written);
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
}

void PartFile::take(const fs::path& file) {
  begin("");
  read_all(file, [&](std::span<const std::byte> piece) { append(piece); });
}

void PartFile::publish() {
  if (fsync(descriptor_) != 0) fail("write", part_, errno);
  const int error = close(std::exchange(descriptor_, -1)) == 0 ? 0 : errno;
  if (error != 0) fail("write", part_, error);
  if (std::rename(part_.c_str(), target_.c_str()) != 0) fail("write", target_, errno);
  std::error_code ignored;
  fs::remove(record_, ignored);
}

void flush_folder(const fs::path& folder) {
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  fsync(descriptor);
  close(descriptor);
}

}  // namespace fovea::apps::hub
