// What is written: GIF, numbered files, records of a picture; and reading a file as a feed.
#include <doctest/doctest.h>

#include <atomic>
#include <cmath>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <opencv2/videoio.hpp>

#include "apps/ui/capture.h"
#include "apps/ui/gif.h"
#include "apps/ui/sidecar.h"
#include "apps/ui/writer.h"
#include "fovea/error.h"
#include "tests/apps/cli/program.h"

namespace fovea::apps {
namespace {

using e2e::Folder;
using e2e::fs::exists;
using namespace std::chrono_literals;

cv::Mat plain(const cv::Scalar& colour, cv::Size size = {40, 30}) {
  return {size, CV_8UC3, colour};
}

double worst(const cv::Mat& a, const cv::Mat& b) {
  return cv::norm(a, b, cv::NORM_INF);
}

std::vector<cv::Mat> read_all(const std::string& path) {
  cv::VideoCapture capture(path);
  std::vector<cv::Mat> frames;
  for (cv::Mat frame; capture.read(frame); frame = cv::Mat()) frames.push_back(frame);
  return frames;
}

}  // namespace

TEST_CASE("up to 256 colours are kept as they are, more are near") {
  cv::Mat few(16, 16, CV_8UC3), many(128, 256, CV_8UC3);
  for (int i = 0; i < 256; ++i)
    few.at<cv::Vec3b>(i / 16, i % 16) = {static_cast<uint8_t>(i / 64 * 80),
                                         static_cast<uint8_t>(i / 8 % 8 * 33),
                                         static_cast<uint8_t>(i % 8 * 30)};
  for (int y = 0; y < many.rows; ++y)
    for (int x = 0; x < many.cols; ++x)
      many.at<cv::Vec3b>(y, x) = {static_cast<uint8_t>(x), static_cast<uint8_t>(2 * y),
                                  static_cast<uint8_t>(255 - x)};
  const auto error = [](const cv::Mat& picture) {
    const Palette palette = choose_palette(picture);
    REQUIRE(palette.colours.size() <= 256);
    REQUIRE(palette.indices.size() == picture.total());
    double sum = 0, most = 0;
    for (int i = 0; i < static_cast<int>(picture.total()); ++i) {
      const cv::Vec3b& want = picture.at<cv::Vec3b>(i / picture.cols, i % picture.cols);
      const cv::Vec3b& got = palette.colours.at(palette.indices[static_cast<size_t>(i)]);
      for (int c = 0; c < 3; ++c) {
        most = std::max(most, std::abs(static_cast<double>(want[c]) - got[c]));
        sum += std::abs(static_cast<double>(want[c]) - got[c]);
      }
    }
    return std::pair(most, sum / (3.0 * static_cast<double>(picture.total())));
  };
  CHECK(error(few).first == 0);
  // Two free axes, so about 16 x 16 boxes of 16 x 16 values: 4 off on average.
  CHECK(error(many).second < 6);
  CHECK(error(many).first < 40);
  CHECK(choose_palette(plain({1, 2, 3})).colours.size() == 1);
}

TEST_CASE("a GIF has its frames, colours and times") {
  const Folder folder;
  const std::string path = folder / "a.gif";
  {
    auto writer = open_writer(path, 8);  // 12.5 hundredths each
    writer->write(plain({255, 0, 0}));
    writer->write(plain({0, 0, 255}));
    writer->write(plain({0, 255, 0}, {20, 30}));  // fitted into the first one's size
    CHECK_FALSE(exists(path));
    writer->finish();
  }
  const std::vector<cv::Mat> frames = read_all(path);
  REQUIRE(frames.size() == 3);
  CHECK(worst(frames[0], plain({255, 0, 0})) <= 4);
  CHECK(worst(frames[1], plain({0, 0, 255})) <= 4);
  cv::Mat third = plain({0, 0, 0});
  third.colRange(10, 30).setTo(cv::Scalar(0, 255, 0));
  CHECK(worst(frames[2], third) <= 4);
  // Graphics control blocks: 21 f9 04 flags low high.
  const std::string bytes = e2e::read_text(path);
  std::vector<int> times;
  for (size_t at = bytes.find("\x21\xf9\x04"); at != bytes.npos; at = bytes.find("\x21\xf9\x04", at + 1))
    times.push_back(static_cast<uint8_t>(bytes[at + 4]) + 256 * static_cast<uint8_t>(bytes[at + 5]));
  CHECK(times == std::vector<int>{13, 12, 13});
  CHECK(bytes.find("NETSCAPE2.0") != bytes.npos);
}

TEST_CASE("what is not finished is not left behind") {
  const Folder folder;
  for (const char* name : {"a.gif", "a.mp4"}) {
    WriterThread writer(open_writer(folder / name, 10));
    writer.write(plain({9, 9, 9}));
  }
  CHECK(e2e::fs::is_empty(folder / ""));
}

TEST_CASE("numbered files and folders") {
  const Folder folder;
  const auto write = [&](const std::string& name) {
    WriterThread writer(open_writer(folder / name, 10));
    writer.write(plain({1, 2, 3}), 2);
    writer.write(plain({4, 5, 6}, {11, 7}));
    writer.finish();
  };
  write("f_%03d.png");
  CHECK(exists(folder / "f_000.png"));
  CHECK(exists(folder / "f_001.png"));
  CHECK(cv::imread(folder / "f_002.png").size() == cv::Size(11, 7));
  CHECK_FALSE(exists(folder / "f_003.png"));
  write("d/e/");
  CHECK(exists(folder / "d/e/frame_000002.png"));
  write("%d.png");
  CHECK(exists(folder / "2.png"));
  for (const char* name :
       {"f.png", "f_%s.png", "f_%d_%d.png", "f_%n.png", "f_%99999999999d.png", "f_%-3d.png", "f%"})
    if (std::string(name).ends_with(".png")) CHECK_THROWS_AS(open_writer(folder / name, 10), Error);
}

TEST_CASE("a recording keeps the time of a source that has none") {
  Timekeeper time(10);
  const auto start = Clock::now();
  CHECK(time.times_until(start) == 0);
  CHECK(time.times_until(start + 100ms) == 1);
  CHECK(time.times_until(start + 120ms) == 0);
  CHECK(time.times_until(start + 1000ms) == 9);
  CHECK(time.times_until(start + 900ms) == 0);
}

TEST_CASE("writing goes wrong in its thread and is told here") {
  const Folder folder;
  WriterThread writer(open_writer(folder / "out.xyz", 10));
  writer.write(plain({1, 2, 3}));
  CHECK_THROWS_AS(writer.finish(), Error);
}

TEST_CASE("the hash of a model's weights") {
  const Folder folder, none;
  const std::atomic<bool> go = false, stop = true;
  const ModelChoice model{folder / "."};
  e2e::write_text(folder / "model.safetensors", "abc");
  // FIPS 180-2, appendix B.1.
  CHECK(weights_sha256_of(model, go) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(weights_sha256_of(model, stop).empty());
  CHECK_THROWS_AS(weights_sha256_of({none / "."}, go), Error);
}

TEST_CASE("maps of one shape make one array, others one each") {
  const AttentionMap small{1, 2, {1, 2}}, large{2, 2, {1, 2, 3, 4}};
  const auto text = [](const std::vector<unsigned char>& bytes) {
    return std::string(bytes.begin(), bytes.end());
  };
  CHECK(npy_files({}).empty());
  CHECK(text(npy_files({large}).at(0)).find("(2, 2)") != std::string::npos);
  CHECK(text(npy_files({large, large, large}).at(0)).find("(3, 2, 2)") != std::string::npos);
  CHECK(npy_files({small, large}).size() == 2);
}

TEST_CASE("a saved picture says how it came about") {
  const Folder folder;
  const std::string model_folder = FOVEA_SOURCE_DIR "/tests/golden/vit_mini";
  const Model model = Model::load(Device::open(), model_folder, {});
  Engine engine(model, std::make_unique<PushFeed>());
  const Provenance provenance(model, {model_folder}, "camera 0");
  View view;
  view.pins = {{20, 20}, {60, 40}};
  const ViewerId id = engine.join(view);
  engine.push(plain({10, 200, 30}, {80, 64}));
  const auto shown = engine.newer(id, 0, 60s);
  REQUIRE(shown);
  const std::vector<std::string> names = save_shown(folder / "x", *shown, provenance);
  REQUIRE(names.size() == 3);
  for (const std::string& name : names) CHECK(exists(name));
  CHECK(worst(cv::imread(folder / "x.png"), shown->picture) == 0);
  const auto json = nlohmann::json::parse(e2e::read_text(folder / "x.json"));
  CHECK(json["source"] == "camera 0");
  CHECK(json["frame"] == 0);
  CHECK(json["fovea"] == FOVEA_VERSION);
  CHECK(json["picture"] == "x.png");
  CHECK(json["arrays"] == nlohmann::json({"x.npy"}));
  const std::atomic<bool> go = false;
  CHECK(json["model"]["weights_sha256"] == weights_sha256_of({model_folder}, go));
  CHECK(json["model"]["architecture"] == "vit_tiny_patch16_224");
  CHECK(json["preprocessing"]["size"] == nlohmann::json({64, 64}));
  CHECK(json["preprocessing"]["interpolation"] == "bicubic");
  CHECK(json["preprocessing"]["crop_pct"] == 0.9);
  REQUIRE(json["maps"].size() == 2);
  CHECK(json["maps"][1]["method"] == "raw");
  CHECK(json["maps"][1]["layer"] == 2);
  CHECK(json["maps"][1]["heads"] == "mean");
  CHECK(json["maps"][1]["query"]["col"] == 3);
  CHECK(json["maps"][0]["class_specific"] == false);
  CHECK(json["topk"].size() == 5);
}

TEST_CASE("a file is read in order to its end, at its pace where that is wanted") {
  const Folder folder;
  const std::string path = folder / "clip.avi";
  {
    cv::VideoWriter writer(path, cv::VideoWriter::fourcc('M', 'J', 'P', 'G'), 50, {64, 48});
    for (int i = 0; i < 10; ++i) writer.write(plain(cv::Scalar::all(20 * i), {64, 48}));
  }
  for (const bool paced : {false, true}) {
    CaptureFeed feed(VideoSource(path, SourceKind::video), {.paced = paced});
    CHECK_FALSE(feed.live());
    CHECK(feed.frames() == 10);
    CHECK(feed.frames_per_second() == 50);
    const auto start = Clock::now();
    for (uint64_t i = 0; i < 10; ++i) {
      const auto frame = feed.next(20s);
      REQUIRE(frame);
      CHECK(frame->number == i);
      CHECK(std::abs(static_cast<int>(frame->bgr.at<cv::Vec3b>(20, 20)[0]) - 20 * static_cast<int>(i)) <= 2);
    }
    while (!feed.status().ended) feed.next(10ms);
    CHECK_FALSE(feed.status().failed);
    if (paced) CHECK(Clock::now() - start > 150ms);
  }
}

TEST_CASE("a picture is a source of one frame") {
  const Folder folder;
  cv::imwrite(folder / "a.png", plain({5, 6, 7}));
  const auto feed = open_feed(folder / "a.png", SourceKind::image);
  const auto frame = feed->next(20s);
  REQUIRE(frame);
  CHECK(worst(frame->bgr, plain({5, 6, 7})) == 0);
  while (!feed->status().ended) feed->next(10ms);
}

}  // namespace fovea::apps
