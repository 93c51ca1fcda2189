// What every architecture is to the rest of the library: named inputs and outputs, and a forward pass that
// records how the ones become the others.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/model.h"
#include "models/config/config.h"
#include "models/model/pass.h"
#include "models/nn/linear.h"
#include "models/weights/weight_store.h"
#include "models/weights/weights.h"

namespace fovea {

// What a model is made from.
struct Loading {
  const Device& device;
  DType storage;
  const io::ModelConfig& config;
  const io::Weights& weights;
  const ModelOptions& options;
};

class StepWriter;
class Writer;

class LoadedModel {
 public:
  explicit LoadedModel(const Loading& from);
  virtual ~LoadedModel() = default;

  const std::vector<Port>& inputs() const { return inputs_; }
  const std::vector<Port>& outputs() const { return outputs_; }
  // Index of the output of that name, for those who resolve it once.
  std::optional<size_t> output(std::string_view name) const;

  // Records a forward pass. inputs: a tensor a declared input, [images, ...], empty for optional ones that
  // are left out. wanted: indices of outputs. Returns one tensor a wanted output. With a tap, what maps are
  // drawn from is left there.
  std::vector<Tensor> record(Recorder& r, std::vector<Tensor> inputs, std::span<const size_t> wanted,
                             AttentionTap* tap) const;

  // Of a recurrent model that writes a sequence; nullptr for others.
  virtual const StepWriter* step_writer() const { return nullptr; }
  // Of a model that writes a text; nullptr for others.
  virtual const Writer* writer() const { return nullptr; }
  // Throws Error(usage) of an operation on pictures where the model takes none.
  void demand_pictures(const char* operation) const;

  // Ends loading: weights are on the device afterwards.
  void finish(uint64_t parameters);
  // Records the pass once for description alone, which tells the outputs' shapes. Returns what it offered.
  AttentionTap rehearse();
  // What of its attention can be drawn, as a pass told it.
  void set_maps(std::vector<AttentionLayer> layers, std::vector<MapMethod> methods, const PooledHead& head);

  const Device& device() const { return device_; }
  const ModelInfo& info() const { return info_; }
  const io::PreprocessConfig& preprocess() const { return preprocess_; }
  DType storage() const { return store_.storage(); }
  DType device_type(const Port& port) const;  // of its elements on the device
  uint64_t weight_bytes() const { return store_.bytes(); }

 protected:
  virtual void forward(Pass& pass) const = 0;

  size_t declare_input(Port port);
  // Integers that may be left out, each less than `below`, one a token of an axis: ids, a mask.
  size_t declare_words(std::string name, std::string axis, uint64_t below);
  // `lengths`: of each image along an axis.
  size_t declare_lengths(std::string axis, bool optional = true);
  // Its shape is that of what the pass gives.
  size_t declare_output(std::string name, std::string alias = "");
  // With where callers have the images, and what it needs.
  size_t declare_output(Port port);
  size_t declare_output_from(std::string name, size_t needs);  // an input that may be left out
  // Normalised pictures [images, 3, height, width], and the last layer's cells or tokens behind the final
  // norm, under the names that timm or transformers have for them; systems have timm's.
  size_t declare_pixels();
  size_t declare_features();
  // The linear head over features of this width whose weights `w` holds, times a factor; none where it holds
  // none. Says what the classes are. Throws what labels_for() does.
  std::optional<layers::Linear> classifier(const io::ModelConfig& config, const io::Weights& w,
                                           uint32_t width, float factor = 1);
  // Its numbers, for a family that cuts them up.
  std::optional<layers::LinearNumbers> classifier_numbers(const io::ModelConfig& config, const io::Weights& w,
                                                          uint32_t width);

  Device device_;
  WeightStore store_;
  ModelInfo info_;
  io::PreprocessConfig preprocess_;  // the configuration's, at another input size where the options have one
  io::Naming naming_;

 private:
  std::vector<Tensor> rehearse(const Axes& axes, AttentionTap* tap) const;
  Axes some_axes(uint32_t first, uint32_t apart) const;

  std::vector<Port> inputs_, outputs_;
  bool rehearsed_ = false;  // shapes of outputs_ are known
};

}  // namespace fovea
