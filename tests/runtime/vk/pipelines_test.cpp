#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

#include "fovea/error.h"
#include "generated/shaders.h"
#include "runtime/vk/device.h"
#include "shaders/nn/swiglu.h"

namespace fovea::gpu {
namespace {

constexpr std::array kinds{BindingKind::storage, BindingKind::storage};
constexpr std::array<std::array<uint32_t, 1>, 3> groups{{{16}, {32}, {64}}};

PipelineKey key(size_t group, uint32_t push_bytes = sizeof(SwigluPush)) {
  return {&shaders::swiglu, {}, groups[group], kinds, push_bytes};
}

TEST_CASE("pipelines compiled together are there afterwards, each once") {
  const auto device = Device::open("");
  const std::vector<PipelineKey> keys{key(0), key(1), key(2), key(1), key(0)};
  const auto made = device->pipelines(keys);
  REQUIRE(made.size() == keys.size());
  CHECK(made[0] != made[1]);
  CHECK(made[1] != made[2]);
  CHECK(made[2] != made[0]);
  CHECK(made[3] == made[1]);
  CHECK(made[4] == made[0]);
  CHECK(device->pipelines(keys) == made);
  for (size_t i = 0; i < groups.size(); ++i) CHECK(&device->pipeline(key(i)) == made[i]);
}

TEST_CASE(
    "of pipelines compiled together one that the device cannot take is named, the others remain usable") {
  const auto device = Device::open("");
  const std::vector<PipelineKey> keys{key(0), key(1, 1 << 20), key(2)};
  std::string message;
  try {
    device->pipelines(keys);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::unsupported);
    message = error.what();
  }
  CHECK(message.find("[swiglu] needs 1048576 bytes of push constants") != std::string::npos);
  for (size_t i = 0; i < groups.size(); ++i) CHECK_NOTHROW(device->pipeline(key(i)));
}

}  // namespace
}  // namespace fovea::gpu
