#include "runtime/vk/commands.h"

#include <doctest/doctest.h>

#include <cstring>

namespace fovea::gpu {
namespace {

// Copies that take a while, and the byte that the last of them writes last.
struct Copies {
  static constexpr uint64_t bytes = 32 << 20;

  std::shared_ptr<Device> device = Device::open("");
  Buffer source{*device, bytes, Memory::upload}, target{*device, bytes, Memory::readback};

  Commands record(std::byte value) {
    std::memset(source.mapped(), static_cast<int>(value), bytes);
    std::memset(target.mapped(), 0, bytes);
    Commands commands(*device, {});
    for (int i = 0; i < 8; ++i) {
      commands.copy(source, 0, target, 0, bytes);
      commands.barrier();
    }
    commands.finish();
    return commands;
  }
  std::byte last() const { return target.mapped()[bytes - 1]; }
};

TEST_CASE_FIXTURE(Copies, "a sequence that is replaced or destroyed ends first") {
  Commands commands = record(std::byte{1});
  commands.submit();
  commands = Commands(*device, {});
  CHECK(last() == std::byte{1});
  {
    const Commands moved = [&] {
      Commands made = record(std::byte{2});
      made.submit();
      return made;
    }();
  }
  CHECK(last() == std::byte{2});
}

TEST_CASE_FIXTURE(Copies, "a sequence without dispatches has no times") {
  Commands commands(*device, {.timestamps = true});
  commands.copy(source, 0, target, 0, bytes);
  commands.finish();
  CHECK(commands.dispatch_ms().empty());
  commands.submit();
  commands.wait();
  CHECK(commands.dispatch_ms().empty());
}

TEST_CASE_FIXTURE(Copies, "only device memory counts as such") {
  const uint64_t before = device->memory_bytes();
  CHECK(before == 0);  // the fixture's buffers are the host's
  const Buffer buffer(*device, 1001, Memory::device);
  CHECK(device->memory_bytes() >= 1001);
  CHECK(device->memory_bytes() < 1 << 20);
}

TEST_CASE_FIXTURE(Copies, "what the host reads is cached memory where there is any") {
  CHECK(source.mapped() != nullptr);
  CHECK(target.mapped() != nullptr);
  const Buffer buffer(*device, 16, Memory::device);
  CHECK((buffer.mapped() != nullptr) == device->info().unified_memory);
  if (buffer.mapped() == nullptr) CHECK(!buffer.cached());
}

}  // namespace
}  // namespace fovea::gpu
