// `fovea classify` on sound input.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/apps/cli/pictures.h"
#include "tests/apps/cli/program.h"

namespace fovea::e2e {
namespace {

std::vector<std::string> paths_of(const Outcome& outcome) {
  std::vector<std::string> paths;
  for (const auto& line : outcome.json_lines()) paths.push_back(line.at("path"));
  return paths;
}

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("classify --json gives one object a line, in input order") {
  const Folder folder;
  for (int i = 0; i < 5; ++i) save(folder / ("p" + std::to_string(i) + ".png"), picture(80 + i, 70, i));
  const Outcome outcome = run(folder, {"classify", "--json", "--top-k", "3", "--batch", "2", "p3.png",
                                       "p0.png", "p4.png", "p1.png", "p2.png"});
  CHECK(outcome.code == 0);
  CHECK(outcome.complaints().empty());
  CHECK(paths_of(outcome) == Strings{"p3.png", "p0.png", "p4.png", "p1.png", "p2.png"});
  for (const auto& line : outcome.json_lines()) {
    CHECK(line.size() == 3);
    REQUIRE(line.at("topk").size() == 3);
    double before = 1;
    for (const auto& prediction : line.at("topk")) {
      CHECK(prediction.size() == 3);
      CHECK(prediction.at("index").get<int>() < 10);
      CHECK(prediction.at("label").is_string());
      CHECK(prediction.at("probability").get<double>() > 0);
      CHECK(prediction.at("probability").get<double>() <= before);
      before = prediction.at("probability").get<double>();
    }
    CHECK(line.at("ms").size() == 3);
    for (const std::string part : {"decode", "preprocess", "model"})
      CHECK(line.at("ms").at(part).get<double>() >= 0);
  }
}

TEST_CASE("classify answers the same at any batch size") {
  const Folder folder;
  Strings files;
  for (int i = 0; i < 5; ++i) {
    files.push_back("p" + std::to_string(i) + ".png");
    save(folder / files.back(), picture(90, 60 + 11 * i, i));
  }
  const auto classify = [&](const std::string& batch) {
    Strings arguments = {"classify", "--json", "--dtype", "fp32", "--batch", batch};
    arguments.insert(arguments.end(), files.begin(), files.end());
    return run(folder, arguments).json_lines();
  };
  const auto one = classify("1"), four = classify("4");
  REQUIRE(one.size() == 5);
  REQUIRE(four.size() == 5);
  for (size_t i = 0; i < 5; ++i)
    for (size_t k = 0; k < 5; ++k) {
      CHECK(one[i]["topk"][k]["index"] == four[i]["topk"][k]["index"]);
      CHECK(one[i]["topk"][k]["probability"].get<double>() ==
            doctest::Approx(four[i]["topk"][k]["probability"].get<double>()).epsilon(1e-4));
    }
}

TEST_CASE("classify prints a line a class, and no more classes than there are") {
  const Folder folder;
  save(folder / "a.png", picture(64, 64));
  const Outcome outcome = run(folder, {"classify", "--top-k", "99", "a.png"});
  CHECK(outcome.code == 0);
  CHECK(lines_of(outcome.out).size() == 10);
  CHECK(count_of(outcome.out, "a.png") == 1);
}

TEST_CASE("classify searches folders, expands patterns and reads lists") {
  const Folder folder;
  for (const std::string name : {"in/b.png", "in/a.PNG", "in/deep/er/c.bmp", "in/.hidden.png", "other.png"})
    save(folder / name, picture(40, 40));
  write_text(folder / "in/notes.txt", "no picture");

  CHECK(paths_of(run(folder, {"classify", "--json", "in"})) ==
        Strings{"in/a.PNG", "in/b.png", "in/deep/er/c.bmp"});
  CHECK(paths_of(run(folder, {"classify", "--json", "in/?.[pP]*", "other.png"})) ==
        Strings{"in/a.PNG", "in/b.png", "other.png"});

  Call call;
  call.arguments = {"classify", "--json", "-"};
  call.input = "other.png\r\n\nin/b.png\nin/deep";
  const Outcome listed = run(folder, call);
  CHECK(listed.code == 0);
  CHECK(paths_of(listed) == Strings{"other.png", "in/b.png", "in/deep/er/c.bmp"});
}

TEST_CASE("classify takes the same picture from any container") {
  const Folder folder;
  const cv::Mat image = picture(75, 66);
  Strings arguments = {"classify", "--json"};
  for (const std::string name : {"p.png", "p.bmp", "p.ppm", "p.tif"}) {
    save(folder / name, image);
    arguments.emplace_back(name);
  }
  const auto lines = run(folder, arguments).json_lines();
  REQUIRE(lines.size() == 4);
  for (const auto& line : lines) CHECK(line.at("topk") == lines.front().at("topk"));
}

TEST_CASE("classify takes a single pixel and a very long strip") {
  const Folder folder;
  save(folder / "dot.png", picture(1, 1));
  save(folder / "strip.png", picture(10000, 200));
  const Outcome outcome = run(folder, {"classify", "--json", "dot.png", "strip.png"});
  CHECK(outcome.code == 0);
  CHECK(outcome.json_lines().size() == 2);
}

TEST_CASE("a path that is not UTF-8 is still valid JSON") {
  const Folder folder;
  save(folder / "a.png", picture(30, 30));
  fs::rename(folder / "a.png", folder / "\xff\xfe.png");
  const Outcome outcome = run(folder, {"classify", "--json", "."});
  CHECK(outcome.code == 0);
  REQUIRE(outcome.json_lines().size() == 1);
  CHECK(outcome.json_lines().front().at("path").get<std::string>().ends_with(".png"));
}

TEST_CASE("results that cannot be written are an error") {
  const Folder folder;
  save(folder / "a.png", picture(30, 30));
  Call call;
  call.arguments = {"classify", "a.png"};
  call.stdout_to = "/dev/full";
  const Outcome outcome = run(folder, call);
  CHECK(outcome.code == 1);
  REQUIRE(outcome.complaints().size() == 1);
  CHECK(outcome.complaints().front().find("standard output") != std::string::npos);
}

}  // namespace fovea::e2e
