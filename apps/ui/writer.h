// Pictures into a video, an animated GIF or numbered files.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <opencv2/core/mat.hpp>
#include <string>
#include <thread>

#include "apps/ui/feed.h"

namespace fovea::apps {

class FrameWriter {
 public:
  virtual ~FrameWriter() = default;
  // The first one sets the size of a file that has one; later ones are fitted into it with black borders.
  // Throws Error(file).
  virtual void write(const cv::Mat& bgr) = 0;
  // Completes the file; without it the file is deleted. Throws Error(file).
  virtual void finish() = 0;
};

// By the name: ".gif"; a picture's extension with one %d or %04d, or a name that ends in "/" for
// frame_000000.png and so on; anything else is a video. Throws Error(usage) for a picture without a number.
std::unique_ptr<FrameWriter> open_writer(const std::string& out, double frames_per_second);

// Encodes in a thread of its own, so that model and encoder work side by side.
class WriterThread {
 public:
  explicit WriterThread(std::unique_ptr<FrameWriter> writer);
  // What was not finished is thrown away.
  ~WriterThread();
  WriterThread(const WriterThread&) = delete;
  WriterThread& operator=(const WriterThread&) = delete;

  // Waits while several pictures are queued. Throws what an earlier one's writing threw.
  void write(cv::Mat bgr, size_t times = 1);
  // The same without waiting: false when the queue is full and nothing was taken.
  bool offer(const cv::Mat& bgr, size_t times);
  // Waits for all of it. Throws likewise.
  void finish();

 private:
  struct Item {
    cv::Mat picture;
    size_t times;
  };
  void work();

  std::unique_ptr<FrameWriter> writer_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> queue_;
  bool closing_ = false, stop_ = false, done_ = false;
  std::exception_ptr failure_;
  std::thread thread_;
};

// How often a picture is to be written so that a file with a fixed rate keeps the time of a source that has
// none.
class Timekeeper {
 public:
  explicit Timekeeper(double frames_per_second) : rate_(frames_per_second) {}
  // For the picture before, which was on show until now.
  size_t times_until(Clock::time_point now);

 private:
  double rate_;
  Clock::time_point start_{};
  size_t written_ = 0;
};

}  // namespace fovea::apps
