// A forward pass while it is recorded: what it reads, which answers somebody wants, and who listens for maps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "models/nn/attention_tap.h"
#include "runtime/record/recorder.h"

namespace fovea {

// An input or output of a model: [images, shape...], with any number of images.
struct Port {
  std::string name;   // as the library has it that the model's files are of, timm or transformers
  std::string alias;  // as the other one has it, or empty
  DType type;         // as a caller sees it; floats are at the model's storage type on the device
  Shape shape;        // of one image; 0 where any extent will do
  // One an extent: empty where it is given. In a run extents of one name are equal. An output may have an
  // open one without a name.
  std::vector<std::string> axes{};
  uint32_t images_axis = 0;      // where callers have the images; the device has them first
  bool optional = false;         // an input that may be left out
  bool extra = false;            // an output for those alone who ask for it by name
  bool whole = false;            // an output of all images together, of this shape: a loss, a gradient
  std::vector<size_t> needs{};   // optional inputs without which there is no such output
  uint64_t below = 1ULL << 32U;  // of an input of integers: each is less
  std::string up_to{};           // of an input of integers: each is at most this axis
  // A mask that says no more than that tokens along this axis see none after them, [tokens, tokens] for all
  // images: it is looked at on the host, and the device is told that it is there, by a word an image.
  std::string causal_over{};
};
using Axes = std::map<std::string, uint32_t, std::less<>>;  // extents by name
// Whether a tensor of one image fits; its named extents are added to axes.
bool fits(const Port& port, const Shape& one, Axes& axes);
Shape of_images(uint32_t images, const Shape& one);  // [images, one...]
Shape of_one_image(const Shape& images);             // and back

// Index of an output that a model might have and this one has not.
constexpr size_t no_output = SIZE_MAX;

class Pass {
 public:
  // inputs: one a declared input. wanted: indices of outputs, of which there are `outputs`.
  Pass(Recorder& r, std::vector<Tensor> inputs, size_t outputs, std::span<const size_t> wanted,
       AttentionTap* tap);

  Recorder& recorder() const { return recorder_; }
  AttentionTap* tap() const { return tap_; }                  // nullptr when nobody wants maps
  const Tensor& input(size_t i) const { return inputs_[i]; }  // empty for an optional one that is left out
  // Compute nothing that nobody wants.
  bool wants(size_t output) const { return output != no_output && wanted_[output]; }
  void give(size_t output, const Tensor& t) { outputs_[output] = t; }
  const Tensor& output(size_t i) const { return outputs_[i]; }  // empty unless given

 private:
  Recorder& recorder_;
  std::vector<Tensor> inputs_, outputs_;
  std::vector<bool> wanted_;
  AttentionTap* tap_;
};

}  // namespace fovea
