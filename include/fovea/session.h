// A session runs one model: record once per input shape, replay per image.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
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
  std::vector<Prediction> topk;  // best first; empty for a model without classes
  double preprocess_ms = 0;      // device work and waiting, this image
  double model_ms = 0;           // forward pass, its share of the batch
};

enum class Colormap { turbo, viridis, inferno, jet, gray };
const char* to_string(Colormap colormap);
std::span<const Colormap> colormaps();
Colormap colormap_named(std::string_view name);  // throws RequestError naming those there are

struct OverlayOptions {
  float alpha = 0.5F;  // weight of the map's colour over the picture, 0…1
  Colormap colormap = Colormap::turbo;
  // One hue instead of the colormap, RGB, the more opaque the higher the value; what the model did not see
  // stays as it is. For maps over maps.
  std::optional<std::array<uint8_t, 3>> tint{};
  bool operator==(const OverlayOptions&) const = default;
};
// Throws RequestError for an alpha outside 0…1 and for a colormap that is none.
void check_look(const OverlayOptions& look);

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

  // The memory plan of the recorded forward pass, one line a tensor.
  std::string memory_plan() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fovea
