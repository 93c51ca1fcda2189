#include "apps/ui/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "apps/util/decode.h"
#include "apps/util/elapsed.h"
#include "fovea/error.h"

namespace fovea::apps {
namespace {

using std::chrono::milliseconds;

// A second frame waits on the device when it is done with the first, so that it never idles; a third would
// only grow older there, and a changed view be seen later.
constexpr LiveOptions options{.in_flight = 2, .top_k = ranked_classes};

// How long before that a live source's second frame is handed over: what preparing it takes, and how far a
// guess from earlier frames is off. Until then a newer one may come.
constexpr double least_lead_ms = 3, lead_part = 0.1;
// How fast the guess follows frames that take longer; shorter ones count at once.
constexpr double slower_share = 0.25;

// How long a changed view waits for the next frame before it is drawn on the last one.
constexpr milliseconds patience{100};

// The device is gone for good; anything else is about one frame or one view.
bool fatal(const Error& error) {
  return error.kind() == ErrorKind::device_lost || error.kind() == ErrorKind::no_device;
}

}  // namespace

Engine::Engine(const Model& model, std::unique_ptr<FrameFeed> feed)
    : model_(model), feed_(std::move(feed)), live_(model_, options) {
  thread_ = std::thread([this] { work(); });
}

Engine::~Engine() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    changed_.notify_all();
  }
  feed_->wake();
  thread_.join();
}

ViewerId Engine::join(const View& view) {
  View sound = view;
  check(sound, model_.info());
  const std::lock_guard lock(mutex_);
  const ViewerId id = next_id_++;
  viewers_[id].view = sound;
  news();
  return id;
}

void Engine::show(ViewerId viewer, const View& view) {
  View sound = view;
  check(sound, model_.info());
  const std::lock_guard lock(mutex_);
  Viewer& v = find(viewer);
  if (v.view == sound) return;
  v.view = sound;
  v.stale = true;
  news();
}

void Engine::leave(ViewerId viewer) {
  const std::lock_guard lock(mutex_);
  viewers_.erase(viewer);
  news();
}

void Engine::freeze(ViewerId viewer, bool frozen) {
  const std::lock_guard lock(mutex_);
  Viewer& v = find(viewer);
  v.frozen = frozen;
  // A new view may be on its way with a frame that this viewer no longer takes.
  if (frozen && v.latest) v.stale = v.latest->view != v.view;
  news();
}

void Engine::push(const cv::Mat& bgr) {
  auto* feed = dynamic_cast<PushFeed*>(feed_.get());
  if (feed == nullptr) throw Error(ErrorKind::usage, "[engine] this source is not pushed to");
  if (bgr.empty() || bgr.type() != CV_8UC3)
    throw Error(ErrorKind::usage, fmt::format("[engine] a frame of {} x {}, OpenCV type {}: want 8-bit BGR",
                                              bgr.cols, bgr.rows, bgr.type()));
  feed->push(bgr);
}

std::shared_ptr<const Shown> Engine::newer(ViewerId viewer, uint64_t after_sequence, milliseconds wait) {
  std::unique_lock lock(mutex_);
  find(viewer);
  std::shared_ptr<const Shown> found;
  const auto ready = [&] {
    const auto at = viewers_.find(viewer);
    if (at == viewers_.end()) return true;
    if (at->second.latest && at->second.latest->sequence > after_sequence) found = at->second.latest;
    return found != nullptr || failure_ != nullptr;
  };
  changed_.wait_for(lock, wait, ready);
  if (!found && failure_) std::rethrow_exception(failure_);
  return found;
}

EngineStatus Engine::status() const {
  const FeedStatus feed = feed_->status();
  const std::lock_guard lock(mutex_);
  EngineStatus status{0, frames_, feed.dropped, feed.waiting, feed_->live(), feed.ended, feed.note};
  if (recent_.size() > 1) {
    // Up to now, so that the rate falls when frames stop coming.
    const auto last = std::max(recent_.back(), Clock::now() - milliseconds(1000));
    status.fps = static_cast<double>(recent_.size() - 1) /
                 std::max(1e-3, std::chrono::duration<double>(last - recent_.front()).count());
  }
  return status;
}

Engine::Viewer& Engine::find(ViewerId id) {
  const auto at = viewers_.find(id);
  if (at == viewers_.end()) throw Error(ErrorKind::usage, fmt::format("[engine] there is no viewer {}", id));
  return at->second;
}

void Engine::news() {
  news_ = true;
  changed_.notify_all();
  feed_->wake();
}

void Engine::work() {
  try {
    for (;;) {
      {
        const std::lock_guard lock(mutex_);
        if (stop_) return;
      }
      step();
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
    changed_.notify_all();
  }
}

void Engine::step() {
  if (redraw_one(false)) return;
  const bool moving = any_moving();
  std::optional<SourceFrame> frame;
  if (moving && !live_.full()) {
    frame = next_frame();
    if (frame) start(std::move(*frame));
  }
  if (!in_flight_.empty() && (!frame || live_.full())) {
    collect();
    return;
  }
  if (frame || !in_flight_.empty()) return;
  // No frame came: what changed meanwhile is drawn on the last one.
  if (redraw_one(true)) return;
  if (moving && !feed_->status().ended) return;
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return news_ || stop_; });
  news_ = false;
}

// Nothing when none came in time: with a frame in flight, before the device is done with that.
std::optional<SourceFrame> Engine::next_frame() {
  if (in_flight_.empty()) return feed_->next(patience);
  if (!feed_->live()) return feed_->next(milliseconds(0));
  const double left = frame_ms_ - ms_since(began_);
  const double lead = std::max(least_lead_ms, lead_part * frame_ms_);
  if (live_.ready(std::chrono::duration_cast<std::chrono::nanoseconds>(
          std::chrono::duration<double, std::milli>(left - lead))))
    return std::nullopt;
  return feed_->next(milliseconds(static_cast<int64_t>(std::clamp(left, 0.0, lead))));
}

bool Engine::any_moving() const {
  const std::lock_guard lock(mutex_);
  return std::any_of(viewers_.begin(), viewers_.end(),
                     [](const auto& entry) { return entry.second.moving(); });
}

void Engine::start(SourceFrame frame) {
  last_ = frame;
  InFlight job{std::move(frame), {}};
  {
    const std::lock_guard lock(mutex_);
    for (auto& [id, viewer] : viewers_) {
      if (!viewer.moving()) continue;
      viewer.stale = false;
      const View& view = viewer.view;
      const auto same = std::find_if(job.drawings.begin(), job.drawings.end(),
                                     [&view](const Drawing& drawing) { return drawing.view == view; });
      Drawing& drawing = same != job.drawings.end() ? *same : job.drawings.emplace_back();
      drawing.view = view;
      drawing.viewers.push_back(id);
    }
  }
  set_views(live_, asked_, job);
  try {
    live_.submit(view_of(job.frame.bgr), job.frame.number);
    if (in_flight_.empty()) began_ = Clock::now();
    in_flight_.push_back(std::move(job));
    return;
  } catch (const Error& error) {
    if (fatal(error)) throw;
  }
  // One view among several must not cost the others their pictures.
  while (!in_flight_.empty()) collect();
  for (Drawing& drawing : job.drawings) draw_alone({job.frame, {std::move(drawing)}}, false);
}

// Works out what each drawing needs of Live and asks for it; a drawing that Live refuses gets the reason.
void Engine::set_views(Live& live, Asked& asked, InFlight& job) {
  std::vector<LiveView> wanted;
  for (Drawing& drawing : job.drawings) {
    try {
      drawing.plan = plan(drawing.view, live, job.frame.bgr.size());
    } catch (const Error& error) {
      drawing.error = error.what();
      continue;
    }
    for (const LiveView& view : drawing.plan.views) {
      const auto at = std::find(wanted.begin(), wanted.end(), view) - wanted.begin();
      if (static_cast<size_t>(at) == wanted.size()) wanted.push_back(view);
      drawing.places.push_back(static_cast<size_t>(at));
    }
  }
  if (!asked.valid || asked.views != wanted) asked = ask(live, std::move(wanted));
  for (Drawing& drawing : job.drawings)
    for (size_t& place : drawing.places) {
      if (!asked.refusals[place].empty()) drawing.error = asked.refusals[place];
      place = asked.places[place];
    }
}

Engine::Asked Engine::ask(Live& live, std::vector<LiveView> views) {
  Asked asked{std::move(views), {}, {}, true};
  asked.refusals.resize(asked.views.size());
  std::vector<LiveView> good;
  const auto refused = [&](std::span<const LiveView> some, std::string& reason) {
    try {
      live.set_views(some);
      return false;
    } catch (const Error& error) {
      if (fatal(error)) throw;
      reason = error.what();
      return true;
    }
  };
  std::string reason;
  const bool one_is_bad = refused(asked.views, reason);
  for (size_t i = 0; i < asked.views.size(); ++i) {
    asked.places.push_back(good.size());
    if (!one_is_bad || !refused({&asked.views[i], 1}, asked.refusals[i])) good.push_back(asked.views[i]);
  }
  if (one_is_bad) live.set_views(good);
  return asked;
}

void Engine::collect() {
  std::optional<LiveFrame> drawn;
  InFlight job = std::move(in_flight_.front());
  in_flight_.pop_front();
  try {
    drawn = live_.collect();
    const double all = drawn->device_ms.all();
    frame_ms_ = std::min(all, frame_ms_ + slower_share * (all - frame_ms_));
  } catch (const Error& error) {
    if (fatal(error)) throw;
    for (Drawing& drawing : job.drawings) drawing.error = error.what();
  }
  began_ = Clock::now();
  publish(job, drawn ? &*drawn : nullptr, false);
  const std::lock_guard lock(mutex_);
  ++frames_;
  const auto now = Clock::now();
  recent_.push_back(now);
  while (now - recent_.front() > milliseconds(3000)) recent_.pop_front();
}

// The first viewer whose picture no longer fits its view and who will not get another frame: one that is
// frozen, or, `standing`, any at all.
bool Engine::redraw_one(bool standing) {
  InFlight job;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [id, viewer] : viewers_) {
      const SourceFrame& frame = viewer.moving() ? last_ : viewer.kept;
      if (!viewer.stale || frame.bgr.empty() || (viewer.moving() && !standing)) continue;
      viewer.stale = false;
      job.frame = frame;
      job.drawings.push_back({viewer.view, {}, {}, {id}, {}});
      break;
    }
  }
  if (job.drawings.empty()) return false;
  draw_alone(std::move(job), true);
  return true;
}

// Not through the pipeline, whose memory of earlier frames stays as it is.
void Engine::draw_alone(InFlight job, bool redraw) {
  Drawing& drawing = job.drawings.front();
  const View asked_for = drawing.view;
  std::optional<LiveFrame> drawn;
  try {
    if (!stills_) stills_.emplace(model_, LiveOptions{.in_flight = 1, .top_k = ranked_classes});
    drawing.view = still(drawing.view);
    set_views(*stills_, asked_still_, job);
    stills_->submit(view_of(job.frame.bgr), job.frame.number);
    drawn = stills_->collect();
  } catch (const Error& error) {
    if (fatal(error)) throw;
    drawing.error = error.what();
  }
  drawing.view = asked_for;
  publish(job, drawn ? &*drawn : nullptr, redraw);
}

void Engine::publish(const InFlight& job, LiveFrame* drawn, bool redraw) {
  const cv::Mat& frame = job.frame.bgr;
  for (const Drawing& drawing : job.drawings) {
    auto shown = std::make_shared<Shown>();
    shown->frame_number = job.frame.number;
    shown->frame = shown->picture = frame;
    shown->view = drawing.view;
    shown->error = drawing.error;
    if (drawn != nullptr) {
      shown->topk = drawn->topk;
      shown->device_ms = drawn->device_ms;
    }
    shown->latency_ms = redraw && drawn != nullptr ? drawn->latency_ms : ms_since(job.frame.taken);
    try {
      shown->visible =
          live_.visible_region(static_cast<uint32_t>(frame.cols), static_cast<uint32_t>(frame.rows));
      if (drawn != nullptr && drawing.error.empty()) {
        Pictures mine;
        for (const size_t place : drawing.places) mine.push_back(&drawn->pictures.at(place));
        shown->picture = compose(drawing.view, drawing.plan, frame, mine);
        shown->maps = maps_of(mine);
        shown->requests = requests_of(drawing.plan);
      }
    } catch (const std::exception& error) {  // OpenCV's too: out of memory for a sheet
      shown->picture = frame;
      shown->error = error.what();
    }
    deliver(drawing.viewers, std::move(shown), job.frame, redraw);
  }
}

void Engine::deliver(const std::vector<ViewerId>& viewers, std::shared_ptr<Shown> shown,
                     const SourceFrame& frame, bool redraw) {
  const std::lock_guard lock(mutex_);
  shown->sequence = ++sequence_;
  const std::shared_ptr<const Shown> done = std::move(shown);
  for (const ViewerId id : viewers) {
    const auto at = viewers_.find(id);
    if (at == viewers_.end()) continue;
    Viewer& viewer = at->second;
    // Frozen, or unfrozen and further on, since the work began.
    if (!redraw && !viewer.moving()) continue;
    if (viewer.latest && viewer.latest->frame_number > done->frame_number) continue;
    viewer.latest = done;
    viewer.kept = frame;
  }
  changed_.notify_all();
}

}  // namespace fovea::apps
