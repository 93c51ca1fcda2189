// Where an engine's frames come from.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <opencv2/core/mat.hpp>
#include <optional>
#include <string>

namespace fovea::apps {

using Clock = std::chrono::steady_clock;

struct SourceFrame {
  cv::Mat bgr;          // 8-bit, never changed once handed over
  uint64_t number = 0;  // of the source, dropped frames counted too
  Clock::time_point taken = Clock::now();
};

struct FeedStatus {
  uint64_t dropped = 0;
  bool waiting = false;  // for a source that went away
  bool ended = false;    // no frame will come any more, and all have been taken
  bool failed = false;   // and that is an error, which `note` tells
  std::string note;      // one line for people; empty while all is well
};

// A hand-over between the thread that captures and the one that draws. Of a live source the newest frame wins
// and those it overtakes are counted; of a file every frame is kept, in order, and the capturing side waits.
class FrameFeed {
 public:
  enum class Order { newest, all };

  explicit FrameFeed(Order order) : order_(order) {}
  virtual ~FrameFeed() = default;
  FrameFeed(const FrameFeed&) = delete;
  FrameFeed& operator=(const FrameFeed&) = delete;

  // The next frame; nothing when none came in time, at the end, or after wake().
  std::optional<SourceFrame> next(std::chrono::milliseconds wait);
  // Lets the next() that waits, or the following one, return at once.
  void wake();
  FeedStatus status() const;
  bool live() const { return order_ == Order::newest; }

 protected:
  // False when it was stopped, and then the frame is not taken.
  bool put(cv::Mat bgr);
  void say(bool waiting, std::string note);
  void end(std::string note, bool failed = false);
  // Lets put() and rest() return false from now on.
  void stop();
  bool stopped() const;
  // False as soon as it is stopped.
  bool rest(std::chrono::milliseconds time);

 private:
  const Order order_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<SourceFrame> waiting_;
  FeedStatus status_;
  uint64_t count_ = 0;
  bool woken_ = false, stopped_ = false;
};

// Frames that somebody else brings, such as a browser with its camera; newest wins.
class PushFeed : public FrameFeed {
 public:
  PushFeed() : FrameFeed(Order::newest) {}
  void push(cv::Mat bgr) { put(std::move(bgr)); }
};

}  // namespace fovea::apps
