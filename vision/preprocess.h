// Pictures to a model's input on the device: resize and crop equal to PIL's to the last bit, then normalised.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "fovea/image.h"
#include "models/config/config.h"
#include "runtime/record/tensor.h"

namespace fovea {

namespace gpu {
class Device;
}

// Keeps what it recorded for the last few picture sizes. Not for two threads at once.
class Preprocessor {
 public:
  // Uploads take at most strip_bytes at once; larger pictures go in strips of rows.
  Preprocessor(gpu::Device& device, const io::PreprocessConfig& config, uint64_t strip_bytes = 64U << 20);
  ~Preprocessor();
  Preprocessor(Preprocessor&&) noexcept;
  Preprocessor& operator=(Preprocessor&&) noexcept;

  // Writes the normalised picture into slot `slot` of target [B, 3, H, W], f32 or f16. Done when it returns.
  // Programs for targets are kept: call forget_targets() before a target's buffer goes. Throws Error(usage)
  // for a picture without pixels.
  void run(const ImageView& image, const Tensor& target, uint32_t slot);
  void forget_targets();

  // The 8-bit pixels after resize and crop, [3, H, W].
  std::vector<uint8_t> pixels(const ImageView& image);

  // Where the whole input of the model lies in a width × height picture; reaches outside it where the input
  // is filled.
  Region visible_region(uint32_t width, uint32_t height) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Throws Error(usage) for a picture without pixels or whose rows overlap; `operation` begins the message.
void check_image(const ImageView& image, const char* operation);
// The same for a camera's frame, which may be nv12 or yuyv too.
void check_frame(const ImageView& frame, const char* operation);

}  // namespace fovea
