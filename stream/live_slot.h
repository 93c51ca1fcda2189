// One frame in flight: staging memory of its own, and what it runs.
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "fovea/live.h"
#include "runtime/vk/timeline.h"
#include "stream/live_pictures.h"

namespace fovea {

// What frames share: recorded once, run in the order of their submission.
struct LiveStages {
  std::shared_ptr<FrameStage> frame;
  std::shared_ptr<ModelStage> model;
  std::shared_ptr<PictureStage> pictures;
  bool operator==(const LiveStages&) const = default;
};

class LiveSlot {
 public:
  explicit LiveSlot(gpu::Device& device);

  // Copies the frame into staging memory and starts its work.
  void submit(gpu::Timeline& timeline, const LiveStages& stages, const ImageView& frame, uint64_t number);
  bool done(gpu::Timeline& timeline, std::chrono::nanoseconds wait) const {
    return timeline.done(submission_, wait);
  }
  // Waits for the frame. Throws Error(unsupported) when activations left the range of fp16.
  LiveFrame collect(gpu::Timeline& timeline, const ModelInfo& info);

 private:
  using Clock = std::chrono::steady_clock;
  struct Copied {  // a tensor in the read-back memory
    Tensor tensor;
    uint64_t offset = 0;
  };

  void record(const LiveStages& stages);
  Copied place(const Tensor& t, uint64_t& bytes) const;
  std::vector<float> floats(const Copied& c) const;
  std::vector<uint32_t> words(const Copied& c) const;
  LivePicture picture(size_t view) const;
  StageTimes times() const;

  gpu::Device& device_;
  gpu::Timestamps stamps_;
  std::vector<gpu::Commands> between_;  // stages, only to stamp the time
  LiveStages stages_;
  std::unique_ptr<gpu::Buffer> upload_, readback_;
  std::unique_ptr<gpu::Commands> before_, after_;
  Copied answer_, probabilities_, indices_;
  std::vector<Copied> maps_;                   // as in the stage
  std::vector<std::vector<Copied>> pictures_;  // of each view its strips

  uint64_t number_ = 0, submission_ = 0;
  Clock::time_point start_;
};

}  // namespace fovea
