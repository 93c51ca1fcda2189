// How far a download is, on stderr: a bar with rate and time left on a terminal, a line now and then
// elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace fovea::apps::hub {

// "21.9 MiB"
std::string bytes_text(uint64_t bytes);

class Bar {
 public:
  // `total` 0: not known. `have` bytes were there before.
  Bar(std::string name, uint64_t total, uint64_t have);
  ~Bar() { hide(); }
  Bar(const Bar&) = delete;
  Bar& operator=(const Bar&) = delete;

  void advance(uint64_t bytes);
  // The server began anew.
  void restart();
  // Takes the bar off the screen.
  void hide();
  // Leaves a line that says what came.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  std::string line(Clock::time_point now) const;

  std::string name_;
  uint64_t total_, done_, come_ = 0;
  bool terminal_, visible_ = false;
  Clock::time_point start_ = Clock::now(), drawn_ = start_;
  // The rate is that of the last seconds.
  Clock::time_point window_ = start_;
  uint64_t window_come_ = 0;
  double rate_ = 0;
};

}  // namespace fovea::apps::hub
