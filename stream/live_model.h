// The model and the maps of a live stream as one recording. Each map is drawn once a frame, however many
// views show it. Only tensors that a map reads outlive their layer: to keep all of a ViT-Tiny's queries and
// keys costs a CPU driver 5 to 8 % of the model's time, to record anew half a millisecond.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "fovea/live.h"
#include "maps/methods.h"
#include "models/tasks/classify.h"

namespace fovea {

class ModelStage {
 public:
  struct Map {
    LiveLayer asked;  // without its look
    uint32_t rows = 0, cols = 0;
    Tensor values, levels;               // as ops::levels() gives them
    std::shared_ptr<gpu::Buffer> state;  // of earlier frames; empty for a map without such a state
  };

  // input: [1, 3, H, W]. Throws RequestError for a view that the model cannot give. Maps that `before` has
  // too keep their state of earlier frames; it may be nullptr.
  ModelStage(const LoadedModel& model, const Tensor& input, const Classify& classes,
             std::span<const LiveView> views, const ModelStage* before);

  const std::vector<LiveView>& views() const { return views_; }
  size_t index_of(const LiveLayer& layer) const;

  // Allocates device memory. The functions below need it.
  void finish();

  const std::vector<Map>& maps() const { return maps_; }
  const Classify::Answer& answer() const { return answer_; }

  // What a frame runs, in order. The first frame also clears the state of maps that are new.
  gpu::Sequence model_sequence() { return program_.part(0); }
  std::vector<gpu::Sequence> map_sequences();
  void has_run() { cleared_ = true; }

 private:
  maps::Kept record_model(const LoadedModel& model, const Tensor& input, const Classify& classes);
  void record_maps(const maps::Kept& kept, const ModelInfo& info, const ModelStage* before);
  std::shared_ptr<gpu::Buffer> state_for(const Map& map, const ModelStage* before);

  gpu::Device& device_;
  std::vector<LiveView> views_;
  std::optional<Recorder> recorder_;  // until finish()
  Classify::Answer answer_;
  std::vector<Map> maps_;
  std::vector<std::pair<Tensor, std::vector<uint32_t>>> presets_;
  std::vector<std::shared_ptr<gpu::Buffer>> fresh_;
  std::unique_ptr<gpu::Commands> clear_;
  bool cleared_ = false;
  Program program_;
};

}  // namespace fovea
