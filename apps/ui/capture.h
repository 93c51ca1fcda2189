// A camera, stream or file as a feed, read in a thread of its own.
#pragma once

#include <memory>
#include <string>
#include <thread>

#include "apps/ui/feed.h"
#include "apps/util/video_source.h"

namespace fovea::apps {

struct CaptureOptions {
  bool paced = false;    // a file's frames come at the pace of its clock
  bool wait_for = true;  // a live source that goes away is waited for; otherwise that is its end
};

// Says once on stderr, and in status().note, that a live source is gone; tries to open it again after pauses
// that grow, and says when it is back.
class CaptureFeed : public FrameFeed {
 public:
  CaptureFeed(VideoSource source, const CaptureOptions& options);
  // Returns within about a second, also while the source blocks: its thread is then left to its timeout.
  ~CaptureFeed() override;

  const std::string& name() const { return name_; }
  double frames_per_second() const { return rate_; }
  size_t frames() const { return frames_; }  // 0: not known

 private:
  struct Link;
  static void capture(const std::shared_ptr<Link>& link, VideoSource source, CaptureOptions options);

  std::string name_;
  double rate_;
  size_t frames_;
  std::shared_ptr<Link> link_;
  std::thread thread_;
};

// Opens a source of `overlay` for a window or a browser: folders and images as slides.
std::unique_ptr<FrameFeed> open_feed(const std::string& source, SourceKind kind);

}  // namespace fovea::apps
