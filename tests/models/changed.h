// Golden folders whose configuration says something else.
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/models/golden.h"
#include "tests/temporary_folder.h"

namespace golden {

// A copy of a golden folder's model with another config.json.
class Changed {
 public:
  template <class F>
  Changed(const std::string& name, F&& change) {
    nlohmann::json config = nlohmann::json::parse(std::ifstream(golden::folder(name) / "config.json"));
    change(config);
    std::ofstream(folder_.path() / "config.json") << config;
    std::filesystem::create_symlink(golden::folder(name) / "model.safetensors",
                                    folder_.path() / "model.safetensors");
  }
  const std::filesystem::path& path() const { return folder_.path(); }

 private:
  fovea::test::TemporaryFolder folder_;
};

// That the model is refused with a message that holds `part`.
template <class F>
void check_refused(const std::string& name, F&& change, const char* part) {
  const Changed folder(name, change);
  CHECK_THROWS_WITH_AS(fovea::Model::load(fovea::Device::open(), folder.path()), doctest::Contains(part),
                       fovea::Error);
}

}  // namespace golden
