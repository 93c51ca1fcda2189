#include "apps/ui/feed.h"

#include <utility>

namespace fovea::apps {

namespace {
constexpr size_t most_waiting = 3;
}

std::optional<SourceFrame> FrameFeed::next(std::chrono::milliseconds wait) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, wait, [&] { return woken_ || stopped_ || status_.ended || !waiting_.empty(); });
  woken_ = false;
  if (waiting_.empty()) return std::nullopt;
  SourceFrame frame = std::move(waiting_.front());
  waiting_.pop_front();
  changed_.notify_all();
  return frame;
}

void FrameFeed::wake() {
  const std::lock_guard lock(mutex_);
  woken_ = true;
  changed_.notify_all();
}

FeedStatus FrameFeed::status() const {
  const std::lock_guard lock(mutex_);
  FeedStatus status = status_;
  status.ended = status.ended && waiting_.empty();
  return status;
}

bool FrameFeed::put(cv::Mat bgr) {
  std::unique_lock lock(mutex_);
  if (order_ == Order::all) changed_.wait(lock, [&] { return stopped_ || waiting_.size() < most_waiting; });
  if (stopped_) return false;
  if (order_ == Order::newest) {
    status_.dropped += waiting_.size();
    waiting_.clear();
  }
  waiting_.push_back({std::move(bgr), count_++});
  changed_.notify_all();
  return true;
}

void FrameFeed::say(bool waiting, std::string note) {
  const std::lock_guard lock(mutex_);
  status_.waiting = waiting;
  status_.note = std::move(note);
}

void FrameFeed::end(std::string note, bool failed) {
  const std::lock_guard lock(mutex_);
  status_.ended = true;
  status_.failed = failed;
  status_.waiting = false;
  status_.note = std::move(note);
  changed_.notify_all();
}

void FrameFeed::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

bool FrameFeed::stopped() const {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

bool FrameFeed::rest(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, time, [&] { return stopped_; });
}

}  // namespace fovea::apps
