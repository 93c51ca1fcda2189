// A progress bar with rate and time left, on stderr, only when that is a terminal.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace fovea::apps {

class Progress {
 public:
  // total 0: not known, so neither bar nor time left. Nothing is shown for fewer than `at_least` items.
  Progress(size_t total, std::string unit, size_t at_least = 8);
  ~Progress() { hide(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void advance(size_t items = 1);
  // Takes the bar off the screen so that a line can be printed; the next advance() brings it back.
  void hide();

 private:
  using Clock = std::chrono::steady_clock;
  std::string line() const;

  size_t total_, done_ = 0;
  std::string unit_;
  bool shown_, visible_ = false;
  Clock::time_point start_ = Clock::now(), drawn_{};
};

// 75 → "1:15", 3700 → "1:01:40".
std::string clock_time(double seconds);

}  // namespace fovea::apps
