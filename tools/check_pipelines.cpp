// Compiles every registered kernel in every variant for a device and prints what its compiler reports. Works
// on drivers without hardware (RADV_FORCE_FAMILY). Exit status 1 when a pipeline does not compile, spills
// registers or needs scratch memory, when a shader has no kernel, or when the driver reports nothing.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <string>
#include <vector>

#include "fovea/error.h"
#include "generated/all_ops.h"
#include "generated/shaders.h"
#include "runtime/record/kernel.h"
#include "runtime/tune/candidates.h"

namespace fovea {
namespace {

struct Column {
  const char* statistic;  // as RADV calls it
  const char* heading;
};
constexpr Column columns[]{{"VGPRs", "VGPRs"},
                           {"SGPRs", "SGPRs"},
                           {"LDS size", "LDS"},
                           {"Spilled VGPRs", "spilled V"},
                           {"Spilled SGPRs", "spilled S"},
                           {"Scratch size", "scratch"},
                           {"Subgroups per SIMD", "waves/SIMD"},
                           {"Inverse Throughput", "1/throughput"}};

struct Row {
  std::string kernel, storage, constants;
  std::vector<gpu::PipelineStatistic> statistics;
  std::string error;  // why it did not compile
};

// Whatever a driver calls it: Intel's names hold these words too.
bool spills(const Row& row) {
  return std::any_of(row.statistics.begin(), row.statistics.end(), [](const auto& s) {
    std::string name = s.first;
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return s.second != 0 &&
           (name.find("spill") != std::string::npos || name.find("scratch") != std::string::npos);
  });
}

std::string cell(const Row& row, const char* statistic) {
  for (const auto& [name, value] : row.statistics)
    if (name == statistic) return fmt::format("{}", value);
  return "-";
}

std::vector<Row> compile_all(gpu::Device& device) {
  std::vector<Row> rows;
  for (const KernelDeclaration* kernel : registered_kernels()) {
    if (!runs_on(kernel->family, device.info())) continue;
    for (const gpu::Module& module : kernel->shader->modules) {
      const gpu::Variant& variant = module.variant;
      if (variant.family != kernel->family) continue;
      if (variant.storage == DType::f16 && !device.info().fp16_storage) continue;
      for (const auto& constants : kernel->variants(device.info())) {
        Row row{kernel->shader->name,
                to_string(variant.storage),
                fmt::format("{}", fmt::join(constants, " ")),
                {},
                {}};
        try {
          row.statistics = device.statistics(
              device.pipeline({kernel->shader, variant, constants, kernel->kinds, kernel->push_bytes}));
        } catch (const Error& error) {
          row.error = error.what();
        }
        rows.push_back(std::move(row));
      }
    }
  }
  return rows;
}

std::vector<std::string> shaders_without_kernel() {
  std::vector<std::string> out;
  for (const gpu::Shader* shader : shaders::all()) {
    const auto& kernels = registered_kernels();
    if (std::none_of(kernels.begin(), kernels.end(), [&](const auto* k) { return k->shader == shader; }))
      out.emplace_back(shader->name);
  }
  return out;
}

int check(const char* selector) {
  const auto device = gpu::Device::open(selector, {.capture_statistics = true});
  fmt::print("{} ({})\n\n{:<16} {:<4} {:<30}", device->info().name, device->info().driver, "kernel", "type",
             "constants");
  for (const Column& c : columns) fmt::print(" {:>12}", c.heading);
  fmt::print("\n");

  const std::vector<Row> rows = compile_all(*device);
  size_t bad = 0;
  for (const Row& row : rows) {
    fmt::print("{:<16} {:<4} {:<30}", row.kernel, row.storage, row.constants);
    if (row.error.empty())
      for (const Column& c : columns) fmt::print(" {:>12}", cell(row, c.statistic));
    const bool failed = !row.error.empty() || spills(row);
    if (failed) ++bad;
    fmt::print("{}{}\n", failed ? "  <- " : "", !row.error.empty() ? row.error : failed ? "spills" : "");
  }
  const bool silent = std::any_of(rows.begin(), rows.end(),
                                  [](const Row& r) { return r.error.empty() && r.statistics.empty(); });
  const auto missing = shaders_without_kernel();
  fmt::print("\n{} pipelines, {} that spill or do not compile\n", rows.size(), bad);
  if (silent) fmt::print("The driver reports no statistics: nothing but compilation was checked.\n");
  if (!missing.empty()) fmt::print("Shaders without a kernel: {}\n", fmt::join(missing, ", "));
  return bad != 0 || silent || !missing.empty() ? 1 : 0;
}

}  // namespace
}  // namespace fovea

int main(int argc, char** argv) {
  try {
    return fovea::check(argc > 1 ? argv[1] : "");
  } catch (const fovea::Error& error) {
    fmt::print(stderr, "check_pipelines: {}\n", error.what());
    return 1;
  }
}
