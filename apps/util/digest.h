// Hashes of files: SHA-256, and the SHA-1 of a blob in git.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

struct evp_md_ctx_st;  // OpenSSL's

namespace fovea::apps {

// Of bytes that arrive piece by piece. A hub knows large files by their SHA-256 and small ones by the
// SHA-1 of a blob in git, which begins with the size.
class Digest {
 public:
  static Digest sha256();
  static Digest git_blob(uint64_t size);

  void add(std::span<const std::byte> bytes);
  std::string hex();  // ends it

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  explicit Digest(const char* algorithm);
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

// Hexadecimal digits, as many as the hash has.
bool is_sha256(std::string_view text);
bool is_sha1(std::string_view text);

}  // namespace fovea::apps
