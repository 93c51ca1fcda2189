#include "fovea/live.h"

#include <fmt/format.h>

#include <algorithm>
#include <list>

#include "fovea/error.h"
#include "models/answers.h"
#include "models/boundary.h"
#include "models/live_slot.h"
#include "models/preprocess.h"

namespace fovea {
namespace {

constexpr size_t kept_sizes = 4;  // frame sizes and formats whose stages are kept
constexpr uint32_t most_in_flight = 8;

Forward::Options forward_options(uint32_t top_k) {
  Forward::Options options;
  options.classify = true;
  options.top_k = top_k;
  options.attention = true;
  options.overlapping = true;
  return options;
}

}  // namespace

// Host writes into memory that frames share happen only when a stage is made, before its first run; changing
// views or sizes makes new stages, and those of frames in flight live on in their slots.
struct Live::Impl {
  Impl(const Model& m, const LiveOptions& options)
      : model(m),
        device(model.device().impl()),
        forward(model.impl(), forward_options(std::clamp(options.top_k, 1U, model.info().classes))),
        input(forward.input()),
        maps(std::make_shared<MapStage>(device, forward, model.info(), std::span<const LiveView>(), nullptr)),
        timeline(device) {
    for (uint32_t i = 0; i < options.in_flight; ++i) slots.push_back(std::make_unique<LiveSlot>(device));
    device.save_pipeline_cache();
  }

  struct Size {
    std::shared_ptr<FrameStage> frame;
    std::shared_ptr<MapStage> maps;  // that the pictures are drawn from
    std::shared_ptr<PictureStage> pictures;
  };

  Model model;
  gpu::Device& device;
  Forward forward;
  Tensor input;
  std::shared_ptr<MapStage> maps;
  std::list<Size> sizes;  // latest first
  std::vector<std::unique_ptr<LiveSlot>> slots;
  size_t first = 0, count = 0;  // frames in flight, a ring
  gpu::Timeline timeline;       // last: waits for all before anything goes

  Size& size_for(const ImageView& frame) {
    const auto found =
        std::find_if(sizes.begin(), sizes.end(), [&](const Size& s) { return s.frame->takes(frame); });
    if (found != sizes.end()) {
      sizes.splice(sizes.begin(), sizes, found);
    } else {
      sizes.push_front(
          {std::make_shared<FrameStage>(device, model.impl().preprocess(), input, frame), nullptr, nullptr});
      if (sizes.size() > kept_sizes) sizes.pop_back();
    }
    return sizes.front();
  }

  LiveStages stages_for(const ImageView& frame) {
    Size& size = size_for(frame);
    if (size.maps != maps) {
      size.pictures = std::make_shared<PictureStage>(device, *size.frame, *maps);
      size.maps = maps;
      device.save_pipeline_cache();
    }
    return {size.frame, size.maps, size.pictures};
  }
};

Live::Live(const Model& model, const LiveOptions& options) {
  if (options.in_flight == 0 || options.in_flight > most_in_flight)
    throw Error(ErrorKind::usage,
                fmt::format("[live] {} frames in flight, it takes 1…{}", options.in_flight, most_in_flight));
  impl_ = at_boundary("live", [&] { return std::make_unique<Impl>(model, options); });
}
Live::~Live() = default;
Live::Live(Live&&) noexcept = default;
Live& Live::operator=(Live&&) noexcept = default;

const Model& Live::model() const {
  return impl_->model;
}

void Live::set_views(std::span<const LiveView> views) {
  const auto& now = impl_->maps->views();
  if (std::equal(views.begin(), views.end(), now.begin(), now.end())) return;
  at_boundary("live", [&] {
    impl_->maps = std::make_shared<MapStage>(impl_->device, impl_->forward, impl_->model.info(), views,
                                             impl_->maps.get());
  });
}

bool Live::full() const {
  return impl_->count == impl_->slots.size();
}

bool Live::empty() const {
  return impl_->count == 0;
}

void Live::submit(const ImageView& frame, uint64_t number) {
  check_image(frame, "live");
  if (full())
    throw Error(ErrorKind::usage,
                fmt::format("[live] {} frames are in flight: collect() one first", impl_->slots.size()));
  at_boundary("live", [&] {
    LiveSlot& slot = *impl_->slots[(impl_->first + impl_->count) % impl_->slots.size()];
    slot.submit(impl_->timeline, impl_->stages_for(frame), impl_->forward, frame, number);
    ++impl_->count;
  });
}

std::optional<LiveFrame> Live::collect() {
  if (empty()) return std::nullopt;
  return at_boundary("live", [&] {
    LiveSlot& slot = *impl_->slots[impl_->first];
    impl_->first =
        (impl_->first + 1) % impl_->slots.size();  // also when it fails: the next frame may be well
    --impl_->count;
    return std::optional(slot.collect(impl_->timeline, impl_->model.info()));
  });
}

Region Live::visible_region(uint32_t width, uint32_t height) const {
  return plan_preprocess(impl_->model.impl().preprocess(), height, width).region;
}

PatchIndex Live::patch_at(uint32_t width, uint32_t height, double x, double y, int layer) const {
  return patch_under(impl_->model.info(), visible_region(width, height), width, height, x, y, layer);
}

}  // namespace fovea
