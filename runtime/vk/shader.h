// A compute shader as it is embedded: SPIR-V for each variant it was compiled for.
#pragma once

#include <compare>
#include <cstdint>
#include <span>

#include "core/dtype.h"

namespace fovea::gpu {

// Which drivers a kernel is written for, by the way it reads what it is given.
enum class Family : uint32_t {
  buffer,  // storage buffers, perhaps shared memory: every device
  texel,   // texels that lanes hand round by shuffles: CPU drivers, where a load from a storage buffer is a
           // loop
};

struct Variant {
  DType storage = DType::f32;  // of activations and weights, in shaders that depend on it
  Family family = Family::buffer;
  // clang-tidy 14 takes the zero of the default for a pointer. NOLINTNEXTLINE(modernize-use-nullptr)
  auto operator<=>(const Variant&) const = default;
};

struct Module {
  Variant variant;
  std::span<const uint32_t> code;
};

struct Shader {
  const char* name;
  std::span<const Module> modules;

  const Module* find(const Variant& variant) const {
    for (const Module& m : modules)
      if (m.variant == variant) return &m;
    return nullptr;
  }
};

}  // namespace fovea::gpu
