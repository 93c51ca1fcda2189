// Reading, model and encoding at the same time.
#include "apps/ui/export.h"

#include <fmt/format.h>

#include <deque>
#include <filesystem>
#include <string>
#include <utility>

#include "apps/ui/capture.h"
#include "apps/ui/painter.h"
#include "apps/ui/writer.h"
#include "apps/util/decode.h"
#include "apps/util/exit_codes.h"
#include "apps/util/progress.h"
#include "apps/util/terminal.h"
#include "core/atomic_file.h"
#include "fovea/error.h"

namespace fovea::apps {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

class Exporter {
 public:
  Exporter(const Model& model, const View& view, bool live, const std::string& out, double rate)
      : live_(model, {.in_flight = 3, .top_k = ranked_classes}),
        view_(view),
        timed_(live),
        time_(rate),
        writer_(open_writer(out, rate)) {}

  bool full() const { return live_.full(); }
  bool empty() const { return live_.empty(); }
  size_t frames() const { return frames_; }

  void submit(SourceFrame frame) {
    Plan wanted = plan(view_, live_, frame.bgr.size());
    if (in_flight_.empty() || wanted.views != asked_) {
      live_.set_views(wanted.views);
      asked_ = wanted.views;
    }
    live_.submit(view_of(frame.bgr), frame.number);
    in_flight_.push_back({std::move(frame), std::move(wanted)});
  }

  void collect() {
    const LiveFrame drawn = *live_.collect();
    const auto [frame, asked] = std::move(in_flight_.front());
    in_flight_.pop_front();
    cv::Mat picture = compose(view_, asked, frame.bgr, all_of(drawn));
    ++frames_;
    if (!timed_) {
      writer_.write(std::move(picture));
      return;
    }
    const size_t times = time_.times_until(frame.taken);
    if (times > 0) writer_.write(last_, times);
    last_ = std::move(picture);
  }

  // Completes the file.
  void finish() {
    while (!live_.empty()) collect();
    if (!last_.empty()) writer_.write(last_, 1);
    writer_.finish();
  }

 private:
  Live live_;
  View view_;
  std::vector<LiveView> asked_;
  std::deque<std::pair<SourceFrame, Plan>> in_flight_;
  bool timed_;  // the source has no rate of its own, and frames of it are dropped
  Timekeeper time_;
  cv::Mat last_;
  size_t frames_ = 0;
  WriterThread writer_;
};

}  // namespace

int export_video(const Model& model, const View& view, const std::string& source, SourceKind kind,
                 std::string out) {
  if (out.empty()) out = fs::path(source).stem().native() + ".overlay.mp4";
  refuse_same_file("--out", out, source);
  VideoSource frames(source, kind);
  const bool live = frames.live();
  // A pipeline may end on purpose: its end is the video's.
  CaptureFeed feed(std::move(frames), {.paced = false, .wait_for = kind != SourceKind::pipeline});
  Exporter exporter(model, view, live, out, feed.frames_per_second());
  Progress progress(feed.frames(), {.unit = "frames", .at_least = 1});
  while (!interrupted()) {
    std::optional<SourceFrame> frame;
    if (!exporter.full()) frame = feed.next(milliseconds(exporter.empty() ? 200 : 0));
    if (frame) {
      exporter.submit(std::move(*frame));
    } else if (!exporter.empty()) {
      exporter.collect();
      progress.advance();
    } else if (feed.status().ended) {
      break;
    }
  }
  exporter.finish();
  progress.hide();
  const FeedStatus status = feed.status();
  if (exporter.frames() == 0 && !interrupted()) throw Error(ErrorKind::file, status.note);
  if (interrupted()) complain(fmt::format("interrupted, {} frames written", exporter.frames()));
  if (exporter.frames() == 0) return exit_interrupted;
  if (status.failed) complain(fmt::format("{}; {} frames written", status.note, exporter.frames()));
  if (status.dropped > 0)
    complain(fmt::format("{} frames came faster than they could be drawn and were left out", status.dropped));
  write_out(out + '\n');
  if (status.failed) return exit_failed;
  // Ctrl-C is how a recording of a camera ends.
  return interrupted() && !live ? exit_interrupted : exit_good;
}

}  // namespace fovea::apps
