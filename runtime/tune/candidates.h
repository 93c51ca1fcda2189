// The kernels of an operation, and the rule by which one is chosen. Where constants of a kernel are to be
// measured, see tuner.h.
#pragma once

#include <initializer_list>
#include <span>

#include "fovea/device.h"
#include "runtime/record/recorder.h"

namespace fovea {

// Whether kernels of a family are for this device.
bool runs_on(gpu::Family family, const DeviceInfo& device);

// Whether the device can bind those of them that are texels.
bool texels_fit(const Recorder& r, std::span<const Binding> bindings);
[[noreturn]] void no_kernel_suits(const Recorder& r, std::initializer_list<const char*> kernels);

// What a kernel would be dispatched with: see Recorder::dispatch.
template <class K>
struct Call {
  typename K::Bind bind;
  typename K::Push push;
  typename K::Spec spec{};
  uint64_t flops = 0;
};

// Kernels that compute the same, the preferred one first, as a list that operations dispatch from:
//
//   inline const Candidates<LayerNormTexel, LayerNorm> layer_norm_kernels;
//   …
//   layer_norm_kernels.dispatch(r, [&]<class K>(K) { return Call<K>{{x, gamma, beta, y}, push}; });
//
// The first is taken whose family is for the device, whose K::suits(push, spec), where it has one, is true,
// and whose texel buffers the device can bind. What is listed is also registered.
template <class... K>
class Candidates {
 public:
  Candidates() { (registered_kernels().push_back(&declaration_of<K>()), ...); }

  // describe(K{}) is the Call<K>; it is not asked for kernels of other families than the device's.
  template <class Describe>
  void dispatch(Recorder& r, const Describe& describe) const {
    if ((try_one<K>(r, describe) || ...)) return;
    no_kernel_suits(r, {declaration_of<K>().shader->name...});
  }

 private:
  template <class One, class Describe>
  static bool try_one(Recorder& r, const Describe& describe) {
    if (!runs_on(family_of<One>(), r.device().info())) return false;
    const Call<One> call = describe(One{});
    if constexpr (requires { One::suits(call.push, call.spec); })
      if (!One::suits(call.push, call.spec)) return false;
    if (!texels_fit(r, bindings_of(call.bind))) return false;
    r.dispatch<One>(call.bind, call.push, call.spec, call.flops);
    return true;
  }
};

// A kernel whose source is compiled for both families.
template <template <gpu::Family> class K>
using BothFamilies = Candidates<K<gpu::Family::texel>, K<gpu::Family::buffer>>;

}  // namespace fovea
