// `fovea devices`: every Vulkan device, and whether Fovea would use it.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/cli/commands.h"
#include "apps/text/json.h"
#include "apps/text/table.h"
#include "apps/util/terminal.h"
#include "fovea/device.h"
#include "fovea/error.h"

namespace fovea::apps {
namespace {

constexpr int none = -1;

// What Device::open picks on its own.
int default_device(const std::vector<DeviceInfo>& devices) {
  if (std::none_of(devices.begin(), devices.end(), [](const DeviceInfo& d) { return d.usable; })) return none;
  try {
    return static_cast<int>(Device::open().info().index);
  } catch (const Error& error) {
    complain(error.what());
    return none;
  }
}

std::string subgroup_sizes(const DeviceInfo& d) {
  if (d.subgroup_min == d.subgroup_max) return fmt::format("{}", d.subgroup_size);
  return fmt::format("{} ({}-{})", d.subgroup_size, d.subgroup_min, d.subgroup_max);
}

std::string fp16_support(const DeviceInfo& d) {
  if (d.fp16_storage && d.fp16_arithmetic) return "yes";
  return d.fp16_storage ? "storage" : d.fp16_arithmetic ? "arithmetic" : "no";
}

std::string verdict(const DeviceInfo& d, int chosen) {
  if (!d.usable) return "no: " + d.why_not;
  return static_cast<int>(d.index) == chosen ? "yes, by default" : "yes";
}

void print_table(const std::vector<DeviceInfo>& devices, int chosen) {
  std::vector<TableLine> lines = {
      {"#", "name", "type", "driver", "Vulkan", "memory", "subgroup", "fp16", "coop. matrix", "used"}};
  for (const DeviceInfo& d : devices)
    lines.push_back({fmt::format("{}", d.index), d.name, to_string(d.type), d.driver, d.api,
                     fmt::format("{:.1f} GiB", static_cast<double>(d.memory_bytes) / (1U << 30)),
                     subgroup_sizes(d), fp16_support(d), d.cooperative_matrix, verdict(d, chosen)});
  write_out(table(lines));
}

Json to_json(const DeviceInfo& d, int chosen) {
  return {{"index", d.index},
          {"name", d.name},
          {"type", to_string(d.type)},
          {"driver", d.driver},
          {"api", d.api},
          {"memory_bytes", d.memory_bytes},
          {"subgroup", {{"size", d.subgroup_size}, {"min", d.subgroup_min}, {"max", d.subgroup_max}}},
          {"shared_bytes", d.shared_bytes},
          {"max_invocations", d.max_invocations},
          {"max_storage_range", d.max_storage_range},
          {"fp16_storage", d.fp16_storage},
          {"fp16_arithmetic", d.fp16_arithmetic},
          {"unified_memory", d.unified_memory},
          {"cooperative_matrix", d.cooperative_matrix},
          {"usable", d.usable},
          {"why_not", d.why_not},
          {"default", static_cast<int>(d.index) == chosen}};
}

int devices(bool json) {
  const std::vector<DeviceInfo> found = list_devices();
  const int chosen = default_device(found);
  if (json) {
    Json list = Json::array();
    for (const DeviceInfo& d : found) list.push_back(to_json(d, chosen));
    write_out(dump(list, 2) + '\n');
  } else if (!found.empty()) {
    print_table(found, chosen);
  }
  if (found.empty())
    complain("no Vulkan device; install your GPU's Vulkan driver, or mesa-vulkan-drivers for one on the CPU");
  else if (chosen == none)
    complain("none of these devices can be used");
  return chosen == none ? exit_failed : exit_good;
}

}  // namespace

void add_devices(const Command& program) {
  const auto json = std::make_shared<bool>(false);
  const Command command = program.command("devices", "List Vulkan devices, and which one is used");
  command.flag("--json", *json, "One JSON array");
  command.runs([json] { return devices(*json); });
}

}  // namespace fovea::apps
