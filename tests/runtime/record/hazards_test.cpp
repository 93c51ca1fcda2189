#include "runtime/record/hazards.h"

#include <doctest/doctest.h>

#include "runtime/vk/device.h"

namespace fovea {
namespace {

constexpr Access R = Access::read, W = Access::write, RW = Access::read_write;

// Two buffers only for their addresses.
struct Fixture {
  std::shared_ptr<gpu::Device> device = gpu::Device::open("");
  gpu::Buffer a{*device, 256, gpu::Memory::device}, b{*device, 256, gpu::Memory::device};
  HazardTracker tracker;

  struct Use {
    const gpu::Buffer* buffer;
    uint64_t offset, bytes;
    Access access;
  };
  bool needs(std::initializer_list<Use> uses) {
    std::vector<gpu::BindingRange> ranges;
    std::vector<Access> access;
    for (const Use& u : uses) {
      ranges.push_back({u.buffer, u.offset, u.bytes, gpu::BindingKind::storage, {}});
      access.push_back(u.access);
    }
    return tracker.needs_barrier(ranges, access);
  }
};

TEST_CASE_FIXTURE(Fixture, "a read waits for the write before it") {
  CHECK(!needs({{&a, 0, 64, W}}));
  CHECK(needs({{&a, 0, 64, R}}));
}

TEST_CASE_FIXTURE(Fixture, "a write waits for the read before it") {
  CHECK(!needs({{&a, 0, 64, R}}));
  CHECK(needs({{&a, 0, 64, W}}));
}

TEST_CASE_FIXTURE(Fixture, "a write waits for the write before it") {
  CHECK(!needs({{&a, 0, 64, W}}));
  CHECK(needs({{&a, 0, 64, W}}));
}

TEST_CASE_FIXTURE(Fixture, "reads of the same range do not wait") {
  CHECK(!needs({{&a, 0, 64, R}}));
  CHECK(!needs({{&a, 0, 64, R}, {&a, 32, 64, R}}));
}

TEST_CASE_FIXTURE(Fixture, "disjoint ranges and other buffers do not wait") {
  CHECK(!needs({{&a, 0, 64, W}}));
  CHECK(!needs({{&a, 64, 64, W}}));
  CHECK(!needs({{&b, 0, 64, W}}));
  CHECK(!needs({{&a, 128, 64, R}, {&b, 64, 64, R}}));
}

TEST_CASE_FIXTURE(Fixture, "one shared byte is enough") {
  CHECK(!needs({{&a, 0, 65, W}}));
  CHECK(needs({{&a, 64, 64, R}}));
}

TEST_CASE_FIXTURE(Fixture, "what is read and written counts as both") {
  CHECK(!needs({{&a, 0, 64, RW}}));
  CHECK(needs({{&a, 0, 64, R}}));
  CHECK(needs({{&a, 0, 64, RW}}));
}

TEST_CASE_FIXTURE(Fixture, "a dispatch in place does not wait for itself") {
  CHECK(!needs({{&a, 0, 64, R}, {&a, 0, 64, W}}));
}

TEST_CASE_FIXTURE(Fixture, "a barrier settles everything before it") {
  CHECK(!needs({{&a, 0, 64, W}, {&b, 0, 64, W}}));
  CHECK(needs({{&a, 0, 64, R}}));
  CHECK(!needs({{&b, 0, 64, R}}));  // the barrier above covers this one too
  CHECK(needs({{&a, 0, 64, W}}));   // but not reads since then
}

TEST_CASE_FIXTURE(Fixture, "clear forgets") {
  CHECK(!needs({{&a, 0, 64, W}}));
  tracker.clear();
  CHECK(!needs({{&a, 0, 64, R}}));
}

}  // namespace
}  // namespace fovea
