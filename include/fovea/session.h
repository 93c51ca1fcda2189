// A session runs one model: record once per input shape, replay per image.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fovea/image.h"
#include "fovea/maps.h"
#include "fovea/model.h"

namespace fovea {

// One dispatch of a larger batch could run into a watchdog.
constexpr uint32_t largest_batch = 256;

struct SessionOptions {
  uint32_t batch = 1;      // images a forward pass takes, at most largest_batch
  uint32_t top_k = 5;      // classes reported, clipped to the model's
  bool attention = false;  // keep queries, keys and log-sum-exp, so that map() and overlay() work
};

struct Prediction {
  uint32_t index = 0;
  float probability = 0;  // softmax over all classes
  float logit = 0;
};

struct Classification {
  std::vector<Prediction> topk;  // best first
  double preprocess_ms = 0;      // device work and waiting, this image
  double model_ms = 0;           // forward pass, its share of the batch
};

enum class Colormap { viridis, inferno, turbo, jet, gray };

struct OverlayOptions {
  float alpha = 0.5F;  // weight of the map's colour over the picture, 0…1
  Colormap colormap = Colormap::turbo;
  // One hue instead of the colormap, RGB, the more opaque the higher the value; what the model did not see
  // stays as it is. For maps over maps.
  std::optional<std::array<uint8_t, 3>> tint{};
  bool operator==(const OverlayOptions&) const = default;
};

// Raw tensors for parity checks. Row-major float32.
struct RawTensor {
  std::vector<uint64_t> shape;
  std::vector<float> values;
};

struct KernelTime {
  std::string name;
  double ms = 0;
  uint32_t dispatches = 0;
  double gflops = 0;  // arithmetic rate, 0 where the kernel declares none
};

struct BenchReport {
  uint32_t batch = 0;
  double median_ms = 0, min_ms = 0, max_ms = 0;  // one replayed forward pass, wall clock
  double p10_ms = 0, p90_ms = 0;
  uint64_t flops = 0;               // of one pass, multiply and add counted separately
  double gflops = 0;                // flops over median
  std::vector<KernelTime> kernels;  // one profiled replay, GPU timestamps, longest first
  uint64_t arena_bytes = 0, weight_bytes = 0;
  uint32_t dispatches = 0, submissions = 0;
};

// For one thread at a time; sessions of one Model may run in several threads.
class Session {
 public:
  explicit Session(const Model& model, const SessionOptions& options = {});
  ~Session();
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;

  const Model& model() const;

  // Records the forward pass now and not with the first classify(): compiles, measures, allocates.
  void prepare();

  // Preprocesses (resize, crop, normalise as the model's config says; exact to PIL) and classifies up to
  // `batch` images. Throws Error(usage) for an empty image or too many, Error(unsupported) when activations
  // leave the range of fp16, device errors otherwise.
  std::vector<Classification> classify(std::span<const ImageView> images);

  // The part of a width × height picture that the model sees.
  Region visible_region(uint32_t width, uint32_t height) const;
  // The patch of a layer's grid under a pixel of such a picture; -1 is the last layer. Throws Error(usage)
  // when the model does not see it.
  PatchIndex patch_at(uint32_t width, uint32_t height, double x, double y, int layer = -1) const;

  // A map of the image in `slot` of the last classify(); needs SessionOptions::attention.
  AttentionMap map(const MapRequest& request, uint32_t slot = 0);

  // The logit of class `target` taken apart, for the same image; for models that have MapMethod::evidence.
  ClassEvidence evidence(uint32_t target, uint32_t slot = 0);

  // Forward pass of 1…batch already normalised images [count, 3, H, W], replayed as classify() does: returns
  // [count, classes], and map() and evidence() are of these images next. Taking turns with classify() records
  // the pass anew each time.
  std::vector<float> logits(std::span<const float> input, uint32_t count);

  // Draws a map over the picture it belongs to, at its right place: crop and scale undone. Returns RGB8,
  // width * height * 3. The map is stretched to its own minimum…maximum for display.
  std::vector<uint8_t> overlay(const ImageView& image, const AttentionMap& map,
                               const OverlayOptions& options = {});

  // The 8-bit pixels after resize and crop, [3, H, W], of one image: what the model sees.
  std::vector<uint8_t> preprocessed_pixels(const ImageView& image);

  // Forward pass of already normalised input [B, 3, H, W], any B (split into batches as needed).
  // Returns `logits`, `features` and, for the listed layers, `attn.<i>` or `gate.<i>`, all in the shapes that
  // the reference implementation gives them: attention of windows as [B * windows, heads, tokens, tokens].
  std::map<std::string, RawTensor> run(std::span<const float> input, uint32_t count,
                                       std::span<const uint32_t> attention_layers);

  // Replays the forward pass `runs` times on fixed input, then once with a timestamp around every kernel.
  // With SessionOptions::attention each pass draws the raw map of every layer, a rollout and a cam as well.
  BenchReport bench(uint32_t runs);
  // The memory plan of the recorded forward pass, one line a tensor.
  std::string memory_plan() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fovea
