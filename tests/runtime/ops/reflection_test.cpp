// Every SPIR-V module against the declaration of its kernel. All operations are linked in: each has a test
// here.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <utility>

#include "generated/all_ops.h"
#include "generated/shaders.h"
#include "runtime/record/kernel.h"
#include "tests/runtime/ops/spirv_reflect.h"

namespace fovea::test {
namespace {

using gpu::BindingKind;

// What Device::open enables or every device has: Shader, SampledBuffer, subgroup basics and shuffles (asked
// for before use), fp16 storage (likewise).
const std::set<uint32_t> known_capabilities{1, 46, 61, 65, 4433};

const char* qualifier(Access access) {
  return access == Access::read ? "readonly" : access == Access::write ? "writeonly" : "neither";
}

// One line for each thing that the module and the declaration do not agree on.
std::vector<std::string> differences(const KernelDeclaration& kernel, const Reflection& module) {
  std::vector<std::string> out;
  if (module.entry_point != "main") out.push_back("entry point " + module.entry_point);
  if (module.push_bytes != kernel.push_bytes)
    out.push_back(
        fmt::format("push constants of {} bytes, declared {}", module.push_bytes, kernel.push_bytes));
  std::map<uint32_t, uint32_t> defaults;
  for (uint32_t i = 0; i < kernel.default_constants.size(); ++i) defaults[i] = kernel.default_constants[i];
  if (module.spec_defaults != defaults)
    out.push_back(fmt::format("specialisation constants {}, declared {}", module.spec_defaults, defaults));
  std::set<uint32_t> bound;
  for (const ReflectedBinding& b : module.bindings) {
    if (b.set != 0) out.push_back(fmt::format("binding {} in set {}", b.binding, b.set));
    bound.insert(b.binding);
    if (b.binding >= kernel.kinds.size()) {
      out.push_back(fmt::format("binding {} is not declared", b.binding));
      continue;
    }
    const bool texel = kernel.kinds[b.binding] == BindingKind::texel;
    if (b.texel != texel)
      out.push_back(fmt::format("binding {} is a {} buffer", b.binding, b.texel ? "texel" : "storage"));
    const Access access = kernel.access[b.binding];
    if (!b.texel && (b.readonly != (access == Access::read) || b.writeonly != (access == Access::write)))
      out.push_back(fmt::format("binding {} is readonly {} writeonly {}, declared {}", b.binding, b.readonly,
                                b.writeonly, qualifier(access)));
    if (b.texel && access != Access::read) out.push_back(fmt::format("binding {} writes texels", b.binding));
  }
  for (uint32_t i = 0; i < kernel.kinds.size(); ++i)
    if (bound.count(i) == 0) out.push_back(fmt::format("binding {} is declared, the module has none", i));
  for (const uint32_t c : module.capabilities)
    if (known_capabilities.count(c) == 0) out.push_back(fmt::format("capability {}", c));
  return out;
}

const KernelDeclaration& kernel_named(std::string_view name) {
  for (const KernelDeclaration* k : registered_kernels())
    if (k->shader->name == name) return *k;
  FAIL("no kernel " << std::string(name));
  throw std::logic_error("unreachable");
}

std::span<const uint32_t> code_of(const KernelDeclaration& kernel) {
  const gpu::Module* module = kernel.shader->find({DType::f32, kernel.family});
  REQUIRE(module != nullptr);
  return module->code;
}

TEST_CASE("every SPIR-V module agrees with its declaration") {
  for (const KernelDeclaration* kernel : registered_kernels())
    for (const gpu::Module& module : kernel->shader->modules) {
      if (module.variant.family != kernel->family) continue;
      const auto found = differences(*kernel, reflect(module.code));
      INFO(std::string(kernel->shader->name), " ", std::string(to_string(module.variant.storage)), ": ",
           fmt::format("{}", fmt::join(found, "; ")));
      CHECK(found.empty());
    }
}

TEST_CASE("every variant of a shader has exactly one kernel and every kernel a shader") {
  const auto shaders = shaders::all();
  REQUIRE(!shaders.empty());
  size_t families = 0;
  for (const gpu::Shader* shader : shaders)
    for (const gpu::Module& module : shader->modules) {
      INFO(std::string(shader->name));
      CHECK(!module.code.empty());
      if (module.variant.storage != DType::f32) {
        CHECK(shader->find({DType::f32, module.variant.family}) != nullptr);
        continue;
      }
      ++families;
      CHECK(std::count_if(registered_kernels().begin(), registered_kernels().end(),
                          [&](const KernelDeclaration* k) {
                            return k->shader == shader && k->family == module.variant.family;
                          }) == 1);
    }
  CHECK(registered_kernels().size() == families);
}

TEST_CASE("a wrong declaration is found") {
  const KernelDeclaration& right = kernel_named("token_mix");
  const Reflection module = reflect(code_of(right));
  REQUIRE(differences(right, module).empty());
  const auto found = [&](auto change) {
    KernelDeclaration wrong = right;
    change(wrong);
    return differences(wrong, module).size();
  };
  CHECK(found([](auto& k) { k.push_bytes += 4; }) == 1);
  CHECK(found([](auto& k) { k.default_constants.push_back(0); }) == 1);
  CHECK(found([](auto& k) { k.default_constants.pop_back(); }) == 1);
  CHECK(found([](auto& k) { std::swap(k.default_constants[0], k.default_constants[1]); }) == 1);
  CHECK(found([](auto& k) { k.access[0] = Access::write; }) == 1);  // readonly in the shader
  CHECK(found([](auto& k) { k.access[0] = Access::read_write; }) == 1);
  CHECK(found([](auto& k) { k.access[2] = Access::read; }) == 1);  // read and written
  CHECK(found([](auto& k) { k.access[3] = Access::read; }) == 1);  // writeonly
  CHECK(found([](auto& k) { k.kinds[1] = BindingKind::texel; }) == 1);
  CHECK(found([](auto& k) {
          k.kinds.pop_back();
          k.access.pop_back();
        }) == 1);
  CHECK(found([](auto& k) {
          k.kinds.push_back(BindingKind::storage);
          k.access.push_back(Access::read);
        }) == 1);
}

TEST_CASE("the reflector sees texel buffers, aliases and nested parameter blocks") {
  const Reflection rows = reflect(code_of(kernel_named("attention_rows_texel")));
  CHECK(rows.push_bytes == 96);  // AttentionLayout, two terms and three more
  CHECK(std::count_if(rows.bindings.begin(), rows.bindings.end(), [](const auto& b) { return b.texel; }) ==
        4);
  const Reflection tiled = reflect(code_of(kernel_named("linear_tiled")));
  CHECK(std::count_if(tiled.bindings.begin(), tiled.bindings.end(),
                      [](const auto& b) { return b.binding == 5; }) == 2);
  CHECK_THROWS(reflect(code_of(kernel_named("linear_tiled")).first(6)));
}

}  // namespace
}  // namespace fovea::test
