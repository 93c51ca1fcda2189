// A browser's camera as a source of frames, in place of the one the program was started with.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "apps/ui/feed.h"

namespace fovea::apps::serve {

class BrowserCamera : public FrameFeed {
 public:
  // `source` may be null; its frames pass through while no browser sends any.
  explicit BrowserCamera(std::unique_ptr<FrameFeed> source);
  ~BrowserCamera() override;

  // One browser at a time; one that fell silent gives way. Returns its name; throws Refusal(409).
  std::string begin();
  // Throws Refusal(404) for a name that is not, or no longer, the one that sends.
  void check(const std::string& id);
  void push(const std::string& id, cv::Mat bgr);
  void finish(const std::string& id);
  bool active() const;
  // Forgets a browser that fell silent.
  void sweep();

 private:
  bool silent() const;
  void forget();
  void pass_through();

  const std::unique_ptr<FrameFeed> source_;
  mutable std::mutex mutex_;
  std::string id_;  // empty: nobody sends
  Clock::time_point heard_{};
  std::thread thread_;
};

}  // namespace fovea::apps::serve
