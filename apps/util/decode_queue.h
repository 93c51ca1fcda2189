// Decodes image files on threads of its own while the device computes, and hands them over in order.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <map>
#include <mutex>
#include <opencv2/core/mat.hpp>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "apps/util/inputs.h"

namespace fovea::apps {

struct Decoded {
  cv::Mat image;      // 8-bit BGR; empty when there is an error
  std::string error;  // why it could not be decoded
  double ms = 0;      // reading and decoding
};

// At most `ahead` images wait at a time, and fewer when they are large.
class DecodeQueue {
 public:
  // `inputs` must outlive the queue.
  DecodeQueue(std::span<const Input> inputs, size_t ahead);
  ~DecodeQueue();
  DecodeQueue(const DecodeQueue&) = delete;
  DecodeQueue& operator=(const DecodeQueue&) = delete;

  // The next input's image; call once per input at most.
  Decoded next();

 private:
  void work();
  bool may_start() const;

  std::span<const Input> inputs_;
  size_t ahead_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<size_t, Decoded> ready_;
  size_t started_ = 0, taken_ = 0, waiting_bytes_ = 0;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace fovea::apps
