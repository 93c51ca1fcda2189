// Pictures of a live stream: one a view, its maps drawn over the frame.
#pragma once

#include <vector>

#include "stream/live_frame.h"
#include "stream/live_model.h"

namespace fovea {

class PictureStage {
 public:
  // Both stages must outlive this one.
  PictureStage(gpu::Device& device, const FrameStage& frame, const ModelStage& maps);

  Program* program() { return recorded_ ? &program_ : nullptr; }  // nullptr where nothing is drawn

  // A picture's rows on the device, BGR8, row_bytes apart, strip by strip.
  struct Picture {
    std::vector<Tensor> strips;
  };
  const std::vector<Picture>& pictures() const { return pictures_; }
  size_t row_bytes() const { return row_bytes_; }
  uint64_t picture_bytes() const { return picture_bytes_; }

 private:
  std::vector<Picture> pictures_;
  size_t row_bytes_ = 0;
  uint64_t picture_bytes_ = 0;
  bool recorded_ = false;
  Program program_;
};

}  // namespace fovea
