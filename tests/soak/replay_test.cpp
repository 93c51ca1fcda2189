// Ten thousand frames through preprocessing, model and map: host and device memory stay where they were.
#include <unistd.h>

#include <fstream>

#include "runtime/vk/device.h"
#include "tests/models/golden.h"

namespace {

uint64_t resident_bytes() {
  std::ifstream in("/proc/self/statm");
  uint64_t total = 0, resident = 0;
  in >> total >> resident;
  return resident * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

TEST_CASE("10,000 replayed frames leave memory flat") {
  const auto device = fovea::Device::open();
  const auto model = fovea::Model::load(device, golden::folder("vit_mini"));
  fovea::SessionOptions options;
  options.attention = true;
  fovea::Session session(model, options);
  std::vector<uint8_t> pixels(size_t{90} * 70 * 3);
  const fovea::ImageView view{pixels.data(), 90, 70, size_t{90} * 3, fovea::PixelFormat::bgr8};
  const auto frame = [&](uint32_t i) {
    pixels[i % pixels.size()] = static_cast<uint8_t>(i);
    session.classify({&view, 1});
    session.overlay(view, session.map({}));
  };
  for (uint32_t i = 0; i < 500; ++i) frame(i);
  const uint64_t resident = resident_bytes(), on_device = device.impl().memory_bytes();
  for (uint32_t i = 0; i < 10000; ++i) frame(i);
  CHECK(device.impl().memory_bytes() == on_device);
  // The allocator may keep a little more; a leak of one float a frame would show as soon as it were a page
  // each.
  CHECK(resident_bytes() <= resident + (uint64_t{1} << 20));
  MESSAGE("resident grew by ", static_cast<int64_t>(resident_bytes()) - static_cast<int64_t>(resident),
          " bytes");
}
