#include "apps/util/digest.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "fovea/error.h"

namespace fovea::apps {
namespace {

void demand(bool good) {
  if (!good) throw Error(ErrorKind::unsupported, "OpenSSL cannot compute SHA-1 or SHA-256 here");
}

bool is_hex(std::string_view text, size_t digits) {
  return text.size() == digits && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace

void Digest::Free::operator()(evp_md_ctx_st* context) const {
  EVP_MD_CTX_free(context);
}

Digest::Digest(const char* algorithm) : context_(EVP_MD_CTX_new()) {
  const EVP_MD* kind = EVP_get_digestbyname(algorithm);
  demand(context_ && kind != nullptr && EVP_DigestInit_ex(context_.get(), kind, nullptr) == 1);
}

Digest Digest::sha256() {
  return Digest("sha256");
}

Digest Digest::git_blob(uint64_t size) {
  Digest digest("sha1");
  const std::string header = fmt::format("blob {}", size);
  digest.add(std::as_bytes(std::span(header.c_str(), header.size() + 1)));  // with the zero at its end
  return digest;
}

void Digest::add(std::span<const std::byte> bytes) {
  demand(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
}

std::string Digest::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  demand(EVP_DigestFinal_ex(context_.get(), bytes.data(), &size) == 1);
  std::string text;
  for (unsigned i = 0; i < size; ++i) text += fmt::format("{:02x}", bytes.at(i));
  return text;
}

bool is_sha256(std::string_view text) {
  return is_hex(text, 64);
}

bool is_sha1(std::string_view text) {
  return is_hex(text, 40);
}

}  // namespace fovea::apps
