// Golden folders that do not travel with the repository, of all architectures that Fovea has.
#include <algorithm>

#include "tests/models/golden.h"

namespace {

namespace fs = std::filesystem;

// Those with a forward pass in them; what training gives is not compared here.
std::vector<fs::path> folders() {
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(fs::path(FOVEA_SHARED) / "golden")) {
    const fs::path folder = entry.path();
    if (!fs::exists(folder / "reference.safetensors") || !fs::exists(folder / "model.safetensors")) continue;
    if (golden::Reference(folder).file.find("loss") != nullptr) continue;
    try {
      if (!fovea::summarize(folder).family.empty()) out.push_back(folder);
    } catch (const fovea::Error&) {  // a configuration that says nothing of an architecture
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

TEST_CASE("Shared golden folders equal their references in fp32, whatever the batch") {
  const auto all = folders();
  CHECK(all.size() >= 20);
  for (const auto& folder : all)
    for (const uint32_t images : {1U, 2U, 3U})
      golden::compare_folder(folder, fovea::Precision::fp32, {}, images, images);
}

TEST_CASE("Shared golden folders stay close to their references with fp16 storage") {
  if (!fovea::Device::open().info().fp16_storage) {
    MESSAGE("this device does not store fp16");
    return;
  }
  for (const auto& folder : folders())
    golden::compare_folder(folder, fovea::Precision::fp16, {5e-2, 5e-2}, 2);
}
