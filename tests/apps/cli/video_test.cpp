// `fovea overlay` on moving pictures.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <opencv2/videoio.hpp>
#include <string>
#include <thread>

#include "tests/apps/cli/pictures.h"
#include "tests/apps/cli/program.h"

namespace fovea::e2e {
namespace {

constexpr int width = 96, height = 64;

void save_clip(const fs::path& path, int frames) {
  cv::VideoWriter writer(path, cv::VideoWriter::fourcc('m', 'p', '4', 'v'), 10, {width, height});
  REQUIRE(writer.isOpened());
  for (int i = 0; i < frames; ++i) writer.write(picture(width, height, i));
}

// Frames of the given size that can be read back.
int count_frames(const fs::path& path, cv::Size size) {
  cv::VideoCapture capture(path);
  cv::Mat frame;
  int frames = 0;
  while (capture.read(frame) && frame.size() == size) ++frames;
  return frames;
}

bool has_part(const Folder& folder) {
  for (const auto& entry : fs::directory_iterator(folder / ""))
    if (entry.path().filename().native().find(".part") != std::string::npos) return true;
  return false;
}

}  // namespace

TEST_CASE("video in, video out") {
  const Folder folder;
  save_clip(folder / "clip.mp4", 6);
  const Outcome outcome = run(folder, {"overlay", "clip.mp4"});
  CAPTURE(outcome.err);
  CHECK(outcome.code == 0);
  CHECK(outcome.complaints().empty());
  CHECK(outcome.out == "clip.overlay.mp4\n");
  CHECK(count_frames(folder / "clip.overlay.mp4", {width, height}) == 6);
  CHECK_FALSE(has_part(folder));

  CHECK(run(folder, {"overlay", "--side-by-side", "--out", "both.avi", "clip.mp4"}).code == 0);
  CHECK(count_frames(folder / "both.avi", {2 * width, height}) == 6);
}

TEST_CASE("video in, animated GIF or numbered pictures out") {
  const Folder folder;
  save_clip(folder / "clip.mp4", 5);
  for (const char* out : {"clip.gif", "pictures/", "p_%03d.png"}) {
    const Outcome outcome = run(folder, {"overlay", "--out", out, "clip.mp4"});
    CAPTURE(outcome.err);
    CHECK(outcome.code == 0);
    CHECK(outcome.complaints().empty());
    CHECK(outcome.out == std::string(out) + '\n');
  }
  CHECK(count_frames(folder / "clip.gif", {width, height}) == 5);
  CHECK(load(folder / "pictures/frame_000004.png").size() == cv::Size(width, height));
  CHECK_FALSE(fs::exists(folder / "pictures/frame_000005.png"));
  CHECK(load(folder / "p_004.png").size() == cv::Size(width, height));
  // A frame of the video is drawn like the same picture by itself.
  cv::VideoCapture capture(folder / "clip.mp4");
  cv::Mat frame;
  for (int i = 0; i < 3; ++i) REQUIRE(capture.read(frame));
  save(folder / "third.png", frame);
  CHECK(run(folder, {"overlay", "--out", "alone.png", "third.png"}).code == 0);
  CHECK(same_pixels(load(folder / "alone.png"), load(folder / "p_002.png")));
}

TEST_CASE("Ctrl-C leaves a video that plays") {
  const Folder folder;
  save_clip(folder / "clip.mp4", 1500);
  Call call;
  call.arguments = {"overlay", "--out", "out.mp4", "clip.mp4"};
  Running running(folder, call);
  for (int i = 0; i < 6000 && !has_part(folder); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  REQUIRE(has_part(folder));
  kill(running.process(), SIGINT);
  const Outcome outcome = running.wait();
  CAPTURE(outcome.err);
  CHECK(outcome.code == 130);
  CHECK_FALSE(has_part(folder));
  const int frames = count_frames(folder / "out.mp4", {width, height});
  CHECK(frames > 0);
  CHECK(frames < 1500);
}

TEST_CASE("videos that cannot be") {
  const Folder folder;
  save_clip(folder / "clip.mp4", 3);
  write_text(folder / "cut.mp4", read_text(folder / "clip.mp4").substr(0, 500));
  const auto one_line = [&](const std::vector<std::string>& arguments, int code) {
    const Outcome outcome = run(folder, arguments);
    CAPTURE(outcome.err);
    CHECK(outcome.code == code);
    CHECK(outcome.complaints().size() == 1);
    CHECK_FALSE(has_part(folder));
  };
  one_line({"overlay", "cut.mp4"}, 1);
  one_line({"overlay", "--out", "out.xyz", "clip.mp4"}, 1);
  one_line({"overlay", "--out", "out.png", "clip.mp4"}, 2);
  one_line({"overlay", "--out", "out_%s.png", "clip.mp4"}, 2);
  one_line({"overlay", "--out", "none/out.gif", "clip.mp4"}, 1);
  one_line({"overlay", "--out", "clip.mp4", "clip.mp4"}, 2);
  one_line({"overlay", "--npy", "map.npy", "clip.mp4"}, 2);
  // No display and nowhere to write to.
  one_line({"overlay", "0"}, 2);
  one_line({"overlay", "rtsp://127.0.0.1:9/none"}, 2);
  one_line({"overlay", "--out", "out.mp4", "garbage ! appsink"}, 1);
}

TEST_CASE("a video that does not fit is an error and leaves nothing behind") {
  const Folder folder;
  save_clip(folder / "clip.mp4", 6);
  // A limit on the size of files stands in for a full disk: writes fail, and OpenCV is silent about it.
  rlimit unlimited{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &unlimited) == 0);
  const rlimit small{4096, unlimited.rlim_max};
  const auto before = std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  Running running(folder, {.arguments = {"overlay", "--out", "out.mp4", "clip.mp4"}});
  setrlimit(RLIMIT_FSIZE, &unlimited);
  std::signal(SIGXFSZ, before);
  const Outcome outcome = running.wait();
  CHECK(outcome.code == 1);
  CHECK(outcome.out.empty());
  REQUIRE(outcome.complaints().size() == 1);
  CHECK(outcome.complaints().front().starts_with("fovea: cannot write out.mp4: "));
  CHECK_FALSE(fs::exists(folder / "out.mp4"));
  CHECK_FALSE(has_part(folder));
}

TEST_CASE("a display that does not answer is no display") {
  const Folder folder;
  save_clip(folder / "clip.mp4", 3);
  Call call;
  call.arguments = {"overlay", "clip.mp4"};
  call.variables = {"DISPLAY=:4242"};
  const Outcome outcome = run(folder, call);
  CHECK(outcome.code == 0);
  CHECK(outcome.out == "clip.overlay.mp4\n");
}

}  // namespace fovea::e2e
