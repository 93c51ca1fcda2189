#include "fovea/live.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <deque>

#include "fovea/error.h"

namespace fovea {

using Clock = std::chrono::steady_clock;

struct Live::Impl {
  Session session;
  LiveOptions options;
  std::vector<LiveView> views{};
  std::deque<LiveFrame> done{};
};

Live::Live(const Model& model, const LiveOptions& options) {
  if (options.in_flight == 0 || options.in_flight > 8)
    throw Error(ErrorKind::usage, fmt::format("[live] {} frames in flight, it takes 1…8", options.in_flight));
  SessionOptions s;
  s.top_k = options.top_k;
  s.attention = true;
  impl_.reset(new Impl{Session(model, s), options});
  impl_->session.prepare();
}
Live::~Live() = default;
Live::Live(Live&&) noexcept = default;
Live& Live::operator=(Live&&) noexcept = default;

const Model& Live::model() const {
  return impl_->session.model();
}

void Live::set_views(std::span<const LiveView> views) {
  impl_->views.assign(views.begin(), views.end());
}

bool Live::full() const {
  return impl_->done.size() >= impl_->options.in_flight;
}

bool Live::empty() const {
  return impl_->done.empty();
}

void Live::submit(const ImageView& frame, uint64_t number) {
  if (full()) throw Error(ErrorKind::usage, "[live] too many frames in flight: collect() one first");
  const auto start = Clock::now();
  LiveFrame out;
  out.number = number;
  out.width = frame.width;
  out.height = frame.height;
  const auto results = impl_->session.classify({&frame, 1});
  out.topk = results.front().topk;
  out.device_ms.preprocess = results.front().preprocess_ms;
  out.device_ms.model = results.front().model_ms;
  for (const LiveView& view : impl_->views) {
    LivePicture& picture = out.pictures.emplace_back();
    ImageView under = frame;
    for (const LiveLayer& layer : view.layers) {
      picture.maps.push_back(impl_->session.map(layer.map));
      picture.bgr = impl_->session.overlay(under, picture.maps.back(), layer.look);
      under = {picture.bgr.data(), frame.width, frame.height, size_t{frame.width} * 3, PixelFormat::rgb8};
    }
    for (size_t i = 0; i + 2 < picture.bgr.size(); i += 3) std::swap(picture.bgr[i], picture.bgr[i + 2]);
  }
  out.latency_ms = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  impl_->done.push_back(std::move(out));
}

std::optional<LiveFrame> Live::collect() {
  if (impl_->done.empty()) return std::nullopt;
  LiveFrame out = std::move(impl_->done.front());
  impl_->done.pop_front();
  return out;
}

Region Live::visible_region(uint32_t width, uint32_t height) const {
  return impl_->session.visible_region(width, height);
}

PatchIndex Live::patch_at(uint32_t width, uint32_t height, double x, double y, int layer) const {
  return impl_->session.patch_at(width, height, x, y, layer);
}

}  // namespace fovea
