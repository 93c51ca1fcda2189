// The model and the maps of a live stream as one recording: each map is drawn once a frame, whoever asks for
// it, and only what maps are drawn from outlives its layer. Keeping all of a ViT-Tiny's queries and keys
// instead costs a CPU driver 5 to 8 % of the model's time, and recording anew costs it half a millisecond.
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
    LiveLayer asked;  // its look means nothing here
    uint32_t rows = 0, cols = 0;
    Tensor values, levels;               // as ops::levels() gives them
    std::shared_ptr<gpu::Buffer> state;  // of earlier frames; empty where nothing is remembered
  };

  // input: [1, 3, H, W]. Throws Error(usage) for what a view cannot ask of the model. Maps that `before` has
  // too go on with what they remember; it may be nullptr.
  ModelStage(const LoadedModel& model, const Tensor& input, const Classify& classes,
             std::span<const LiveView> views, const ModelStage* before);

  const std::vector<LiveView>& views() const { return views_; }
  size_t index_of(const LiveLayer& layer) const;

  // Takes device memory; what follows needs it.
  void finish();

  const std::vector<Map>& maps() const { return maps_; }
  const Classify::Answer& answer() const { return answer_; }

  // What a frame runs, in order. The first frame's maps also clear what nothing is remembered of yet.
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
