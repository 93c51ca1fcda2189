// FNV-1a, 64 bits (Fowler, Noll & Vo): for cache keys and checksums, not against an adversary.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fovea {

class Fnv1a {
 public:
  void add(const void* data, size_t bytes) {
    for (size_t i = 0; i < bytes; ++i)
      value_ = (value_ ^ static_cast<const uint8_t*>(data)[i]) * 0x100000001b3ULL;
  }
  uint64_t value() const { return value_; }

 private:
  uint64_t value_ = 0xcbf29ce484222325ULL;
};

}  // namespace fovea
