// Preprocesses pictures from standard input, for compare.py. A request is a line
//   width height row_bytes format interpolation crop_mode crop_pct out_height out_width mean strip_bytes
// followed by height * row_bytes raw bytes; the answer is the pixels [3, out_height, out_width].
#include <fmt/format.h>

#include <cstdio>
#include <iostream>
#include <string>

#include "fovea/error.h"
#include "runtime/vk/device.h"
#include "vision/preprocess.h"

namespace {

int serve() {
  const auto device = fovea::gpu::Device::open("");
  uint64_t width = 0, height = 0, row_bytes = 0, strip_bytes = 0;
  int format = 0, interpolation = 0, crop_mode = 0;
  fovea::io::PreprocessConfig config;
  while (std::cin >> width >> height >> row_bytes >> format >> interpolation >> crop_mode >>
         config.crop_pct >> config.height >> config.width >> config.mean[0] >> strip_bytes) {
    config.interpolation = static_cast<fovea::io::Interpolation>(interpolation);
    config.crop_mode = static_cast<fovea::io::CropMode>(crop_mode);
    config.mean[1] = config.mean[2] = config.mean[0];
    std::cin.get();
    std::string raw(height * row_bytes, '\0');
    std::cin.read(raw.data(), static_cast<std::streamsize>(raw.size()));
    fovea::Preprocessor preprocessor(*device, config, strip_bytes);
    const auto out = preprocessor.pixels({reinterpret_cast<const uint8_t*>(raw.data()),
                                          static_cast<uint32_t>(width), static_cast<uint32_t>(height),
                                          row_bytes, static_cast<fovea::PixelFormat>(format)});
    std::fwrite(out.data(), 1, out.size(), stdout);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace

int main() {
  try {
    return serve();
  } catch (const fovea::Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
