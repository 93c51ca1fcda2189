// Rotary position embedding of queries and keys (Su et al. 2021, "RoFormer").
#pragma once

#include <fmt/format.h>

#include <algorithm>

#include "generated/shaders.h"
#include "runtime/ops/common/check.h"
#include "runtime/record/recorder.h"
#include "shaders/attention/rope.h"

namespace fovea::ops {

struct Rope {
  static constexpr const gpu::Shader& shader = shaders::rope;
  using Push = RopePush;
  struct Spec {
    uint32_t group = 64, fours = 1, halves = 0;
  };
  struct Bind {
    InOut x;
    In table;
  };
  static Grid grid(const Push& p, const Spec& s) {
    const uint32_t units = p.heads * p.pairs / (s.fours != 0 ? 4 : 1);
    return {groups(units, s.group), std::min(p.tokens, 65535U), p.images};
  }
  static std::vector<Spec> variants(const DeviceInfo&) {
    return {{64, 1, 0}, {64, 1, 1}, {64, 0, 0}, {64, 0, 1}};
  }
};
inline const KernelRegistration<Rope> register_rope;

// Which two channels of a head turn together: 2 i and 2 i + 1, or i and i + pairs.
enum class RopePairs : uint32_t { neighbours = 0, halves = 1 };

// Where the heads lie that are turned: channel c of head h of token i of image b is element
// first + b * image + i * token + h * head + c.
struct RopeLayout {
  uint32_t heads = 0, first = 0, image = 0, token = 0, head = 0;
};

// Turns the first 2 * pairs channels of heads of x in place. angles: f32 [1 or fewer heads, tokens, 2,
// pairs], cosines and then sines; head h uses entry h % their number. back: by the negative angles, which is
// the gradient of turning.
inline void rope(Recorder& r, const Tensor& x, const RopeLayout& at, const Tensor& angles, RopePairs pairing,
                 bool back = false) {
  const Shape& table = angles.shape;
  const uint32_t images = x.shape[0];
  const bool usable = table.rank() == 4 && table[2] == 2 && angles.dtype == DType::f32 &&
                      table.elements() != 0 && table.elements() <= UINT32_MAX && at.heads != 0;
  const auto fits = [&] {
    const uint32_t tokens = table[1], pairs = table[3];
    return at.heads % table[0] == 0 && uint64_t{2} * pairs <= at.head &&
           uint64_t{at.first} + uint64_t{images - 1} * at.image + uint64_t{tokens - 1} * at.token +
                   uint64_t{at.heads - 1} * at.head + uint64_t{2} * pairs <=
               x.shape.elements();
  };
  check(usable && fits(), "rope", [&] {
    return fmt::format("{} heads every {} from {} of {}, {} {}", at.heads, at.head, at.first,
                       shape_of("x", x), shape_of("angles", angles), to_string(angles.dtype));
  });
  const uint32_t tokens = table[1], pairs = table[3];
  const bool fours = (pairs | at.first | at.image | at.token | at.head) % 4 == 0;
  r.dispatch<Rope>(
      {x, angles},
      {images, tokens, at.heads, pairs, at.first, at.image, at.token, at.head, table[0], back ? -1.0F : 1.0F},
      {64, fours ? 1U : 0U, static_cast<uint32_t>(pairing)},
      uint64_t{6} * images * tokens * at.heads * pairs);
}

}  // namespace fovea::ops
