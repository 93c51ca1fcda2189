#include "apps/evaluate/labels.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "fovea/error.h"
#include "tests/temporary_folder.h"

namespace fovea::apps {
namespace {

namespace fs = std::filesystem;

class File {
 public:
  explicit File(const std::string& text) { std::ofstream(path()) << text; }
  fs::path path() const { return folder_ / "labels.tsv"; }

 private:
  test::TemporaryFolder folder_;
};

TEST_CASE("A picture's class is the id of its folder, or what its name begins with") {
  const File file("0\tn01440764\ttench\r\n\n2\tn01484850\n");
  const Labels labels(file.path(), 3);
  CHECK(labels.class_of("a/n01440764_tench.JPEG") == 0);
  CHECK(labels.class_of("n01484850.png") == 2);
  CHECK(labels.class_of("val/n01484850/00001.png") == 2);
  CHECK(labels.class_of("val/n01440764/n01484850_7.png") == 0);
  CHECK(!labels.class_of("n014407645_no.png"));
  CHECK(!labels.class_of("tench.png"));
  CHECK(!labels.class_of(""));
}

TEST_CASE("Labels that are none are named with their line") {
  const auto says = [](const std::string& text, const std::string& words) {
    const File file(text);
    CAPTURE(text);
    CHECK_THROWS_WITH_AS(Labels(file.path(), 3), doctest::Contains(words.c_str()), Error);
  };
  says("0\tn1\n1 n2\n", "line 2 is no INDEX<tab>ID");
  says("-1\tn1\n", "line 1 is no INDEX<tab>ID");
  says("3\tn1\n", "line 1 has class 3, the model has 0 to 2");
  says("0\tn1\n1\tn1\n", "line 2 has the id n1 again");
  says("0\t\n", "no id of letters and digits");
  says("0\t../x\n", "no id of letters and digits");
  says("\n\n", "no classes in it");
  CHECK_THROWS_WITH_AS(Labels("/nowhere/labels.tsv", 3), doctest::Contains("--labels /nowhere/labels.tsv"),
                       Error);
}

}  // namespace
}  // namespace fovea::apps
