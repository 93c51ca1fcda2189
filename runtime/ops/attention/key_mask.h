// Masks of keys as attention adds them to its logits.
#pragma once

#include <fmt/format.h>

#include "generated/shaders.h"
#include "runtime/ops/common/check.h"
#include "runtime/record/recorder.h"
#include "shaders/attention/key_mask.h"

namespace fovea::ops {

struct KeyMask {
  static constexpr const gpu::Shader& shader = shaders::key_mask;
  using Push = KeyMaskPush;
  struct Spec {
    uint32_t group = 64;
  };
  struct Bind {
    In words;
    Out mask;
  };
  static Grid grid(const Push& p, const Spec& s) {
    return {groups((p.keys + 3) / 4 * 4, s.group), p.images, 1};
  }
};
inline const KernelRegistration<KeyMask> register_key_mask;

// What a mask's words say of a key: torch's padding masks hide where a word is not 0, attention masks of
// transformers where it is.
enum class NotZero { hidden, seen };

// words u32 [images, keys] → f32 [images, 1, 1, keys rounded up to 4], as AttentionInput::mask takes it.
inline Tensor key_mask(Recorder& r, const Tensor& words, NotZero meaning) {
  check(words.shape.rank() == 2 && words.dtype == DType::u32 && words.shape[0] <= 65535, "key_mask",
        [&] { return fmt::format("{} {}", shape_of("words", words), to_string(words.dtype)); });
  const uint32_t images = words.shape[0], keys = words.shape[1];
  const Tensor mask = r.temporary({images, 1, 1, (keys + 3) / 4 * 4}, DType::f32, "key_mask");
  r.dispatch<KeyMask>({words, mask}, {images, keys, meaning == NotZero::seen ? 1U : 0U});
  return mask;
}

}  // namespace fovea::ops
