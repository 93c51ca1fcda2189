#include "apps/util/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "apps/util/terminal.h"

namespace fovea::apps {
namespace {

using std::chrono::duration;
constexpr auto redraw = std::chrono::milliseconds(100);
constexpr auto plain_line = std::chrono::seconds(10);
constexpr auto rate_window = std::chrono::seconds(2);

// 75 → "1:15", 3700 → "1:01:40".
std::string clock_time(double seconds) {
  // A rate near zero gives any number; a day is "long enough" to stop counting.
  const auto whole = static_cast<int64_t>(std::clamp(seconds, 0.0, 86400.0 * 99));
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

std::string bar(uint64_t done, uint64_t total) {
  constexpr size_t width = 24;
  const double part = static_cast<double>(std::min(done, total)) / static_cast<double>(total);
  const auto filled = static_cast<size_t>(part * width);
  return fmt::format("[{}{}]", std::string(filled, '#'), std::string(width - filled, '.'));
}

}  // namespace

std::string bytes_text(uint64_t bytes) {
  constexpr uint64_t kib = 1024, mib = kib * 1024, gib = mib * 1024;
  if (bytes >= gib) return fmt::format("{:.2f} GiB", static_cast<double>(bytes) / gib);
  if (bytes >= mib) return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / mib);
  if (bytes >= kib) return fmt::format("{:.1f} KiB", static_cast<double>(bytes) / kib);
  return fmt::format("{} bytes", bytes);
}

Progress::Progress(uint64_t total, Options options)
    : options_(std::move(options)),
      total_(total),
      done_(options_.have),
      terminal_(stderr_is_terminal()),
      shown_((terminal_ || options_.lines) && (total == 0 || total >= options_.at_least)),
      // A bar appears at once, plain lines after a while.
      drawn_(terminal_ ? Clock::time_point() : start_) {
  if (shown_ && !terminal_ && done_ > 0)
    complain(fmt::format("{}: goes on at {}", options_.name, amount(done_)));
}

std::string Progress::amount(uint64_t count) const {
  return options_.unit.empty() ? bytes_text(count) : fmt::format("{}", count);
}

std::string Progress::line(Clock::time_point now) const {
  const double elapsed = duration<double>(now - start_).count();
  const double mean = elapsed > 0 ? static_cast<double>(come_) / elapsed : 0;
  const double rate = rate_ > 0 ? rate_ : mean;
  std::string text = options_.name.empty() ? "" : options_.name + "  ";
  if (terminal_ && total_ > 0) text += bar(done_, total_) + ' ';
  text += amount(done_);
  if (total_ > 0) text += " of " + amount(total_);
  if (options_.unit.empty())
    text += fmt::format("  {}/s", bytes_text(static_cast<uint64_t>(rate)));
  else
    text += fmt::format(" {}  {:.1f}/s", options_.unit, rate);
  if (total_ > done_ && rate > 0)
    text += fmt::format("  ETA {}", clock_time(static_cast<double>(total_ - done_) / rate));
  return text;
}

void Progress::advance(uint64_t count) {
  done_ += count;
  come_ += count;
  window_come_ += count;
  if (!shown_) return;
  const auto now = Clock::now();
  if (now - window_ >= rate_window) {
    rate_ = static_cast<double>(window_come_) / duration<double>(now - window_).count();
    window_ = now;
    window_come_ = 0;
  }
  if (now - drawn_ < (terminal_ ? Clock::duration(redraw) : Clock::duration(plain_line))) return;
  drawn_ = now;
  if (!terminal_) return complain(line(now));
  visible_ = true;
  const std::string text = fmt::format("\r{}\x1b[K", line(now));
  std::fwrite(text.data(), 1, text.size(), stderr);
}

void Progress::hide() {
  if (!visible_) return;
  visible_ = false;
  drawn_ = {};  // the next one shows it again
  std::fputs("\r\x1b[K", stderr);
}

void Progress::finish() {
  hide();
  if (options_.lines) complain(fmt::format("{}: {}", options_.name, amount(done_)));
}

}  // namespace fovea::apps
