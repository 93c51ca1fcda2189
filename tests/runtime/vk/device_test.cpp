#include "fovea/device.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>

#include "fovea/error.h"
#include "runtime/vk/buffer.h"
#include "runtime/vk/device.h"
#include "tests/runtime/vk/clamped_device.h"

namespace fovea {
namespace {

std::string error_of(const std::string& selector, ErrorKind kind) {
  try {
    Device::open(selector);
  } catch (const Error& error) {
    CHECK(error.kind() == kind);
    return error.what();
  }
  FAIL_CHECK("no error");
  return {};
}

TEST_CASE("devices are listed and described") {
  const auto devices = list_devices();
  REQUIRE(!devices.empty());
  for (size_t i = 0; i < devices.size(); ++i) {
    CHECK(devices[i].index == i);
    CHECK(!devices[i].name.empty());
    CHECK(!devices[i].driver.empty());
    CHECK(devices[i].usable == devices[i].why_not.empty());
    CHECK(devices[i].shared_bytes >= 16 * 1024);
    CHECK(devices[i].max_invocations >= 128);
  }
}

TEST_CASE("a device is found by index, by part of its name, or by itself") {
  const auto devices = list_devices();
  REQUIRE(!devices.empty());
  const std::string best = Device::open().info().name;
  std::string upper = best.substr(0, 5);
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  CHECK(Device::open(upper).info().name == best);
  for (const DeviceInfo& d : devices)
    if (d.usable) CHECK(Device::open(std::to_string(d.index)).info().name == d.name);
}

TEST_CASE("a number that is no index is part of a name") {
  const auto devices = list_devices();
  const std::string name = Device::open().info().name;
  for (size_t at = name.find_first_of("0123456789"); at != std::string::npos;) {
    const size_t end = std::min(name.find_first_not_of("0123456789", at), name.size());
    const std::string digits = name.substr(at, end - at);
    CAPTURE(digits);
    if (digits.size() < 9 && std::stoul(digits) >= devices.size())
      CHECK(Device::open(digits).info().name.find(digits) != std::string::npos);
    at = name.find_first_of("0123456789", end);
  }
}

TEST_CASE("an unknown device is an error that lists those there are") {
  for (const std::string selector : {"no such device", "999", "99999999999999999999", "-1"}) {
    CAPTURE(selector);
    const std::string text = error_of(selector, ErrorKind::usage);
    CHECK(text.find("'" + selector + "'") != std::string::npos);
    for (const DeviceInfo& d : list_devices()) CHECK(text.find(d.name) != std::string::npos);
  }
}

TEST_CASE("the clamp hides what Vulkan does not promise") {
  const char* before = std::getenv("FOVEA_CLAMP");
  const std::string saved = before == nullptr ? "" : before;
  setenv("FOVEA_CLAMP", "minimal", 1);
  const DeviceInfo info = Device::open().info();
  CHECK(!info.fp16_storage);
  CHECK(!info.subgroup_shuffle);
  CHECK(info.shared_bytes == 16 * 1024);
  CHECK(info.max_invocations == 128);
  CHECK(!info.unified_memory);
  const std::string clamped_key = gpu::Device::open("")->cache_key();
  setenv("FOVEA_CLAMP", "nonsense", 1);
  CHECK_THROWS_WITH_AS(Device::open(), doctest::Contains("FOVEA_CLAMP=nonsense"), Error);
  setenv("FOVEA_CLAMP", "", 1);
  // What was measured under the clamp must not be taken for the device's own.
  CHECK(gpu::Device::open("")->cache_key() != clamped_key);
  setenv("FOVEA_CLAMP", saved.c_str(), 1);
}

TEST_CASE("more than one allocation may have is refused with both numbers") {
  gpu::Device& device = test::clamped_device();
  CHECK_THROWS_WITH_AS(gpu::Buffer(device, (uint64_t{3} << 30) + 1, gpu::Memory::device),
                       "[memory] 3072 MiB in one allocation, the device allows 1024 MiB: use a smaller batch "
                       "or input size, or fp16 storage",
                       Error);
}

TEST_CASE("on a clamped device the host sees no device memory") {
  gpu::Device& device = test::clamped_device();
  CHECK(gpu::Buffer(device, 16, gpu::Memory::device).mapped() == nullptr);
  CHECK(gpu::Buffer(device, 16, gpu::Memory::upload).mapped() != nullptr);
  CHECK(device.limits().max_work_groups == std::array<uint32_t, 3>{65535, 65535, 65535});
}

TEST_CASE("copies share the device") {
  const Device device = Device::open();
  const Device copy = device;
  CHECK(&copy.impl() == &device.impl());
  CHECK(copy.info().name == device.info().name);
}

TEST_CASE("asking for more memory than there is names the size") {
  const auto device = gpu::Device::open("");
  try {
    const gpu::Buffer buffer(*device, uint64_t{1} << 50, gpu::Memory::device);
    FAIL_CHECK("no error");
  } catch (const Error& error) {
    CHECK(error.kind() != ErrorKind::usage);
    CHECK(std::string(error.what()).find("MiB") != std::string::npos);
  }
  CHECK(device->memory_bytes() == 0);
}

}  // namespace
}  // namespace fovea
