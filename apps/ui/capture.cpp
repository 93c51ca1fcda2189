#include "apps/ui/capture.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <utility>
#include <vector>

#include "apps/util/decode_queue.h"
#include "apps/util/inputs.h"
#include "apps/util/terminal.h"
#include "core/text.h"
#include "fovea/error.h"

namespace fovea::apps {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds first_pause{500}, longest_pause{8000};
// A source that stays for less has not really come back, and the pauses go on growing.
constexpr milliseconds steady{10000};
constexpr milliseconds patience{1000};

// Keeps frames from coming faster than `rate`; time lost is not made up for.
class Pace {
 public:
  explicit Pace(double rate)
      : period_(std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1 / rate))) {}
  milliseconds left() {
    const auto now = Clock::now();
    due_ = std::max(due_ + period_, now);
    return std::chrono::duration_cast<milliseconds>(due_ - now);
  }

 private:
  Clock::duration period_;
  Clock::time_point due_ = Clock::now();
};

// Still pictures, one after another; what cannot be decoded is said and left out.
class SlideFeed : public FrameFeed {
 public:
  explicit SlideFeed(const std::string& source)
      : FrameFeed(Order::all), inputs_(expand_inputs({source}, std::cin)), thread_([this] { show(); }) {}
  ~SlideFeed() override {
    stop();
    thread_.join();
  }

 private:
  void show() {
    DecodeQueue queue(inputs_, 2);
    bool any = false;
    for (const Input& input : inputs_) {
      Decoded decoded = queue.next();
      if (!decoded.error.empty()) {
        complain(fmt::format("{}: {}", printable(input.path.native()), decoded.error));
        continue;
      }
      if (any && !rest(milliseconds(1000))) return;
      any = true;
      if (!put(std::move(decoded.image))) return;
    }
    end(any ? "" : "no picture could be read", !any);
  }

  std::vector<Input> inputs_;
  std::thread thread_;
};

}  // namespace

// What the thread shares with a feed that may be gone before it.
struct CaptureFeed::Link {
  std::mutex mutex;
  std::condition_variable changed;
  CaptureFeed* feed = nullptr;  // null once the feed is gone
  bool done = false;

  // False when the feed is gone.
  template <typename Do>
  bool with(Do what) {
    const std::lock_guard lock(mutex);
    return feed != nullptr && what(*feed);
  }
};

CaptureFeed::CaptureFeed(VideoSource source, const CaptureOptions& options)
    : FrameFeed(source.live() ? Order::newest : Order::all),
      name_(source.name()),
      rate_(source.frames_per_second()),
      frames_(source.frames()),
      link_(std::make_shared<Link>()) {
  link_->feed = this;
  thread_ = std::thread([link = link_, options, opened = std::move(source)]() mutable {
    capture(link, std::move(opened), options);
    const std::lock_guard lock(link->mutex);
    link->done = true;
    link->changed.notify_all();
  });
}

CaptureFeed::~CaptureFeed() {
  stop();
  std::unique_lock lock(link_->mutex);
  link_->feed = nullptr;
  if (link_->changed.wait_for(lock, patience, [&] { return link_->done; })) {
    lock.unlock();
    thread_.join();
  } else {
    thread_.detach();
  }
}

void CaptureFeed::capture(const std::shared_ptr<Link>& link, VideoSource source, CaptureOptions options) {
  const bool live = source.live();
  Pace pace(source.frames_per_second());
  milliseconds pause = first_pause;
  bool gone = false, any = false;
  auto since = Clock::now();
  for (;;) {
    cv::Mat frame;
    std::string trouble;
    try {
      source.read(frame);
    } catch (const Error& error) {
      trouble = error.what();
    }
    if (!frame.empty()) {
      if (gone) {
        complain(fmt::format("{} is back", source.name()));
        link->with([](CaptureFeed& feed) { return feed.say(false, ""), true; });
        since = Clock::now();
      }
      gone = false;
      any = true;
      if (Clock::now() - since > steady) pause = first_pause;
      const milliseconds left = options.paced && !live ? pace.left() : milliseconds(0);
      if (!link->with([&](CaptureFeed& feed) { return feed.rest(left) && feed.put(std::move(frame)); }))
        return;
      continue;
    }
    if (!trouble.empty() || !live || !options.wait_for) {
      if (trouble.empty() && !any) trouble = fmt::format("{}: no frame could be read", source.name());
      const bool failed = !trouble.empty();
      if (!failed) trouble = fmt::format("{} has ended", source.name());
      link->with([&](CaptureFeed& feed) { return feed.end(trouble, failed), true; });
      return;
    }
    if (!gone) {
      const std::string note = fmt::format("{} is gone, waiting for it", source.name());
      if (!link->with([&](CaptureFeed& feed) { return feed.say(true, note), true; })) return;
      complain(note);
    }
    gone = true;
    do {
      if (!link->with([&](CaptureFeed& feed) { return feed.rest(pause); })) return;
      pause = std::min(2 * pause, longest_pause);
    } while (!source.reopen());
  }
}

std::unique_ptr<FrameFeed> open_feed(const std::string& source, SourceKind kind) {
  if (kind == SourceKind::image || kind == SourceKind::folder) return std::make_unique<SlideFeed>(source);
  return std::make_unique<CaptureFeed>(VideoSource(source, kind), CaptureOptions{.paced = true});
}

}  // namespace fovea::apps
