#include "apps/ui/writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <opencv2/imgproc.hpp>
#include <optional>
#include <utility>

#include "apps/opencv/modules.h"
#include "apps/text/typed.h"
#include "apps/ui/gif.h"
#include "apps/util/codec_messages.h"
#include "apps/util/encode.h"
#include "apps/util/inputs.h"
#include "apps/util/terminal.h"
#include "core/atomic_file.h"
#include "core/text.h"
#include "fovea/error.h"

namespace fovea::apps {
namespace {

namespace fs = std::filesystem;

constexpr size_t most_queued = 4;

// As large as fits into `size`, the rest black.
cv::Mat fitted(const cv::Mat& picture, cv::Size size) {
  if (picture.size() == size) return picture;
  const double scale = std::min(static_cast<double>(size.width) / picture.cols,
                                static_cast<double>(size.height) / picture.rows);
  const cv::Size inner(std::clamp(static_cast<int>(std::lround(picture.cols * scale)), 1, size.width),
                       std::clamp(static_cast<int>(std::lround(picture.rows * scale)), 1, size.height));
  cv::Mat result(size, CV_8UC3, cv::Scalar::all(0));
  cv::Mat place = result(cv::Rect({(size.width - inner.width) / 2, (size.height - inner.height) / 2}, inner));
  cv::resize(picture, place, inner, 0, 0, scale < 1 ? cv::INTER_AREA : cv::INTER_LINEAR);
  return result;
}

class VideoFile : public FrameWriter {
 public:
  VideoFile(std::string out, double rate) : out_(std::move(out)), file_(out_), rate_(rate) {}

  void write(const cv::Mat& bgr) override {
    if (!writer_->is_open()) open(bgr.size());
    const CodecMessages messages;
    writer_->write(fitted(bgr, size_));
  }

  void finish() override {
    if (!writer_->is_open()) return;
    writer_->release();  // writes the index without which the file cannot be played
    file_.check_room();
    file_.commit();
  }

 private:
  void open(cv::Size size) {
    const CodecMessages messages;
    size_ = size;
    bool open = false;
    try {
      // MPEG-4 part 2: in every FFmpeg and GStreamer build, unlike H.264.
      open = writer_->open(file_.temporary(), "mp4v", rate_, size);
    } catch (const cv::Exception&) {
      open = false;
    }
    if (!open)
      throw Error(ErrorKind::file, fmt::format("cannot write {}: no video of {} x {} in this format, try a "
                                               "name that ends in .mp4",
                                               printable(out_), size.width, size.height));
  }

  std::string out_;
  AtomicFile file_;
  double rate_;
  std::unique_ptr<opencv::Writer> writer_ = opencv::video().writer();
  cv::Size size_;
};

class GifFile : public FrameWriter {
 public:
  GifFile(std::string out, double rate) : out_(std::move(out)), file_(out_), rate_(rate) {}

  void write(const cv::Mat& bgr) override {
    if (!gif_) {
      gif_.emplace(file_.temporary(), out_, bgr.size());
      size_ = bgr.size();
    }
    // Times are hundredths of a second, so they are rounded where each frame ends.
    const auto end_of = [&](size_t frame) {
      return static_cast<long>(std::lround(static_cast<double>(frame) * 100 / rate_));
    };
    gif_->add(fitted(bgr, size_), static_cast<int>(end_of(frames_ + 1) - end_of(frames_)));
    ++frames_;
  }

  void finish() override {
    if (!gif_) return;
    gif_->close();
    file_.check_room();
    file_.commit();
  }

 private:
  std::string out_;
  AtomicFile file_;
  double rate_;
  std::optional<Gif> gif_;
  cv::Size size_;
  size_t frames_ = 0;
};

// Each file is complete by itself: files that are written stay.
class NumberedFiles : public FrameWriter {
 public:
  NumberedFiles(std::string before, size_t digits, std::string after)
      : before_(std::move(before)), after_(std::move(after)), digits_(digits) {}

  void write(const cv::Mat& bgr) override {
    write_picture(fmt::format("{}{:0{}}{}", before_, frames_++, digits_, after_), bgr);
  }
  void finish() override {}

 private:
  std::string before_, after_;
  size_t digits_, frames_ = 0;
};

std::unique_ptr<FrameWriter> open_numbered(const std::string& out) {
  const size_t percent = out.find('%'), letter = out.find_first_not_of("0123456789", percent + 1);
  size_t digits = 1;
  const std::string_view width = std::string_view(out).substr(percent + 1, letter - percent - 1);
  const auto [end, error] = std::from_chars(width.data(), width.data() + width.size(), digits);
  const bool number = width.empty() || (error == std::errc() && end == width.data() + width.size());
  if (letter == out.npos || out[letter] != 'd' || !number || digits > 9 || out.find('%', letter) != out.npos)
    throw Error(ErrorKind::usage,
                fmt::format("--out {}: want one %d or %04d where the frame's number goes", printable(out)));
  return std::make_unique<NumberedFiles>(out.substr(0, percent), std::max<size_t>(digits, 1),
                                         out.substr(letter + 1));
}

}  // namespace

std::unique_ptr<FrameWriter> open_writer(const std::string& out, double frames_per_second) {
  if (out.ends_with('/')) {
    std::error_code error;
    fs::create_directories(out, error);
    if (error)
      throw Error(ErrorKind::file,
                  fmt::format("cannot make the folder {}: {}", printable(out), error.message()));
    return std::make_unique<NumberedFiles>(out + "frame_", 6, ".png");
  }
  const std::string extension = lower_case(fs::path(out).extension().native());
  if (extension == ".gif") return std::make_unique<GifFile>(out, frames_per_second);
  if (has_image_extension(out)) {
    if (out.find('%') != out.npos) return open_numbered(out);
    throw Error(ErrorKind::usage,
                fmt::format("--out {}: the source is a video, give a name that ends in .mp4 "
                            "or .gif, or frames_%04d.png",
                            printable(out)));
  }
  return std::make_unique<VideoFile>(out, frames_per_second);
}

WriterThread::WriterThread(std::unique_ptr<FrameWriter> writer)
    : writer_(std::move(writer)), thread_([this] { work(); }) {}

WriterThread::~WriterThread() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void WriterThread::write(cv::Mat bgr, size_t times) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return queue_.size() < most_queued || failure_; });
  if (failure_) std::rethrow_exception(failure_);
  queue_.push_back({std::move(bgr), times});
  changed_.notify_all();
}

void WriterThread::finish() {
  std::unique_lock lock(mutex_);
  closing_ = true;
  changed_.notify_all();
  changed_.wait(lock, [&] { return done_ || failure_; });
  if (failure_) std::rethrow_exception(failure_);
}

void WriterThread::work() {
  try {
    for (;;) {
      Item item;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return stop_ || closing_ || !queue_.empty(); });
        if (stop_) return;
        if (queue_.empty()) break;
        item = std::move(queue_.front());
        queue_.pop_front();
        changed_.notify_all();
      }
      for (size_t i = 0; i < item.times; ++i) writer_->write(item.picture);
    }
    writer_->finish();
    const std::lock_guard lock(mutex_);
    done_ = true;
    changed_.notify_all();
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
    changed_.notify_all();
  }
}

bool WriterThread::offer(const cv::Mat& bgr, size_t times) {
  {
    const std::lock_guard lock(mutex_);
    if (!failure_ && queue_.size() >= most_queued) return false;
  }
  write(bgr, times);
  return true;
}

size_t Timekeeper::times_until(Clock::time_point now) {
  if (start_ == Clock::time_point{}) start_ = now;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const auto due = static_cast<size_t>(std::lround(seconds * rate_));
  const size_t times = due - std::min(due, written_);
  written_ += times;
  return times;
}

}  // namespace fovea::apps
