// Input that nobody should have to fear: one clear line each, the right exit code, no crash.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/apps/cli/pictures.h"
#include "tests/apps/cli/program.h"

namespace fovea::e2e {
namespace {

std::string big_endian(uint32_t value) {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(value >> shift & 255);
  return text;
}

}  // namespace

TEST_CASE("one bad image is reported and counted, the others go on") {
  const Folder folder;
  save(folder / "a.png", picture(50, 50, 1));
  save(folder / "c.png", picture(50, 50, 2));
  write_text(folder / "b.png", "this is no picture");
  for (const std::string batch : {"1", "8"}) {
    CAPTURE(batch);
    const Outcome outcome = run(folder, {"classify", "--json", "--batch", batch, "a.png", "b.png", "c.png"});
    CHECK(outcome.code == 1);
    const auto lines = outcome.json_lines();
    REQUIRE(lines.size() == 2);
    CHECK(lines[0].at("path") == "a.png");
    CHECK(lines[1].at("path") == "c.png");
    REQUIRE(outcome.complaints().size() == 2);
    CHECK(outcome.complaints()[0].starts_with("fovea: b.png: "));
    CHECK(outcome.complaints()[1] == "fovea: 1 of 3 inputs failed");
  }
}

TEST_CASE("each damaged image gives exactly one line") {
  const Folder folder;
  const cv::Mat image = picture(61, 47);
  std::vector<std::pair<std::string, std::string>> files = {{"empty.jpg", ""}, {"text.jpg", "hello\n"}};
  for (const std::string extension : {".jpg", ".png", ".bmp", ".webp", ".ppm"}) {
    const std::string whole = encode(image, extension);
    files.emplace_back("half" + extension, whole.substr(0, whole.size() / 2));
    files.emplace_back("nearly" + extension, whole.substr(0, whole.size() - 20));
    files.emplace_back("start" + extension, whole.substr(0, 12));
  }
  std::string png = encode(image, ".png");
  // The picture's data are not what their checksum says, and the file is complete.
  std::string damaged = png;
  damaged[png.find("IDAT") + 30] = static_cast<char>(damaged[png.find("IDAT") + 30] ^ 0x55);
  files.emplace_back("damaged.png", damaged);
  // Headers that promise more pixels than anybody has memory for.
  files.emplace_back("bomb.png", std::string(png).replace(16, 8, big_endian(60000) + big_endian(60000)));
  files.emplace_back("bomb.ppm", "P6 40000 40000 255\nabc");
  std::string jpeg = encode(image, ".jpg");
  const size_t frame = jpeg.find("\xff\xc0");
  REQUIRE(frame != std::string::npos);
  files.emplace_back("bomb.jpg", jpeg.replace(frame + 5, 4, "\xff\xff\xff\xff"));

  std::vector<std::string> arguments = {"classify"};
  for (const auto& [name, bytes] : files) {
    write_text(folder / name, bytes);
    arguments.push_back(name);
  }
  const Outcome outcome = run(folder, arguments);
  CHECK(outcome.code == 1);
  CHECK(outcome.out.empty());
  const auto complaints = outcome.complaints();
  CAPTURE(outcome.err);
  REQUIRE(complaints.size() == files.size() + 1);
  for (size_t i = 0; i < files.size(); ++i)
    CHECK(complaints[i].starts_with("fovea: " + files[i].first + ": "));
  CHECK(outcome.err.find("empty.jpg: empty file") != std::string::npos);
  CHECK(outcome.err.find("half.jpg: truncated") != std::string::npos);
  CHECK(outcome.err.find("bomb.png: PNG of 60000 x 60000 pixels") != std::string::npos);
}

TEST_CASE("inputs that lead to no image") {
  const Folder folder;
  fs::create_directories(folder / "empty/inner");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"empty", "no image in this folder"},
      {"missing.png", "No such file or directory"},
      {"*.none", "no file matches this pattern"},
      {"-", "no path on standard input"},
  };
  for (const auto& one : cases) {
    const std::string &input = one.first, &reason = one.second;
    CAPTURE(input);
    const Outcome outcome = run(folder, {"classify", "--json", input});
    CHECK(outcome.code == 1);
    CHECK(outcome.out.empty());
    REQUIRE(outcome.complaints().size() == 2);
    CHECK(outcome.complaints().front() == fmt::format("fovea: {}: {}", input, reason));
  }
}

TEST_CASE("a pipe in a folder is not waited for") {
  const Folder folder;
  save(folder / "in/a.png", picture(40, 40));
  REQUIRE(mkfifo((folder / "in/b.png").c_str(), 0600) == 0);
  for (const std::string input : {"in", "in/*"}) {
    CAPTURE(input);
    const Outcome outcome = run(folder, {"classify", "--json", input});
    CHECK(outcome.code == 1);
    CHECK(outcome.json_lines().size() == 1);
    REQUIRE(outcome.complaints().size() == 2);
    CHECK(outcome.complaints().front() == "fovea: in/b.png: a pipe, socket or device, not a file");
  }
}

TEST_CASE("a name with a line break stays on one line") {
  const Folder folder;
  write_text(folder / "two\nlines.png", "no picture");
  const Outcome outcome = run(folder, {"classify", "."});
  CHECK(outcome.code == 1);
  CHECK(outcome.complaints().size() == 2);
}

TEST_CASE("models that cannot be loaded") {
  const Folder folder;
  save(folder / "a.png", picture(40, 40));
  write_text(folder / "nothing/readme.txt", "");
  write_text(folder / "garbage/config.json", "{\"architecture\": [[[[");
  write_text(folder / "unknown/config.json", R"({"architecture": "perceiver_giant"})");
  fs::copy_file(fs::path(model_folder()) / "model.safetensors", folder / "unknown/model.safetensors");
  fs::create_directories(folder / "hollow");
  fs::copy_file(fs::path(model_folder()) / "config.json", folder / "hollow/config.json");
  write_text(folder / "hollow/model.safetensors", "");
  for (const std::string model : {"nothing", "garbage", "unknown", "hollow"}) {
    CAPTURE(model);
    const Outcome outcome = run(folder, {"classify", "--model", model, "a.png"});
    CHECK(outcome.code == 1);
    CHECK(outcome.out.empty());
    CHECK(outcome.complaints().size() == 1);
  }
  const Outcome unknown = run(folder, {"classify", "--model", "unknown", "a.png"});
  CHECK(unknown.err.find("perceiver_giant") != std::string::npos);
}

}  // namespace fovea::e2e
