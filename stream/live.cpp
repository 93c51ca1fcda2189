#include "fovea/live.h"

#include <fmt/format.h>

#include <algorithm>
#include <list>

#include "core/boundary.h"
#include "fovea/error.h"
#include "models/tasks/patch_under.h"
#include "stream/live_slot.h"
#include "vision/preprocess.h"

namespace fovea {
namespace {

constexpr size_t kept_sizes = 4;  // frame sizes and formats whose stages are kept
constexpr uint32_t most_in_flight = 8;

}  // namespace

// The host writes into memory that frames share only when a stage is made, before its first run. A change of
// views or sizes makes new stages; frames in flight keep theirs alive in their slots.
struct Live::Impl {
  Impl(const Model& m, const LiveOptions& options)
      : model(m), device(model.device().impl()), classes(model.impl(), options.top_k), timeline(device) {
    input.shape = {1, 3, model.info().height, model.info().width};
    input.dtype = model.impl().storage();
    input_buffer = std::make_unique<gpu::Buffer>(device, (input.bytes() + 15) / 16 * 16, gpu::Memory::device);
    input.buffer = input_buffer.get();
    set_views({});
    stage->finish();  // compiles and measures now and not with the first frame
    for (uint32_t i = 0; i < options.in_flight; ++i) slots.push_back(std::make_unique<LiveSlot>(device));
    device.save_pipeline_cache();
  }

  struct Size {
    std::shared_ptr<FrameStage> frame;
    std::shared_ptr<ModelStage> model;  // that the pictures are drawn from
    std::shared_ptr<PictureStage> pictures;
  };

  Model model;
  gpu::Device& device;
  Classify classes;
  std::unique_ptr<gpu::Buffer> input_buffer;
  Tensor input;  // of the model, for frames of every size
  std::shared_ptr<ModelStage> stage;
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
    if (size.model != stage) {
      stage->finish();
      size.pictures = std::make_shared<PictureStage>(device, *size.frame, *stage);
      size.model = stage;
      device.save_pipeline_cache();
    }
    return {size.frame, size.model, size.pictures};
  }

  void set_views(std::span<const LiveView> views) {
    stage = std::make_shared<ModelStage>(model.impl(), input, classes, views, stage.get());
  }
};

Live::Live(const Model& model, const LiveOptions& options) {
  model.impl().demand_pictures("live");
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
  const auto& now = impl_->stage->views();
  if (std::equal(views.begin(), views.end(), now.begin(), now.end())) return;
  at_boundary("live", [&] { impl_->set_views(views); });
}

bool Live::full() const {
  return impl_->count == impl_->slots.size();
}

bool Live::empty() const {
  return impl_->count == 0;
}

void Live::submit(const ImageView& frame, uint64_t number) {
  check_frame(frame, "live");
  if (full())
    throw Error(ErrorKind::usage,
                fmt::format("[live] {} frames are in flight: collect() one first", impl_->slots.size()));
  at_boundary("live", [&] {
    LiveSlot& slot = *impl_->slots[(impl_->first + impl_->count) % impl_->slots.size()];
    slot.submit(impl_->timeline, impl_->stages_for(frame), frame, number);
    ++impl_->count;
  });
}

bool Live::ready(std::chrono::nanoseconds wait) const {
  return empty() ||
         at_boundary("live", [&] { return impl_->slots[impl_->first]->done(impl_->timeline, wait); });
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
