// `fovea evaluate maps` and the numbers of `fovea overlay` that belong to some methods.
#include <doctest/doctest.h>

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <string>
#include <vector>

#include "tests/apps/cli/pictures.h"
#include "tests/apps/cli/program.h"

namespace fovea::e2e {
namespace {

std::string golden(const std::string& name) {
  return std::string(FOVEA_SOURCE_DIR) + "/tests/golden/" + name;
}

}  // namespace

TEST_CASE("evaluate maps: table, CSV, JSON and plots; a bad picture is named and costs no other") {
  const Folder folder;
  for (int i = 0; i < 5; ++i) save(folder / ("in/n" + std::to_string(i) + "_x.png"), picture(80, 70, i));
  write_text(folder / "in/n9_bad.png", "no picture");
  const std::vector<std::string> arguments{"evaluate", "maps", "--images", "in", "--methods", "raw,rollout",
                                           "--steps",  "10",   "--batch",  "3",  "--out",     "report"};
  const Outcome table = run(folder, arguments);
  CAPTURE(table.err);
  CHECK(table.code == 1);
  CHECK(table.err.find("n9_bad.png") != std::string::npos);
  CHECK(table.err.find("1 of 6 pictures failed") != std::string::npos);
  const auto lines = lines_of(table.out);
  REQUIRE(lines.size() == 1 + 1 + 2 + 2 + 1);
  CHECK(lines[0].find(", 5 pictures, classes as predicted, ") != std::string::npos);
  CHECK(lines[2].starts_with("raw         class-agnostic"));
  CHECK(lines[4].starts_with("random      baseline"));
  CHECK(lines[5].starts_with("centre      baseline"));

  const auto report = nlohmann::json::parse(read_text(folder / "report/maps.json"));
  CHECK(report["pictures"] == 5);
  CHECK(report["failed"] == 1);
  CHECK(report["interrupted"] == false);
  REQUIRE(report["methods"].size() == 4);
  for (const auto& method : report["methods"]) {
    CHECK(method["deletion"]["curve"].size() == 11);
    CHECK(method["positive"]["curve"].size() == 9);
    for (const char* metric : {"deletion", "insertion", "positive", "negative"}) {
      CHECK(method[metric]["mean"] >= 0);
      CHECK(method[metric]["mean"] <= 1);
    }
    // Whatever the order, it begins with the picture and ends with none of it.
    const auto& first = report["methods"][0];
    CHECK(method["deletion"]["curve"].front() == first["deletion"]["curve"].front());
    CHECK(method["deletion"]["curve"].back() == first["deletion"]["curve"].back());
    CHECK(method["insertion"]["curve"].back() == first["deletion"]["curve"].front());
  }
  const auto rows = lines_of(read_text(folder / "report/maps.csv"));
  REQUIRE(rows.size() == 5);
  CHECK(rows[0].starts_with("method,kind,pictures,quarters,deletion,"));
  CHECK(rows[3].starts_with("random,baseline,5,"));
  for (const char* name : {"deletion", "insertion", "positive", "negative"}) {
    const cv::Mat plot = load(folder / ("report/" + std::string(name) + ".png"));
    cv::Mat grey;
    cv::cvtColor(plot, grey, cv::COLOR_BGR2GRAY);
    CHECK(cv::countNonZero(grey < 128) > 1000);  // something is drawn
  }

  // The same again, to the last digit: no baseline and no tie is left to chance.
  std::vector<std::string> again = arguments;
  again.back() = "again";
  CHECK(run(folder, again).out == table.out);
  CHECK(read_text(folder / "again/maps.json") == read_text(folder / "report/maps.json"));
}

TEST_CASE("evaluate maps by true classes; class-agnostic maps are right in a quarter of the grid") {
  const Folder folder;
  std::string labels;
  for (int i = 0; i < 4; ++i) {
    save(folder / ("in/id" + std::to_string(i) + "/x.png"), picture(96, 96, i));
    labels += std::to_string(i) + "\tid" + std::to_string(i) + "\tname\n";
  }
  save(folder / "in/other/y.png", picture(96, 96, 9));
  write_text(folder / "labels.tsv", labels);
  const Outcome outcome =
      run(folder, {"evaluate", "maps", "--model", golden("seresnet_mini"), "--images", "in", "--labels",
                   "labels.tsv", "--steps", "10", "--batch", "4", "--json"});
  CAPTURE(outcome.err);
  CHECK(outcome.code == 1);  // y.png has no class
  CHECK(outcome.err.find("other/y.png") != std::string::npos);
  const auto report = nlohmann::json::parse(outcome.out);
  CHECK(report["classes"] == "labels");
  CHECK(report["pictures"] == 4);
  CHECK(report["grids"] == 1);
  bool cam = false;
  for (const auto& method : report["methods"]) {
    if (method["kind"] == "class-specific") cam = true;
    if (method["kind"] == "class-agnostic" || method["method"] == "centre")
      CHECK(method["pointing"]["mean"].get<double>() == doctest::Approx(0.25));
  }
  CHECK(cam);
}

TEST_CASE("evaluate maps refuses what cannot be evaluated") {
  const Folder folder;
  save(folder / "a.png", picture(64, 64));
  const auto refuses = [&](const std::vector<std::string>& options, const std::string& words, int code = 2) {
    std::vector<std::string> arguments{"evaluate", "maps", "--images", "a.png"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const Outcome outcome = run(folder, arguments);
    CAPTURE(outcome.err);
    CHECK(outcome.code == code);
    CHECK(outcome.err.find(words) != std::string::npos);
    CHECK(outcome.out.empty());
  };
  refuses({"--methods", "raw,cam"}, "--methods cam: makes no sense for vit");
  refuses({"--steps", "15"}, "--steps 15: want a multiple of 10");
  refuses({"--steps", "0"}, "--steps 0");
  refuses({"--batch", "0"}, "--batch");
  refuses({"--labels", "none.tsv"}, "--labels none.tsv", 1);
  refuses({"--model", golden("siglip_mini"), "--methods", "similarity"}, "siglip");
  write_text(folder / "file", "");
  refuses({"--out", "file"}, "--out file: cannot make this folder", 1);
  const Outcome none = run(folder, {"evaluate"});
  CHECK(none.code == 2);
}

TEST_CASE("overlay takes the numbers of its method and refuses them for others, or out of range") {
  const Folder folder;
  save(folder / "a.png", picture(64, 64));
  const auto maps = [&](const std::vector<std::string>& options) {
    std::vector<std::string> arguments{"overlay", "--npy", "a.npy", "--out", "b.png", "a.png"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const Outcome outcome = run(folder, arguments);
    CAPTURE(outcome.err);
    CHECK(outcome.code == 0);
    return read_text(folder / "a.npy");
  };
  const std::string rollout = maps({"--method", "rollout"});
  CHECK(maps({"--method", "rollout", "--discard", "0"}) == rollout);
  CHECK(maps({"--method", "rollout", "--discard", "0.9"}) != rollout);
  CHECK(maps({"--method", "rollout", "--start-layer", "1"}) != rollout);
  CHECK(maps({"--method", "rollout", "--sigma", "0.5"}) != rollout);
  CHECK(maps({"--method", "mask"}) == maps({"--method", "mask", "--mask", "0.6"}));
  CHECK(maps({"--method", "mask"}) != maps({"--method", "mask", "--mask", "0.1"}));
  CHECK(maps({"--method", "similarity"}) != maps({"--method", "similarity", "--query", "40,40"}));
  CHECK(maps({"--method", "norms", "--layer", "0"}) != maps({"--method", "norms"}));

  const auto refuses = [&](const std::vector<std::string>& options, const std::string& words) {
    std::vector<std::string> arguments{"overlay", "a.png"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const Outcome outcome = run(folder, arguments);
    CAPTURE(words);
    CAPTURE(outcome.err);
    CHECK(outcome.code == 2);
    CHECK(outcome.err.find(words) != std::string::npos);
    CHECK(outcome.complaints().size() == 1);
  };
  refuses({"--mask", "0.6"},
          "--mask 0.6: raw keeps no share of the attention, leave it out; methods that take it: mask");
  refuses({"--discard", "0.5"}, "--discard 0.5: raw leaves out no entries");
  refuses({"--method", "gae", "--head", "1"}, "--head 1: gae has no maps of single heads");
  refuses({"--start-layer", "1"},
          "--start-layer 1: raw is not over several layers, leave it out; methods that take it: rollout, "
          "evidence, "
          "gradsum, gae");
  for (const char* value : {"0", "-0.1", "1.5", "nan", "inf"})
    refuses({"--method", "mask", "--mask", value}, "--mask");
  for (const char* value : {"1", "-0.1", "nan"})
    refuses({"--method", "rollout", "--discard", value}, "--discard");
  for (const char* value : {"-1", "nan", "inf"}) refuses({"--sigma", value}, "--sigma");
  for (const char* value : {"-1", "3"})
    refuses({"--method", "rollout", "--start-layer", value}, "want 0 to 2, the last layer that is taken");
  refuses({"--method", "rollout", "--start-layer", "2", "--layer", "1"}, "want 0 to 1");
  refuses({"--method", "rollout", "--start-layer", "1", "--layer", "all"}, "goes with one --layer");
}

TEST_CASE("overlay draws the maps of a picture's best five classes") {
  const Folder folder;
  save(folder / "a.png", picture(96, 96));
  std::vector<std::string> maps;
  for (const char* rank : {"top1", "top2", "top3", "top4", "top5"}) {
    const Outcome outcome = run(folder, {"overlay", "--model", golden("seresnet_mini"), "--method", "cam",
                                         "--class", rank, "--npy", "a.npy", "--out", "b.png", "a.png"});
    CAPTURE(outcome.err);
    CHECK(outcome.code == 0);
    maps.push_back(read_text(folder / "a.npy"));
    for (size_t i = 0; i + 1 < maps.size(); ++i) CHECK(maps[i] != maps.back());
  }
}

}  // namespace fovea::e2e
