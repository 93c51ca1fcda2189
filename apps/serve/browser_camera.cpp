#include "apps/serve/browser_camera.h"

#include <utility>

#include "apps/serve/guard.h"
#include "apps/serve/http/http.h"

namespace fovea::apps::serve {
namespace {

constexpr std::chrono::milliseconds silence{5000};
constexpr const char* no_camera = "waiting for a browser's camera";

}  // namespace

BrowserCamera::BrowserCamera(std::unique_ptr<FrameFeed> source)
    : FrameFeed(Order::newest), source_(std::move(source)) {
  if (source_)
    thread_ = std::thread([this] { pass_through(); });
  else
    say(true, no_camera);
}

BrowserCamera::~BrowserCamera() {
  stop();
  if (source_) source_->wake();
  if (thread_.joinable()) thread_.join();
}

void BrowserCamera::pass_through() {
  while (!stopped()) {
    std::optional<SourceFrame> frame = source_->next(std::chrono::milliseconds(100));
    const FeedStatus status = source_->status();
    if (active()) continue;
    say(status.waiting, status.note);
    if (frame) put(std::move(frame->bgr));
    // A file that has ended leaves room for a camera.
    if (status.ended && !rest(std::chrono::milliseconds(100))) return;
  }
}

bool BrowserCamera::silent() const {
  return id_.empty() || Clock::now() - heard_ > silence;
}

std::string BrowserCamera::begin() {
  const std::lock_guard lock(mutex_);
  if (!silent()) throw Refusal(409, "another browser's camera is in use");
  id_ = random_id();
  heard_ = Clock::now();
  say(true, no_camera);
  return id_;
}

void BrowserCamera::check(const std::string& id) {
  const std::lock_guard lock(mutex_);
  if (id_.empty() || id != id_) throw Refusal(404, "no such camera; one that falls silent is forgotten");
  heard_ = Clock::now();
}

void BrowserCamera::push(const std::string& id, cv::Mat bgr) {
  check(id);
  say(false, {});
  put(std::move(bgr));
}

void BrowserCamera::finish(const std::string& id) {
  const std::lock_guard lock(mutex_);
  if (id_.empty() || id != id_) throw Refusal(404, "no such camera");
  forget();
}

void BrowserCamera::sweep() {
  const std::lock_guard lock(mutex_);
  if (!id_.empty() && silent()) forget();
}

void BrowserCamera::forget() {
  id_.clear();
  if (!source_) say(true, no_camera);
}

bool BrowserCamera::active() const {
  const std::lock_guard lock(mutex_);
  return !silent();
}

}  // namespace fovea::apps::serve
