#include "apps/util/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>

#include "apps/util/terminal.h"

namespace fovea::apps {

std::string clock_time(double seconds) {
  // A rate near zero gives any number; a day is "long enough" to stop counting.
  const auto whole = static_cast<int64_t>(std::clamp(seconds, 0.0, 86400.0 * 99));
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

Progress::Progress(size_t total, std::string unit, size_t at_least)
    : total_(total),
      unit_(std::move(unit)),
      shown_(stderr_is_terminal() && (total == 0 || total >= at_least)) {}

std::string Progress::line() const {
  const double elapsed = std::chrono::duration<double>(Clock::now() - start_).count();
  const double rate = elapsed > 0 ? static_cast<double>(done_) / elapsed : 0;
  if (total_ == 0) return fmt::format("{} {}  {:.1f}/s", done_, unit_, rate);
  constexpr size_t width = 24;
  const size_t filled = std::min(width, done_ * width / total_);
  const double left = rate > 0 ? static_cast<double>(total_ - std::min(done_, total_)) / rate : 0;
  return fmt::format("[{}{}] {}/{} {}  {:.1f}/s  ETA {}", std::string(filled, '#'),
                     std::string(width - filled, '.'), done_, total_, unit_, rate, clock_time(left));
}

void Progress::advance(size_t items) {
  done_ += items;
  if (!shown_) return;
  const auto now = Clock::now();
  if (visible_ && now - drawn_ < std::chrono::milliseconds(100)) return;
  drawn_ = now;
  visible_ = true;
  const std::string text = fmt::format("\r{}\x1b[K", line());
  std::fwrite(text.data(), 1, text.size(), stderr);
}

void Progress::hide() {
  if (!visible_) return;
  visible_ = false;
  std::fputs("\r\x1b[K", stderr);
}

}  // namespace fovea::apps
