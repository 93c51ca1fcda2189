// How a kernel is declared: one struct ties the GLSL file, its parameter block, its specialisation constants,
// its bindings and its grid together. See docs/adding-a-kernel.md.
//   struct LayerNorm {
//     static constexpr const gpu::Shader& shader = shaders::layer_norm;
//     using Push = LayerNormPush;                    // the same text the shader includes
//     struct Spec { uint32_t group = 64; };          // constant_id 0.. in order
//     struct Bind { In x, gamma, beta; Out y; };     // binding 0.. in order
//     static Grid grid(const Push& p, const Spec&) {
//       const uint32_t wide = p.rows < 65535 ? p.rows : 65535;
//       return {wide, groups(p.rows, wide), 1};
//     }
//   };  // registered by its list of Candidates; a kernel in no list, by KernelRegistration
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "runtime/record/tensor.h"
#include "runtime/vk/device.h"

namespace fovea {

enum class Access : uint32_t { read, write, read_write };

struct Binding {
  Tensor tensor;
  Access access = Access::read;
  gpu::BindingKind kind = gpu::BindingKind::storage;
};

template <Access A, gpu::BindingKind K>
struct BindingOf : Binding {
  BindingOf() : Binding{{}, A, K} {}
  // Implicit, for Bind{x, gamma, beta, y}. NOLINTNEXTLINE(google-explicit-constructor)
  BindingOf(const Tensor& t) : Binding{t, A, K} {}
};
using In = BindingOf<Access::read, gpu::BindingKind::storage>;
using Out = BindingOf<Access::write, gpu::BindingKind::storage>;
using InOut = BindingOf<Access::read_write, gpu::BindingKind::storage>;
using Texel = BindingOf<Access::read, gpu::BindingKind::texel>;

// What a shader that is compiled for both families reads.
template <gpu::Family F>
using ReadBy = std::conditional_t<F == gpu::Family::texel, Texel, In>;

using Grid = std::array<uint32_t, 3>;  // workgroups

struct NoSpec {};

// A Bind or Spec struct as the array it is laid out as.
template <class Bind>
auto bindings_of(const Bind& bind) {
  static_assert(std::is_trivially_copyable_v<Bind> && sizeof(Bind) % sizeof(Binding) == 0);
  return std::bit_cast<std::array<Binding, sizeof(Bind) / sizeof(Binding)>>(bind);
}
template <class Spec>
std::vector<uint32_t> constants_of(const Spec& spec) {
  if constexpr (std::is_empty_v<Spec>) {
    return {};
  } else {
    static_assert(std::is_trivially_copyable_v<Spec> && sizeof(Spec) % sizeof(uint32_t) == 0);
    const auto values = std::bit_cast<std::array<uint32_t, sizeof(Spec) / sizeof(uint32_t)>>(spec);
    return {values.begin(), values.end()};
  }
}

// A kernel without its types, for the recorder, the reflection test and the pipeline check.
struct KernelDeclaration {
  const gpu::Shader* shader;
  gpu::Family family;
  std::vector<Access> access;
  std::vector<gpu::BindingKind> kinds;
  uint32_t push_bytes;
  std::vector<uint32_t> default_constants;
  // Every set of constants worth compiling on a device: what operations choose from.
  std::vector<std::vector<uint32_t>> (*variants)(const DeviceInfo&);
};

template <class K>
std::vector<std::vector<uint32_t>> variants_of(const DeviceInfo& device) {
  if constexpr (requires { K::variants(device); }) {
    std::vector<std::vector<uint32_t>> out;
    for (const auto& spec : K::variants(device)) out.push_back(constants_of(spec));
    return out;
  } else {
    return {constants_of(typename K::Spec{})};
  }
}

template <class K>
constexpr gpu::Family family_of() {
  if constexpr (requires { K::family; })
    return K::family;
  else
    return gpu::Family::buffer;
}

template <class K>
const KernelDeclaration& declaration_of() {
  static const KernelDeclaration declaration = [] {
    KernelDeclaration d{&K::shader,     family_of<K>(), {}, {}, 0, constants_of(typename K::Spec{}),
                        &variants_of<K>};
    for (const Binding& b : bindings_of(typename K::Bind{})) {
      d.access.push_back(b.access);
      d.kinds.push_back(b.kind);
    }
    d.push_bytes = sizeof(typename K::Push);
    static_assert(sizeof(typename K::Push) <= 128 && sizeof(typename K::Push) % 4 == 0);
    return d;
  }();
  return declaration;
}

// Kernels of every operation that is linked in.
std::vector<const KernelDeclaration*>& registered_kernels();

template <class K>
struct KernelRegistration {
  KernelRegistration() { registered_kernels().push_back(&declaration_of<K>()); }
};

}  // namespace fovea
