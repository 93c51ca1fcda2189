// A compute shader as it is embedded: SPIR-V for each storage type it was compiled for.
#pragma once

#include <cstdint>
#include <span>

namespace fovea::gpu {

struct Shader {
  const char* name;
  std::span<const uint32_t> f32;  // the only module of a shader that does not depend on storage
  std::span<const uint32_t> f16;  // empty there
};

}  // namespace fovea::gpu
