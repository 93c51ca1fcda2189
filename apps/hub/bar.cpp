#include "apps/hub/bar.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "apps/util/progress.h"
#include "apps/util/terminal.h"

namespace fovea::apps::hub {
namespace {

using std::chrono::duration;
constexpr auto redraw = std::chrono::milliseconds(100);
constexpr auto plain_line = std::chrono::seconds(10);
constexpr auto rate_window = std::chrono::seconds(2);

}  // namespace

std::string bytes_text(uint64_t bytes) {
  constexpr uint64_t kib = 1024, mib = kib * 1024, gib = mib * 1024;
  if (bytes >= gib) return fmt::format("{:.2f} GiB", static_cast<double>(bytes) / gib);
  if (bytes >= mib) return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / mib);
  if (bytes >= kib) return fmt::format("{:.1f} KiB", static_cast<double>(bytes) / kib);
  return fmt::format("{} bytes", bytes);
}

Bar::Bar(std::string name, uint64_t total, uint64_t have)
    : name_(std::move(name)), total_(total), done_(have), terminal_(stderr_is_terminal()) {
  if (!terminal_ && have > 0) complain(fmt::format("{}: goes on at {}", name_, bytes_text(have)));
}

std::string Bar::line(Clock::time_point now) const {
  const double elapsed = duration<double>(now - start_).count();
  const double mean = elapsed > 0 ? static_cast<double>(come_) / elapsed : 0;
  const double rate = rate_ > 0 ? rate_ : mean;
  std::string text = fmt::format("{} of {}", bytes_text(done_), bytes_text(total_));
  if (total_ == 0) text = bytes_text(done_);
  if (terminal_ && total_ > 0) {
    constexpr uint64_t width = 24;
    const auto part = static_cast<double>(std::min(done_, total_)) / static_cast<double>(total_);
    const auto filled = static_cast<size_t>(part * width);
    text = fmt::format("[{}{}] {}", std::string(filled, '#'), std::string(width - filled, '.'), text);
  }
  text = fmt::format("{}  {}  {}/s", name_, text, bytes_text(static_cast<uint64_t>(rate)));
  if (total_ > done_ && rate > 0)
    text += fmt::format("  ETA {}", clock_time(static_cast<double>(total_ - done_) / rate));
  return text;
}

void Bar::advance(uint64_t bytes) {
  done_ += bytes;
  come_ += bytes;
  window_come_ += bytes;
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

void Bar::restart() {
  done_ = 0;
}

void Bar::hide() {
  if (!visible_) return;
  visible_ = false;
  std::fputs("\r\x1b[K", stderr);
}

void Bar::finish() {
  hide();
  complain(fmt::format("{}: {}", name_, bytes_text(done_)));
}

}  // namespace fovea::apps::hub
