#include "runtime/tune/candidates.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "fovea/error.h"

namespace fovea {

bool runs_on(gpu::Family family, const DeviceInfo& device) {
  switch (family) {
    case gpu::Family::texel:
      return device.type == DeviceType::cpu && device.subgroup_shuffle &&
             (device.subgroup_size == 4 || device.subgroup_size == 8 || device.subgroup_size == 16);
    case gpu::Family::buffer:
      break;
  }
  return true;
}

bool texels_fit(const Recorder& r, std::span<const Binding> bindings) {
  const uint64_t most = r.device().limits().max_texel_elements;
  return std::all_of(bindings.begin(), bindings.end(), [&](const Binding& b) {
    return b.kind != gpu::BindingKind::texel || b.tensor.shape.elements() / 4 <= most;
  });
}

void no_kernel_suits(const Recorder& r, std::initializer_list<const char*> kernels) {
  throw Error(ErrorKind::unsupported,
              error_prefix(*kernels.begin()) + fmt::format("none of the kernels {} suits {} and this shape",
                                                           fmt::join(kernels, ", "), r.device().info().name));
}

}  // namespace fovea
