#include "apps/util/decode_queue.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <new>
#include <utility>

#include "apps/util/decode.h"
#include "apps/util/elapsed.h"

namespace fovea::apps {
namespace {

// Decoded pixels that may wait; one image beyond it is always allowed, so that work goes on.
constexpr size_t most_waiting_bytes = size_t{512} << 20;

size_t bytes_of(const cv::Mat& image) {
  return image.total() * image.elemSize();
}

Decoded decode(const Input& input) {
  Decoded result;
  if (!input.error.empty()) {
    result.error = input.error;
    return result;
  }
  const auto start = std::chrono::steady_clock::now();
  try {
    result.image = decode_image(read_file(input.path));
  } catch (const std::bad_alloc&) {
    result.error = "not enough memory to decode it";
  } catch (const std::exception& error) {
    result.error = error.what();
  }
  result.ms = ms_since(start);
  return result;
}

}  // namespace

DecodeQueue::DecodeQueue(std::span<const Input> inputs, size_t ahead)
    : inputs_(inputs), ahead_(std::max<size_t>(ahead, 1)) {
  const size_t cores = std::clamp<size_t>(std::thread::hardware_concurrency(), 1, 8);
  const size_t count = std::min({cores, inputs.size(), ahead_});
  for (size_t i = 0; i < count; ++i) threads_.emplace_back([this] { work(); });
}

DecodeQueue::~DecodeQueue() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool DecodeQueue::may_start() const {
  if (stop_ || started_ == inputs_.size()) return true;  // to leave
  // The one that next() waits for is never held back.
  return started_ == taken_ || (started_ - taken_ < ahead_ && waiting_bytes_ < most_waiting_bytes);
}

void DecodeQueue::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return may_start(); });
    if (stop_ || started_ == inputs_.size()) return;
    const size_t index = started_++;
    lock.unlock();
    Decoded decoded = decode(inputs_[index]);
    lock.lock();
    waiting_bytes_ += bytes_of(decoded.image);
    ready_.emplace(index, std::move(decoded));
    changed_.notify_all();
  }
}

Decoded DecodeQueue::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ready_.contains(taken_); });
  Decoded decoded = std::move(ready_.extract(taken_).mapped());
  waiting_bytes_ -= bytes_of(decoded.image);
  ++taken_;
  changed_.notify_all();
  return decoded;
}

}  // namespace fovea::apps
