// `fovea overlay` on images.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <string>
#include <vector>

#include "tests/apps/cli/pictures.h"
#include "tests/apps/cli/program.h"

namespace fovea::e2e {
namespace {

struct Npy {
  std::string header;
  std::vector<float> values;
};

// NumPy format 1.0: magic, version, header length, header, data at a multiple of 64.
Npy read_npy(const fs::path& path) {
  const std::string bytes = read_text(path);
  REQUIRE(bytes.substr(0, 8) == std::string("\x93NUMPY\x01\x00", 8));
  const size_t length = static_cast<uint8_t>(bytes[8]) + 256U * static_cast<uint8_t>(bytes[9]);
  REQUIRE((10 + length) % 64 == 0);
  REQUIRE(bytes.at(9 + length) == '\n');
  Npy npy{bytes.substr(10, length), {}};
  npy.values.resize((bytes.size() - 10 - length) / sizeof(float));
  std::memcpy(npy.values.data(), bytes.data() + 10 + length, npy.values.size() * sizeof(float));
  return npy;
}

std::vector<float> map_of(const Folder& folder, std::vector<std::string> options) {
  std::vector<std::string> arguments = {"overlay", "--dtype", "fp32",    "--npy",
                                        "map.npy", "--out",   "map.png", "a.png"};
  arguments.insert(arguments.end(), options.begin(), options.end());
  const Outcome outcome = run(folder, arguments);
  CAPTURE(outcome.err);
  REQUIRE(outcome.code == 0);
  return read_npy(folder / "map.npy").values;
}

}  // namespace

TEST_CASE("overlay writes a picture of the input's size beside nothing else") {
  const Folder folder;
  const cv::Mat image = picture(123, 77);
  save(folder / "in/a.png", image);
  const std::string before = read_text(folder / "in/a.png");
  const Outcome outcome = run(folder, {"overlay", "in/a.png"});
  CHECK(outcome.code == 0);
  CHECK(outcome.out == "a.overlay.png\n");
  CHECK(load(folder / "a.overlay.png").size() == image.size());
  CHECK(read_text(folder / "in/a.png") == before);
  CHECK(std::distance(fs::directory_iterator(folder / ""), fs::directory_iterator()) == 2);

  CHECK(run(folder, {"overlay", "--side-by-side", "--out", "b.png", "in/a.png"}).code == 0);
  const cv::Mat both = load(folder / "b.png");
  CHECK(both.size() == cv::Size(2 * image.cols, image.rows));
  CHECK(same_pixels(both.colRange(0, image.cols), image));
}

TEST_CASE("only what the model saw is drawn over") {
  const Folder folder;
  // The model takes the central 64 of 71 rows, so the central 90 % of the height and as much of the width.
  const cv::Mat image(100, 300, CV_8UC3, cv::Scalar(10, 20, 30));
  save(folder / "a.png", image);
  CHECK(run(folder, {"overlay", "--alpha", "1", "--out", "b.png", "a.png"}).code == 0);
  const cv::Mat drawn = load(folder / "b.png");
  // What it did not see is faded and not coloured: at full strength to half its brightness.
  const cv::Mat faded(image.size(), CV_8UC3, cv::Scalar(5, 10, 15));
  CHECK(same_pixels(drawn.colRange(0, 100), faded.colRange(0, 100)));
  CHECK(same_pixels(drawn.colRange(200, 300), faded.colRange(200, 300)));
  CHECK(same_pixels(drawn.rowRange(0, 3), faded.rowRange(0, 3)));
  const cv::Rect seen(110, 10, 80, 80);
  cv::Mat differs;
  cv::absdiff(drawn(seen), image(seen), differs);
  CHECK(cv::mean(differs)[0] + cv::mean(differs)[1] + cv::mean(differs)[2] > 50);
}

TEST_CASE("pixels come out as they are: orientation, grey, alpha, 16 bits") {
  const Folder folder;
  const cv::Mat image = picture(40, 24);
  const cv::Mat stored = cv::imdecode(
      cv::Mat(1, static_cast<int>(encode(image, ".jpg").size()), CV_8U, encode(image, ".jpg").data()),
      cv::IMREAD_COLOR);
  const auto through = [&](const std::string& name) {
    const Outcome outcome = run(folder, {"overlay", "--alpha", "0", "--out", "out.png", name});
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    return load(folder / "out.png");
  };
  cv::Mat turned;
  write_text(folder / "six.jpg", jpeg_with_orientation(image, 6));
  cv::rotate(stored, turned, cv::ROTATE_90_CLOCKWISE);
  CHECK(same_pixels(through("six.jpg"), turned));
  write_text(folder / "two.jpg", jpeg_with_orientation(image, 2));
  cv::flip(stored, turned, 1);
  CHECK(same_pixels(through("two.jpg"), turned));

  cv::Mat grey, grey_as_colour, alpha;
  cv::cvtColor(image, grey, cv::COLOR_BGR2GRAY);
  cv::cvtColor(grey, grey_as_colour, cv::COLOR_GRAY2BGR);
  save(folder / "grey.png", grey);
  CHECK(same_pixels(through("grey.png"), grey_as_colour));

  cv::cvtColor(image, alpha, cv::COLOR_BGR2BGRA);
  for (int x = 0; x < alpha.cols; ++x) alpha.at<cv::Vec4b>(3, x)[3] = static_cast<uint8_t>(x);
  save(folder / "alpha.png", alpha);
  CHECK(same_pixels(through("alpha.png"), image));

  cv::Mat deep;
  image.convertTo(deep, CV_16U, 257);
  save(folder / "deep.png", deep);
  CHECK(same_pixels(through("deep.png"), image));
}

TEST_CASE("--npy writes the map at the model's grid") {
  const Folder folder;
  save(folder / "a.png", picture(90, 90));
  const std::vector<float> last = map_of(folder, {});
  CHECK(read_npy(folder / "map.npy")
            .header.starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (4, 4), }"));
  REQUIRE(last.size() == 16);
  // A softmax row without the class token's own share.
  double sum = 0;
  for (const float value : last) {
    CHECK(value > 0);
    sum += value;
  }
  CHECK(sum < 1);

  const std::vector<float> all = map_of(folder, {"--layer", "all"});
  CHECK(read_npy(folder / "map.npy").header.find("'shape': (3, 4, 4), }") != std::string::npos);
  REQUIRE(all.size() == 48);
  CHECK(std::equal(last.begin(), last.end(), all.begin() + 32));

  std::vector<float> mean(16);
  std::vector<std::vector<float>> heads;
  for (const std::string head : {"0", "1", "2"}) heads.push_back(map_of(folder, {"--head", head}));
  const std::vector<float> max = map_of(folder, {"--head", "max"});
  for (size_t i = 0; i < 16; ++i) {
    CHECK((heads[0][i] + heads[1][i] + heads[2][i]) / 3 == doctest::Approx(last[i]).epsilon(1e-4));
    CHECK(max[i] == doctest::Approx(std::max({heads[0][i], heads[1][i], heads[2][i]})).epsilon(1e-6));
  }
  CHECK(map_of(folder, {"--method", "rollout"}) != last);
}

TEST_CASE("--query shows another patch's attention") {
  const Folder folder;
  save(folder / "a.png", picture(71, 71));
  const std::vector<float> token = map_of(folder, {});
  const std::vector<float> corner = map_of(folder, {"--query", "10,10"});
  const std::vector<float> same_patch = map_of(folder, {"--query", "12.5,8"});
  const std::vector<float> elsewhere = map_of(folder, {"--query", "60,40"});
  CHECK(corner != token);
  CHECK(corner == same_patch);
  CHECK(corner != elsewhere);
  for (const std::string outside : {"1,1", "-4,20", "500,20"})
    CHECK(run(folder, {"overlay", std::string("--query=") + outside, "a.png"}).code == 2);
}

TEST_CASE("a folder goes into a folder, bad images apart") {
  const Folder folder;
  save(folder / "in/a.png", picture(50, 40));
  save(folder / "in/a.bmp", picture(50, 40));
  save(folder / "in/deep/b.png", picture(30, 60));
  write_text(folder / "in/bad.png", "");
  const Outcome outcome = run(folder, {"overlay", "--out", "out", "in/"});
  CHECK(outcome.code == 1);
  CHECK(lines_of(outcome.out).size() == 3);
  CHECK(outcome.complaints() ==
        std::vector<std::string>{"fovea: in/bad.png: empty file", "fovea: 1 of 4 inputs failed"});
  CHECK(load(folder / "out/deep/b.overlay.png").size() == cv::Size(30, 60));
  size_t pictures = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder / "out"))
    pictures += entry.is_regular_file() ? 1 : 0;
  CHECK(pictures == 3);

  fs::create_directories(folder / "none");
  CHECK(run(folder, {"overlay", "none"}).code == 1);
}

TEST_CASE("overlays inside the source are not drawn over again") {
  const Folder folder;
  save(folder / "in/a.png", picture(50, 40));
  save(folder / "in/b/c.png", picture(50, 40));
  const Outcome first = run(folder, {"overlay", "--out", "in/out", "in"});
  CHECK(lines_of(first.out).size() == 2);
  const Outcome second = run(folder, {"overlay", "--out", "in/out", "in"});
  CHECK(second.code == 0);
  CHECK(second.out == first.out);
}

TEST_CASE("a folder that cannot be written is named with the reason") {
  const Folder folder;
  save(folder / "in/a.png", picture(50, 40));
  write_text(folder / "file", "");
  CHECK(run(folder, {"overlay", "--out", "file", "in"}).code == 2);
  const Outcome outcome = run(folder, {"overlay", "--out", "file/out", "in"});
  CHECK(outcome.code == 1);
  REQUIRE(outcome.complaints().size() == 2);
  CHECK(outcome.complaints().front() == "fovea: in/a.png: cannot make the folder file/out: Not a directory");
}

TEST_CASE("an output that cannot be is refused and leaves nothing behind") {
  const Folder folder;
  save(folder / "a.png", picture(50, 40));
  CHECK(run(folder, {"overlay", "--out", "./a.png", "a.png"}).code == 2);
  CHECK(run(folder, {"overlay", "--out", "b.xyz", "a.png"}).code == 2);
  CHECK(run(folder, {"overlay", "--out", "nowhere/b.png", "a.png"}).code == 1);
  CHECK(run(folder, {"overlay", "missing.png"}).code == 1);
  CHECK(run(folder, {"overlay", "--npy", "./a.png", "a.png"}).code == 2);
  CHECK(run(folder, {"overlay", "--npy", "./b.png", "--out", "b.png", "a.png"}).code == 2);
  CHECK(same_pixels(load(folder / "a.png"), picture(50, 40)));
  CHECK(std::distance(fs::directory_iterator(folder / ""), fs::directory_iterator()) == 1);
}

}  // namespace fovea::e2e
