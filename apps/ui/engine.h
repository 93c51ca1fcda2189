// Frames in, pictures out: one model, one source, any number of viewers who each look at it in their own way.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <opencv2/core/mat.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "apps/ui/feed.h"
#include "apps/ui/painter.h"
#include "apps/ui/view.h"
#include "fovea/live.h"

namespace fovea::apps {

using ViewerId = uint32_t;

// One frame as one viewer sees it; never changed once published. Viewers with equal views share one.
struct Shown {
  uint64_t sequence = 0;             // grows with every picture that a viewer gets
  uint64_t frame_number = 0;         // of the source, dropped frames counted too; never goes back
  cv::Mat frame, picture;            // BGR: as captured; with the maps over it
  View view;                         // what was asked for
  std::vector<AttentionMap> maps;    // one, or one a tile or pin
  std::vector<MapRequest> requests;  // what each map was asked for as
  std::vector<Prediction> topk;
  Region visible;  // the part of the frame that the model sees
  StageTimes device_ms;
  double latency_ms = 0;  // from capture to here; of a frame drawn again, the drawing alone
  std::string error;      // why the view could not be drawn; `picture` is then the frame itself
};

struct EngineStatus {
  double fps = 0;
  uint64_t frames = 0, dropped = 0;  // drawn; captured and not drawn
  bool waiting = false;              // for a source that went away
  bool live = false;                 // newest wins; of a file every frame is drawn
  bool ended = false;                // no frame will come any more; the last one can still be looked at
  std::string note;                  // "camera 0 is gone, waiting for it"
};

// All functions may be called from any thread.
class Engine {
 public:
  // Live prepares here, so a device that cannot run the model throws here.
  Engine(const Model& model, std::unique_ptr<FrameFeed> feed);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  const Model& model() const { return model_; }

  // join() and show() throw Error(usage) for a view that the model cannot give, as check() does.
  ViewerId join(const View& view);
  void show(ViewerId viewer, const View& view);
  void leave(ViewerId viewer);
  // The viewer keeps its frame, and show() redraws that one. Others go on.
  void freeze(ViewerId viewer, bool frozen);

  // The viewer's newest picture when it is newer than the given one, waiting for it; null when none came in
  // time or the viewer left meanwhile. Throws Error(usage) for a viewer that never joined or has left, and
  // what ended the engine when that was an error (a lost device). What is wrong with one frame or view is in
  // Shown::error and ends nothing.
  std::shared_ptr<const Shown> newer(ViewerId viewer, uint64_t after_sequence,
                                     std::chrono::milliseconds wait);
  EngineStatus status() const;

  // For a PushFeed; the pixels are kept as they are and must not change afterwards. Throws Error(usage) where
  // the frames come from elsewhere or this one is not 8-bit BGR.
  void push(const cv::Mat& bgr);

 private:
  struct Viewer {
    View view;
    bool frozen = false;
    bool stale = true;  // its view has changed since it was last drawn
    std::shared_ptr<const Shown> latest;
    SourceFrame kept;  // of `latest`
    // A viewer that froze before its first picture still waits for one.
    bool moving() const { return !frozen || !latest; }
  };
  // One view of a frame on its way: whose it is, and where its pictures will be.
  struct Drawing {
    View view;
    Plan plan;
    std::vector<size_t> places;  // in LiveFrame::pictures, one for each of the plan's views
    std::vector<ViewerId> viewers;
    std::string error;
  };
  struct InFlight {
    SourceFrame frame;
    std::vector<Drawing> drawings;
  };
  // What a Live was asked for last, and what came of it.
  struct Asked {
    std::vector<LiveView> views;
    std::vector<std::string> refusals;  // one a view, empty where it was taken
    std::vector<size_t> places;         // of the taken ones
    bool valid = false;
  };

  Viewer& find(ViewerId id);
  void news();
  void work();
  void step();
  bool any_moving() const;
  std::optional<SourceFrame> next_frame();
  void start(SourceFrame frame);
  void set_views(Live& live, Asked& asked, InFlight& job);
  static Asked ask(Live& live, std::vector<LiveView> views);
  void collect();
  bool redraw_one(bool standing);
  void draw_alone(InFlight job, bool redraw);
  void publish(const InFlight& job, LiveFrame* drawn, bool redraw);
  void deliver(const std::vector<ViewerId>& viewers, std::shared_ptr<Shown> shown, const SourceFrame& frame,
               bool redraw);

  const Model model_;
  std::unique_ptr<FrameFeed> feed_;

  // The thread's own.
  Live live_;
  std::optional<Live> stills_;
  Asked asked_, asked_still_;
  std::deque<InFlight> in_flight_;
  Clock::time_point began_;  // when the device turned to the oldest of these
  double frame_ms_ = 0;      // that it takes for one
  SourceFrame last_;         // the newest that was submitted

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<ViewerId, Viewer> viewers_;
  ViewerId next_id_ = 1;
  uint64_t sequence_ = 0, frames_ = 0;
  std::deque<Clock::time_point> recent_;  // when the last frames were done
  std::exception_ptr failure_;
  bool stop_ = false, news_ = false;

  std::thread thread_;
};

}  // namespace fovea::apps
