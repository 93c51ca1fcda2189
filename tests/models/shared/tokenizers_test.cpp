// Tokenizers of the golden folders that do not travel with the repository, CLIP's published vocabulary among
// them.
#include "tests/models/text/cases.h"

TEST_CASE("Tokenizers of shared golden folders give the reference's ids and texts") {
  size_t folders = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(FOVEA_SHARED) / "golden")) {
    const std::filesystem::path cases = entry.path() / "cases.json";
    if (!std::filesystem::exists(cases)) continue;
    const std::string name = entry.path().filename().string();
    if (name == "siglip_pair")
      continue;  // its files are in tests/models/text/golden, for builds with libsentencepiece
    CAPTURE(name);
    CHECK(fovea::test::check_cases(fovea::load_tokenizer(entry.path()), cases) >= 60);
    ++folders;
  }
  CHECK(folders >= 14);
}
