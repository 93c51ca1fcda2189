// `fovea overlay` on moving pictures, in a window.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <opencv2/highgui.hpp>
#include <string>
#include <system_error>

#include "apps/child.h"
#include "apps/commands.h"
#include "apps/overlay.h"
#include "apps/terminal.h"
#include "fovea/error.h"

namespace fovea::apps {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr const char* window_title = "fovea";

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// What a key does to the window; false ends it.
bool act_on(int key, View& view, const ModelInfo& info, bool& paused, bool& save) {
  switch (key) {
    case 'q':
    case 27:  // Esc
      return false;
    case ' ':
      paused = !paused;
      break;
    case '[':
      step_layer(view, info, -1);
      break;
    case ']':
      step_layer(view, info, 1);
      break;
    case ',':
      step_head(view, info, -1);
      break;
    case '.':
      step_head(view, info, 1);
      break;
    case 'm':
      next_method(view, info);
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
    std::string name = fmt::format("{}.{}.png", stem, i);
    if (!fs::exists(name, error)) return name;
  }
}

}  // namespace

bool has_display() {
  const auto set = [](const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0';
  };
  if (!set("DISPLAY") && !set("WAYLAND_DISPLAY")) return false;
  // The name of a display that is gone, or refuses us, would end the process inside the GUI library.
  return run_child({window_check_command}) == exit_good;
}

int overlay_in_window(const OverlayFlags& flags, const ModelInfo& info, Painter& painter,
                      VideoSource& source) {
  cv::namedWindow(window_title, cv::WINDOW_NORMAL | cv::WINDOW_KEEPRATIO);
  const double frame_seconds = source.live() ? 0 : 1 / source.frames_per_second();
  cv::Mat frame;
  Painted painted;
  bool paused = false, any = false;
  constexpr int no_key = 0xff;
  int key = no_key;
  double rate = 0;
  while (!interrupted()) {
    const Clock::time_point start = Clock::now();
    const bool fresh = !paused || !any;
    if (fresh && !source.read(frame)) break;
    // A paused picture changes by keys alone.
    if (fresh || key != no_key) {
      painted = painter.paint(frame);
      // Smoothed, or the number could not be read.
      const double now = 1 / std::max(1e-6, seconds_since(start));
      rate = any ? 0.9 * rate + 0.1 * now : now;
    }
    cv::Mat shown = painted.picture.clone();
    if (!any) cv::resizeWindow(window_title, shown.cols, shown.rows);
    any = true;
    const double scale = std::max(0.4, shown.rows / 720.0);
    const auto line = [&](int number) { return cv::Point(8, static_cast<int>(scale * 30 * number)); };
    draw_text(shown, fmt::format("{:.1f} fps  {}", rate, title(painter.view, info)), line(1), scale);
    cv::imshow(window_title, shown);

    const double left = paused ? 0.05 : frame_seconds - seconds_since(start);
    key = cv::waitKey(std::max(1, static_cast<int>(std::lround(left * 1000)))) & 0xff;
    bool save = false;
    if (!act_on(key, painter.view, info, paused, save)) break;
    if (save) {
      const std::string name = free_name(fs::path(flags.source).stem().native() + ".overlay");
      write_picture(name, painted.picture);
      write_out(name + '\n');
      flush_out();
    }
    if (cv::getWindowProperty(window_title, cv::WND_PROP_VISIBLE) < 1) break;
  }
  cv::destroyAllWindows();
  if (!any && !interrupted())
    throw Error(ErrorKind::file, fmt::format("{}: no frame could be read", printable(flags.source)));
  return exit_good;
}

void add_window_check(CLI::App& program, int& exit_code) {
  CLI::App* command = program.add_subcommand(window_check_command, "Open a window and close it")->group("");
  command->callback([&exit_code] {
    cv::namedWindow(window_title);
    cv::destroyAllWindows();
    exit_code = exit_good;
  });
}

}  // namespace fovea::apps
