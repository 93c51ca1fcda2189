#include "apps/ui/text_window.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <opencv2/highgui.hpp>
#include <opencv2/imgproc.hpp>
#include <utility>
#include <vector>

#include "apps/opencv/modules.h"
#include "apps/ui/capture.h"
#include "apps/ui/file_names.h"
#include "apps/ui/keys.h"
#include "apps/ui/letterbox.h"
#include "apps/ui/text_report.h"
#include "apps/ui/token_lines.h"
#include "apps/ui/token_pictures.h"
#include "apps/util/decode.h"
#include "apps/util/elapsed.h"
#include "apps/util/encode.h"
#include "apps/util/exit_codes.h"
#include "apps/util/terminal.h"
#include "core/atomic_file.h"
#include "fovea/error.h"

namespace fovea::apps {
namespace {

using std::chrono::milliseconds;

constexpr const char* window_title = "fovea";
constexpr const char* hint = "point at a word: where the model looked   drag: read a part   s save  q quit";

// Whole pixels of a picture between two corners, or nothing where that is no part.
std::optional<Region> part_between(cv::Point2d a, cv::Point2d b, cv::Size picture) {
  const double left = std::floor(std::clamp<double>(std::min(a.x, b.x), 0, picture.width));
  const double right = std::ceil(std::clamp<double>(std::max(a.x, b.x), 0, picture.width));
  const double top = std::floor(std::clamp<double>(std::min(a.y, b.y), 0, picture.height));
  const double bottom = std::ceil(std::clamp<double>(std::max(a.y, b.y), 0, picture.height));
  constexpr double least = 4;  // pixels: less is a click
  if (right - left < least || bottom - top < least) return std::nullopt;
  return Region{left, top, right - left, bottom - top};
}

// What was written about one picture.
struct Reading {
  cv::Mat picture;
  Written written;
  Clock::time_point begun{};
  bool ended = false;
};

class TextWindow {
 public:
  TextWindow(TextSession& session, std::string words, const std::optional<Region>& part, FrameFeed& feed,
             std::string stem, bool still)
      : session_(session),
        words_(std::move(words)),
        part_(part),
        feed_(feed),
        stem_(std::move(stem)),
        still_(still) {
    windows_.open(window_title, cv::WINDOW_NORMAL | cv::WINDOW_FREERATIO | cv::WINDOW_GUI_NORMAL);
    windows_.on_mouse(
        window_title,
        [](int event, int x, int y, int, void* self) {
          static_cast<TextWindow*>(self)->mouse(event, {x, y});
        },
        this);
  }
  ~TextWindow() { windows_.close_all(); }
  TextWindow(const TextWindow&) = delete;
  TextWindow& operator=(const TextWindow&) = delete;

  void run() {
    while (!interrupted() && open_) {
      const FeedStatus status = feed_.status();
      if (status.ended && now_.picture.empty() && newest_.empty()) throw Error(ErrorKind::file, status.note);
      take_frame();
      if (!newest_.empty() && (now_.picture.empty() || (now_.ended && !frozen_))) begin();
      if (!now_.picture.empty() && !now_.ended) go_on();
      if (dirty_ || windows_.area(window_title).size() != drawn_) draw();
      const int key = windows_.wait_key(now_.picture.empty() || now_.ended ? 20 : 1);
      if (key >= 0) press(key & 0xff);
      if (!windows_.visible(window_title)) open_ = false;
    }
  }

 private:
  // A still picture is taken once.
  void take_frame() {
    if (still_ && (!newest_.empty() || !now_.picture.empty())) return;
    auto frame = feed_.next(milliseconds(0));
    if (!frame) return;
    if (now_.picture.empty() && newest_.empty()) windows_.resize(window_title, first_size(frame->bgr.size()));
    newest_ = std::move(frame->bgr);
  }

  // The picture and four lines of text.
  static cv::Size first_size(cv::Size picture) {
    const cv::Size size = first_window_size(picture);
    return {std::max(640, size.width), std::max(200, size.height) + panel_rows};
  }

  // Goes on to the next picture. What stands on show stays until that is done with, where it fits.
  void begin() {
    if (now_.ended && now_.picture.size() == newest_.size()) shown_ = std::move(now_);
    now_ = {std::exchange(newest_, {}), {}, Clock::now()};
    start();
  }

  void start() {
    try {
      session_.start(view_of(now_.picture), words_, part_);
      message_.clear();
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::usage) throw;
      // A part outside a picture that became smaller.
      part_.reset();
      message_ = error.what();
      session_.start(view_of(now_.picture), words_, part_);
    }
    dirty_ = true;
  }

  void go_on() {
    auto token = session_.next();
    if (token) {
      now_.written.tokens.push_back(std::move(*token));
      now_.written.texts.push_back(session_.text());
    } else {
      now_.ended = true;
      now_.written.text_ms = ms_since(now_.begun);
      shown_ = {};
      if (std::exchange(save_, false)) save();
    }
    dirty_ = true;
  }

  const Reading& on_show() const { return shown_.picture.empty() ? now_ : shown_; }

  // The token that is pointed at, else the newest of a text that is being written.
  std::optional<size_t> marked() const {
    const std::vector<TextToken>& tokens = on_show().written.tokens;
    if (hovered_ && *hovered_ < tokens.size()) return hovered_;
    if (on_show().ended || tokens.empty()) return std::nullopt;
    return tokens.size() - 1;
  }

  void draw() {
    dirty_ = false;
    const cv::Rect area = windows_.area(window_title);
    drawn_ = area.size();
    cv::Mat canvas = canvas_for(area);
    const int below = std::min(panel_rows, canvas.rows / 2);
    const cv::Rect upper(0, 0, canvas.cols, canvas.rows - below), lower(0, upper.height, canvas.cols, below);
    cv::Mat place = canvas(upper), panel = canvas(lower);
    const Reading& reading = on_show();
    const auto token = marked();
    if (!reading.picture.empty())
      box_ = draw_letterboxed(
          place,
          token ? token_picture(session_, reading.picture, reading.written.tokens[*token]) : reading.picture);
    draw_part(place);
    cv::Mat lines = panel.rowRange(0, below - hint_rows);
    boxes_ = draw_token_lines(lines, reading.written.tokens, token);
    for (cv::Rect& box : boxes_)
      if (!box.empty()) box.y += upper.height;
    cv::putText(panel, message_.empty() ? hint : drawable(message_, 120), {10, below - 9},
                cv::FONT_HERSHEY_SIMPLEX, 0.45, cv::Scalar::all(150), 1, cv::LINE_AA);
    windows_.show(window_title, canvas);
  }

  void draw_part(cv::Mat& place) {
    std::optional<std::array<cv::Point2d, 2>> corners;
    if (dragged_from_ && pointer_)
      corners = {*dragged_from_, *pointer_};
    else if (part_)
      corners = {box_.on_canvas({part_->x, part_->y}),
                 box_.on_canvas({part_->x + part_->width, part_->y + part_->height})};
    if (!corners) return;
    for (const auto& [width, colour] : {std::pair(3, cv::Scalar::all(0)), std::pair(1, cv::Scalar::all(255))})
      cv::rectangle(place, cv::Point(corners->front()), cv::Point(corners->back()), colour, width);
  }

  void mouse(int event, cv::Point at) {
    pointer_ = at;
    if (event == cv::EVENT_MOUSEMOVE) {
      const std::optional<size_t> before = hovered_;
      hovered_.reset();
      for (size_t i = 0; i < boxes_.size(); ++i)
        if (boxes_[i].contains(at)) hovered_ = i;
      dirty_ = dirty_ || hovered_ != before || dragged_from_;
    }
    const bool in_text =
        std::any_of(boxes_.begin(), boxes_.end(), [&](const cv::Rect& b) { return b.contains(at); });
    if (event == cv::EVENT_LBUTTONDOWN && !in_text) dragged_from_ = at;
    if (event == cv::EVENT_LBUTTONUP && dragged_from_) {
      const cv::Size size = on_show().picture.size();
      const auto from = box_.in_picture(*dragged_from_), to = box_.in_picture(at);
      dragged_from_.reset();
      look_at(part_between(from, to, size));
    }
  }

  void look_at(const std::optional<Region>& part) {
    part_ = part;
    cv::Mat picture = on_show().picture;
    if (picture.empty()) return;
    shown_ = {};
    hovered_.reset();
    now_ = {std::move(picture), {}, Clock::now()};
    start();
  }

  void press(int key) {
    const std::optional<Action> action = action_for_key(key);
    if (action == Action::quit) open_ = false;
    if (action == Action::freeze) frozen_ = !frozen_;
    if (action != Action::save) return;
    if (now_.ended)
      save();
    else
      save_ = true;  // when it has been written
  }

  // The sheet of all tokens, and what `--json` prints.
  void save() {
    const std::string stem = free_stem(stem_);
    try {
      write_picture(stem + ".png", token_sheet(session_, now_.picture, now_.written.tokens));
      Json json = text_json(session_, words_, now_.written, 0);
      if (part_) json["region"] = rounded_box(*part_);
      const std::string text = dump(json, 1) + '\n';
      write_file(stem + ".json", {reinterpret_cast<const unsigned char*>(text.data()), text.size()});
      write_out(fmt::format("{}.png\n{}.json\n", stem, stem));
      flush_out();
      message_ = fmt::format("saved {}.png, .json", stem);
    } catch (const Error& error) {
      complain(error.what());
      message_ = error.what();
    }
    dirty_ = true;
  }

  static constexpr int panel_rows = 160, hint_rows = 26;

  const opencv::Windows& windows_ = opencv::windows();
  TextSession& session_;
  std::string words_;
  std::optional<Region> part_;
  FrameFeed& feed_;
  std::string stem_;
  bool still_;
  bool open_ = true, frozen_ = false, save_ = false, dirty_ = true;
  cv::Mat newest_;       // that nothing was written about
  Reading now_, shown_;  // shown_: the one before, until now_ has ended
  std::optional<size_t> hovered_;
  std::vector<cv::Rect> boxes_;  // of tokens, on the canvas
  std::optional<cv::Point> pointer_, dragged_from_;
  Letterbox box_;
  cv::Size drawn_;  // the window's, when it was drawn last
  std::string message_;
};

}  // namespace

int write_in_window(TextSession& session, const std::string& words, const std::optional<Region>& part,
                    const std::string& source, SourceKind kind) {
  const auto feed = open_feed(source, kind);
  const std::string what = command_for(task_of(session.model()));
  TextWindow(session, words, part, *feed, stem_of(source, kind, what), kind == SourceKind::image).run();
  return exit_good;
}

}  // namespace fovea::apps
