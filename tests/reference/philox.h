// Philox4x32-10, from Salmon et al. 2011, with the vectors that its authors publish as a check.
#pragma once

#include <array>
#include <cstdint>

namespace fovea::test {

using Counter = std::array<uint32_t, 4>;
using Key = std::array<uint32_t, 2>;

inline Counter philox4x32(Counter c, Key k) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t{0xD2511F53} * c[0], b = uint64_t{0xCD9E8D57} * c[2];
    c = {static_cast<uint32_t>(b >> 32) ^ c[1] ^ k[0], static_cast<uint32_t>(b),
         static_cast<uint32_t>(a >> 32) ^ c[3] ^ k[1], static_cast<uint32_t>(a)};
    k = {k[0] + 0x9E3779B9U, k[1] + 0xBB67AE85U};
  }
  return c;
}

// What decides at a position of a text: in (0, 1).
inline double chance_of(uint64_t seed, uint32_t position, uint32_t row) {
  const Counter words =
      philox4x32({position, row, 0, 0}, {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  return (static_cast<double>(words[0] >> 9) + 0.5) * 0x1p-23;
}

}  // namespace fovea::test
