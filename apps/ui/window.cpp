#include "apps/ui/window.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <opencv2/highgui.hpp>
#include <string>

#include "apps/opencv/modules.h"
#include "apps/ui/capture.h"
#include "apps/ui/engine.h"
#include "apps/ui/file_names.h"
#include "apps/ui/hud.h"
#include "apps/ui/keys.h"
#include "apps/ui/letterbox.h"
#include "apps/ui/sidecar.h"
#include "apps/ui/writer.h"
#include "apps/util/child.h"
#include "apps/util/exit_codes.h"
#include "apps/util/terminal.h"
#include "fovea/error.h"

namespace fovea::apps {
namespace {

using std::chrono::milliseconds;

constexpr const char* window_title = "fovea";
constexpr double recording_rate = 25;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// A video of the pictures on show, at the pace at which they are shown.
class Recording {
 public:
  explicit Recording(std::string name)
      : name_(std::move(name)), time_(recording_rate), writer_(open_writer(name_, recording_rate)) {}

  const std::string& name() const { return name_; }
  double seconds() const { return seconds_since(start_); }
  void show(const cv::Mat& picture) {
    due_ += time_.times_until(Clock::now());
    if (due_ > 0 && writer_.offer(last_, due_)) due_ = 0;
    last_ = picture;
  }
  void finish() {
    writer_.write(last_, due_ + std::max<size_t>(1, time_.times_until(Clock::now())));
    writer_.finish();
  }

 private:
  std::string name_;
  Clock::time_point start_ = Clock::now();
  Timekeeper time_;
  size_t due_ = 0;
  cv::Mat last_;
  WriterThread writer_;
};

class Window {
 public:
  Window(Engine& engine, const View& view, const Provenance& provenance, std::string stem)
      : engine_(engine),
        provenance_(provenance),
        view_(view),
        stem_(std::move(stem)),
        me_(engine.join(view)) {
    windows_.open(window_title, cv::WINDOW_NORMAL | cv::WINDOW_FREERATIO | cv::WINDOW_GUI_NORMAL);
    windows_.on_mouse(
        window_title,
        [](int event, int x, int y, int, void* self) {
          static_cast<Window*>(self)->mouse(event, {static_cast<double>(x), static_cast<double>(y)});
        },
        this);
  }
  ~Window() {
    windows_.close_all();
    engine_.leave(me_);
  }
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;

  // Until somebody ends it.
  void run() {
    while (!interrupted() && open_) {
      if (auto newer = engine_.newer(me_, shown_ ? shown_->sequence : 0, milliseconds(10))) take(newer);
      const EngineStatus status = engine_.status();
      if (status.ended && status.frames == 0 && !shown_) throw Error(ErrorKind::file, status.note);
      if (dirty_ || seconds_since(drawn_) > 0.25) draw(status);
      const int key = windows_.wait_key(1);
      if (key >= 0) press(key & 0xff);
      if (!windows_.visible(window_title)) open_ = false;
    }
    if (recording_) stop_recording();
  }

 private:
  void take(const std::shared_ptr<const Shown>& newer) {
    if (!shown_) windows_.resize(window_title, first_window_size(newer->picture.size()));
    shown_ = newer;
    dirty_ = true;
    if (!recording_) return;
    try {
      recording_->show(shown_->picture);
    } catch (const Error& error) {
      recording_.reset();
      say(error.what());
    }
  }

  void draw(const EngineStatus& status) {
    dirty_ = false;
    drawn_ = Clock::now();
    cv::Mat canvas = canvas_for(windows_.area(window_title));
    const Letterbox before = box_;
    if (shown_) box_ = draw_letterboxed(canvas, shown_->picture);
    HudState state{status, frozen_, help_, hidden_, {}, seconds_since(said_) < 6 ? message_ : ""};
    if (recording_) state.recording_seconds = recording_->seconds();
    draw_hud(canvas, shown_.get(), engine_.model(), state);
    windows_.show(window_title, canvas);
    // The picture has moved under a pointer that stands still.
    if (pointer_ && box_ != before) mouse(cv::EVENT_MOUSEMOVE, *pointer_);
  }

  void mouse(int event, cv::Point2d at) {
    if (event != cv::EVENT_MOUSEMOVE && event != cv::EVENT_LBUTTONDOWN) return;
    pointer_ = at;
    if (!shown_) return;
    const auto pixel =
        frame_point(shown_->view, shown_->frame.size(), shown_->picture.size(), box_.in_picture(at));
    const std::optional<cv::Point2d> patch =
        pixel ? patch_centre(view_, engine_.model().info(), shown_->visible, *pixel) : std::nullopt;
    View next = view_;
    next.hover = patch;
    if (event == cv::EVENT_LBUTTONDOWN) {
      next.hover.reset();
      if (!patch) {
        next.pins.clear();
      } else if (std::erase(next.pins, *patch) == 0) {
        if (next.pins.size() == max_pins) next.pins.erase(next.pins.begin());
        next.pins.push_back(*patch);
      }
    } else if (patch && std::find(next.pins.begin(), next.pins.end(), *patch) != next.pins.end()) {
      next.hover.reset();  // it is drawn already
    }
    look_at(next);
  }

  void press(int key) {
    const std::optional<Action> action = action_for_key(key);
    if (!action) return;
    dirty_ = true;
    View next = view_;
    const std::vector<AttentionMap> none;
    if (apply(*action, next, engine_.model().info(), shown_ ? shown_->maps : none)) {
      look_at(next);
      return;
    }
    if (*action == Action::quit) open_ = false;
    if (*action == Action::help) help_ = !help_;
    if (*action == Action::hud) hidden_ = !hidden_;
    if (*action == Action::freeze) {
      frozen_ = !frozen_;
      engine_.freeze(me_, frozen_);
    }
    if (*action == Action::save) save();
    if (*action == Action::record) toggle_recording();
  }

  void look_at(const View& next) {
    if (next == view_) return;
    try {
      engine_.show(me_, next);
      view_ = next;
    } catch (const RequestError& error) {
      say(error.plain());
    } catch (const Error& error) {
      say(error.what());
    }
  }

  void save() {
    if (!shown_) return;
    try {
      const std::vector<std::string> names = save_shown(free_stem(stem_), *shown_, provenance_);
      for (const std::string& name : names) write_out(name + '\n');
      flush_out();
      say(fmt::format("saved {}, .npy, .json", names.front()));
    } catch (const Error& error) {
      complain(error.what());
      say(error.what());
    }
  }

  void toggle_recording() {
    if (recording_) {
      stop_recording();
      return;
    }
    if (!shown_) return;
    try {
      recording_ = std::make_unique<Recording>(free_stem(stem_) + ".mp4");
      recording_->show(shown_->picture);
    } catch (const Error& error) {
      complain(error.what());
      say(error.what());
    }
  }

  void stop_recording() {
    const std::unique_ptr<Recording> recording = std::move(recording_);
    try {
      recording->finish();
      write_out(recording->name() + '\n');
      flush_out();
      say("saved " + recording->name());
    } catch (const Error& error) {
      complain(error.what());
      say(error.what());
    }
  }

  void say(std::string message) {
    message_ = std::move(message);
    said_ = Clock::now();
    dirty_ = true;
  }

  const opencv::Windows& windows_ = opencv::windows();
  Engine& engine_;
  const Provenance& provenance_;
  View view_;
  std::string stem_;
  ViewerId me_;
  std::shared_ptr<const Shown> shown_;
  bool open_ = true, frozen_ = false, help_ = false, hidden_ = false, dirty_ = true;
  Clock::time_point drawn_{}, said_{};
  std::string message_;
  Letterbox box_;
  std::optional<cv::Point2d> pointer_;
  std::unique_ptr<Recording> recording_;
};

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

void open_and_close_window() {
  opencv::windows().open(window_title, cv::WINDOW_AUTOSIZE);
  opencv::windows().close_all();
}

int show_in_window(const Model& model, const ModelChoice& choice, const View& view, const std::string& source,
                   SourceKind kind) {
  Engine engine(model, open_feed(source, kind));
  const Provenance provenance(model, choice, source);
  Window(engine, view, provenance, stem_of(source, kind, "overlay")).run();
  return exit_good;
}

}  // namespace fovea::apps
