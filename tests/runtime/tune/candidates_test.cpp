#include "runtime/tune/candidates.h"

#include "runtime/ops/nn/layer_norm.h"
#include "runtime/ops/nn/swiglu.h"
#include "runtime/ops/nn/token_pool.h"
#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

std::string kernels_of(Program& program) {
  program.run();
  std::string out;
  for (const DispatchTime& t : program.dispatch_times()) out += std::string(t.kernel) + " ";
  return out;
}

// Swiglu under two further conditions, to see which of a list is taken.
struct Never : ops::Swiglu {
  static bool suits(const Push&, const Spec&) { return false; }
};
struct UpToEight : ops::Swiglu {
  static bool suits(const Push& p, const Spec& s) { return p.hidden <= 8 && s.group == 32; }
};

TEST_CASE("families are for devices by their traits") {
  DeviceInfo info;
  info.type = DeviceType::cpu;
  info.subgroup_shuffle = true;
  for (const uint32_t size : {1U, 2U, 4U, 8U, 16U, 32U}) {
    info.subgroup_size = size;
    CHECK(runs_on(gpu::Family::texel, info) == (size == 4 || size == 8 || size == 16));
    CHECK(runs_on(gpu::Family::buffer, info));
  }
  info.subgroup_size = 8;
  info.subgroup_shuffle = false;
  CHECK(!runs_on(gpu::Family::texel, info));
  info.subgroup_shuffle = true;
  info.type = DeviceType::discrete;
  CHECK(!runs_on(gpu::Family::texel, info));
}

TEST_CASE("the first candidate that suits is dispatched") {
  const size_t before = registered_kernels().size();
  const Candidates<Never, UpToEight, ops::Swiglu> list;
  const Candidates<Never> none;
  registered_kernels().resize(before);  // they are no kernels of the library
  Recorder r(device());
  std::vector<uint32_t> groups;
  for (const uint32_t hidden : {8U, 9U}) {
    const Tensor x = r.input({1, 1, 2 * hidden}, DType::f32, "x"),
                 y = r.temporary({1, 1, hidden}, DType::f32, "y");
    list.dispatch(r, [&]<class K>(K) {
      const uint32_t group = std::is_same_v<K, UpToEight> ? 32 : 64;
      groups.push_back(group);
      return Call<K>{{x, y}, {1, hidden}, {group}};
    });
    CHECK(groups.back() == (hidden == 8 ? 32 : 64));
  }
  CHECK(groups == std::vector<uint32_t>{64, 32, 64, 32, 64});  // asked in their order, no further than needed
  const auto scope = r.scope("head");
  const Tensor x = r.input({1, 1, 2}, DType::f32, "x");
  CHECK_THROWS_WITH_AS(none.dispatch(r,
                                     [&]<class K>(K) {
                                       return Call<K>{{x, x}, {1, 1}};
                                     }),
                       doctest::Contains("[swiglu] head: none of the kernels swiglu suits"), Error);
}

TEST_CASE("a kernel of texels is passed over where its operands do not fit") {
  if (!runs_on(gpu::Family::texel, device().info())) return;
  // Rows of three floats are not in fours, so the texel kernel of LayerNorm is not for them.
  for (const uint32_t width : {4U, 3U}) {
    Recorder::Options options;
    options.profile = true;
    Recorder r(device(), options);
    const Tensor x = r.input({5, width}, DType::f32, "x"), v = r.input({width}, DType::f32, "gamma");
    r.output(ops::layer_norm(r, x, v, v, 1e-6F));
    Program program = r.finish();
    CHECK(kernels_of(program) == (width == 4 ? "layer_norm_texel " : "layer_norm "));
  }
}

}  // namespace
}  // namespace fovea::test
