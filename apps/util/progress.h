// How far a long piece of work is, on stderr: a bar with rate and time left, redrawn in place on a terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace fovea::apps {

// "21.9 MiB"
std::string bytes_text(uint64_t bytes);

class Progress {
 public:
  struct Options {
    std::string unit{};     // of what is counted: "images"; empty: bytes
    std::string name{};     // at the beginning of the line
    uint64_t have = 0;      // of these, done before
    uint64_t at_least = 8;  // nothing is shown for fewer
    bool lines = false;     // elsewhere than on a terminal: a line every ten seconds and one in the end
  };
  // total 0: not known, so neither bar nor time left.
  Progress(uint64_t total, Options options);
  ~Progress() { hide(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void advance(uint64_t count = 1);
  // All over again, what was there before too.
  void restart() { done_ = 0; }
  // Takes the bar off the screen so that a line can be printed; the next advance() brings it back.
  void hide();
  // Leaves a line that says what was done.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  std::string amount(uint64_t count) const;
  std::string line(Clock::time_point now) const;

  Options options_;
  uint64_t total_, done_, come_ = 0;  // come_: done by us
  bool terminal_, shown_, visible_ = false;
  Clock::time_point start_ = Clock::now(), drawn_;
  // The rate is that of the last seconds.
  Clock::time_point window_ = start_;
  uint64_t window_come_ = 0;
  double rate_ = 0;
};

}  // namespace fovea::apps
