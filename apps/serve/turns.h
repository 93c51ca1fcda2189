// One request at a time for what only one can use; a few wait, more are turned away.
#pragma once

#include <atomic>
#include <mutex>

#include "apps/serve/http/http.h"

namespace fovea::apps::serve {

class Turns {
 public:
  // Those who wait, and the one whose turn it is.
  int taken() const { return waiting_; }

 private:
  friend class Turn;
  static constexpr int most_waiting = 8;
  std::atomic<int> waiting_{0};
  std::mutex mutex_;
};

// Ends on the thread that began it.
class Turn {
 public:
  // Throws Refusal(503) when too many wait already.
  explicit Turn(Turns& turns) : held_(turns.waiting_) {
    if (++held_.count > Turns::most_waiting) throw Refusal(503, "too many pictures are waiting");
    lock_ = std::unique_lock(turns.mutex_);
  }

 private:
  struct Count {
    explicit Count(std::atomic<int>& c) : count(c) {}
    ~Count() { --count; }
    Count(const Count&) = delete;
    Count& operator=(const Count&) = delete;
    std::atomic<int>& count;
  };
  Count held_;  // counted down also when the constructor throws
  std::unique_lock<std::mutex> lock_;
};

}  // namespace fovea::apps::serve
