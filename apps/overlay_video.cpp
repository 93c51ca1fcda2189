// `fovea overlay` on moving pictures: into a file, or in a window.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <opencv2/highgui.hpp>
#include <opencv2/videoio.hpp>
#include <string>
#include <system_error>

#include "apps/atomic_file.h"
#include "apps/codec_messages.h"
#include "apps/commands.h"
#include "apps/inputs.h"
#include "apps/overlay.h"
#include "apps/progress.h"
#include "apps/terminal.h"
#include "fovea/error.h"

namespace fovea::apps {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void open_writer(cv::VideoWriter& writer, const std::string& out, const fs::path& file, double rate,
                 cv::Size size) {
  const CodecMessages messages;
  bool open = false;
  try {
    // MPEG-4 part 2: in every FFmpeg and GStreamer build, unlike H.264.
    open = writer.open(file, cv::VideoWriter::fourcc('m', 'p', '4', 'v'), rate, size);
  } catch (const cv::Exception&) {
    open = false;
  }
  if (!open)
    throw Error(ErrorKind::file,
                fmt::format("cannot write {}: no video of {} x {} in this format, try a name that "
                            "ends in .mp4",
                            printable(out), size.width, size.height));
}

[[noreturn]] void no_frames(const std::string& source) {
  throw Error(ErrorKind::file, fmt::format("{}: no frame could be read", printable(source)));
}

// What a key does to the window; false ends it.
bool act_on(int key, Painter& painter, bool& paused, bool& save) {
  switch (key) {
    case 'q':
    case 27:  // Esc
      return false;
    case ' ':
      paused = !paused;
      break;
    case '[':
      painter.step_layer(-1);
      break;
    case ']':
      painter.step_layer(1);
      break;
    case ',':
      painter.step_head(-1);
      break;
    case '.':
      painter.step_head(1);
      break;
    case 'm':
      painter.toggle_method();
      break;
    case 's':
      save = true;
      break;
    default:
      break;
  }
  return true;
}

std::string free_name(const std::string& stem) {
  std::error_code error;
  for (int i = 1;; ++i) {
    const std::string name = fmt::format("{}.{}.png", stem, i);
    if (!fs::exists(name, error)) return name;
  }
}

}  // namespace

int overlay_to_video(const OverlayFlags& flags, Painter& painter, VideoSource& source) {
  const std::string out =
      flags.out.empty() ? fs::path(flags.source).stem().native() + ".overlay.mp4" : flags.out;
  refuse_same_file(out, flags.source);
  if (has_image_extension(out))
    throw Error(
        ErrorKind::usage,
        fmt::format("--out {}: the source is a video, give a name that ends in .mp4", printable(out)));
  AtomicFile file(out);
  cv::VideoWriter writer;
  Progress progress(source.frames(), "frames", 1);
  cv::Mat frame;
  cv::Size size;
  while (!interrupted() && source.read(frame)) {
    const Painted painted = painter.paint(frame);
    if (!writer.isOpened()) {
      size = painted.picture.size();
      open_writer(writer, out, file.temporary(), source.frames_per_second(), size);
    }
    if (painted.picture.size() != size)
      throw Error(ErrorKind::file,
                  fmt::format("{}: the frame size changes from {} x {} to {} x {}", printable(flags.source),
                              size.width, size.height, painted.picture.cols, painted.picture.rows));
    writer.write(painted.picture);
    progress.advance();
  }
  progress.hide();
  if (!writer.isOpened() && !interrupted()) no_frames(flags.source);
  if (!writer.isOpened()) return exit_interrupted;
  writer.release();  // writes the index without which the file cannot be played
  file.commit();
  write_out(out + '\n');
  // Ctrl-C is how a recording of a camera ends.
  return interrupted() && !source.live() ? exit_interrupted : exit_good;
}

int overlay_in_window(const OverlayFlags& flags, Painter& painter, VideoSource& source) {
  const std::string title = "fovea";
  cv::namedWindow(title, cv::WINDOW_NORMAL | cv::WINDOW_KEEPRATIO);
  const double frame_seconds = source.live() ? 0 : 1 / source.frames_per_second();
  cv::Mat frame;
  bool paused = false, any = false;
  double rate = 0;
  while (!interrupted()) {
    const Clock::time_point start = Clock::now();
    if ((!paused || !any) && !source.read(frame)) break;
    const Painted painted = painter.paint(frame);
    // Smoothed, or the number could not be read.
    const double now = 1 / std::max(1e-6, seconds_since(start));
    rate = any ? 0.9 * rate + 0.1 * now : now;
    cv::Mat shown = painted.picture.clone();
    if (!any) cv::resizeWindow(title, shown.cols, shown.rows);
    any = true;
    const double scale = std::max(0.4, shown.rows / 720.0);
    const auto line = [&](int number) { return cv::Point(8, static_cast<int>(scale * 30 * number)); };
    draw_text(shown, fmt::format("{:.1f} fps  {}", rate, painter.title()), line(1), scale);
    draw_text(shown, painter.top_line(painted), line(2), scale);
    cv::imshow(title, shown);

    const double left = paused ? 0.05 : frame_seconds - seconds_since(start);
    const int key = cv::waitKey(std::max(1, static_cast<int>(std::lround(left * 1000)))) & 0xff;
    bool save = false;
    if (!act_on(key, painter, paused, save)) break;
    if (save) {
      const std::string name = free_name(fs::path(flags.source).stem().native() + ".overlay");
      write_picture(name, painted.picture);
      write_out(name + '\n');
      flush_out();
    }
    if (cv::getWindowProperty(title, cv::WND_PROP_VISIBLE) < 1) break;
  }
  cv::destroyAllWindows();
  if (!any && !interrupted()) no_frames(flags.source);
  return exit_good;
}

}  // namespace fovea::apps
