// Folders that cannot be loaded: one clear line each, naming what is wrong and where.
#include <fstream>
#include <functional>

#include "tests/models/golden.h"
#include "tests/temporary_folder.h"

namespace {

namespace fs = std::filesystem;

// A golden folder copied aside, to be damaged.
struct Copy {
  explicit Copy(const std::string& name) {
    for (const char* file : {"config.json", "model.safetensors"})
      fs::copy_file(golden::folder(name) / file, path / file);
  }
  void replace(const std::string& from, const std::string& to) const {
    std::ifstream in(path / "config.json");
    std::string text((std::istreambuf_iterator<char>(in)), {});
    const size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    text.replace(at, from.size(), to);
    std::ofstream(path / "config.json") << text;
  }
  void rewrite(const std::function<void(std::vector<fovea::io::OutputTensor>&)>& change) const {
    std::vector<fovea::io::OutputTensor> tensors;
    {
      const auto file = fovea::io::Safetensors::open(path / "model.safetensors");
      for (const auto& t : file.tensors()) tensors.push_back({t.name, t.shape, fovea::io::to_float(t)});
    }
    change(tensors);
    fovea::io::write_safetensors(path / "model.safetensors", tensors);
  }
  std::string error() const {
    try {
      fovea::Model::load(fovea::Device::open(), path);
    } catch (const fovea::Error& e) {
      return e.what();
    }
    return "";
  }
  fovea::test::TemporaryFolder folder;
  const fs::path& path = folder.path();
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("An architecture we do not have is named, with those we have") {
  const Copy copy("vit_mini");
  copy.replace("vit_tiny_patch16_224", "vgg16");
  const auto error = copy.error();
  CAPTURE(error);
  CHECK(has(error, "vgg16"));
  CHECK(has(error, "ViT (timm vit_*"));
  CHECK(has(error, "config.json"));
}

TEST_CASE("A tensor of the wrong shape is named with both shapes and the file") {
  const Copy copy("vit_mini");
  copy.rewrite([](auto& tensors) {
    for (auto& t : tensors)
      if (t.name == "blocks.1.mlp.fc2.bias") {
        t.shape = {47};
        t.values.resize(47);
      }
  });
  const auto error = copy.error();
  CAPTURE(error);
  CHECK(has(error, "blocks.1.mlp.fc2.bias"));
  CHECK(has(error, "[47]"));
  CHECK(has(error, "[48]"));
  CHECK(has(error, "model.safetensors"));
}

TEST_CASE("A missing tensor and one too many are named") {
  {
    const Copy copy("vit_mini");
    copy.rewrite([](auto& tensors) {
      std::erase_if(tensors, [](const auto& t) { return t.name == "blocks.2.attn.proj.weight"; });
    });
    CHECK(has(copy.error(), "blocks.2.attn.proj.weight"));
  }
  const Copy copy("vit_mini");
  copy.rewrite([](auto& tensors) { tensors.push_back({"blocks.0.attn.gate", {1}, {1.0F}}); });
  CHECK(has(copy.error(), "blocks.0.attn.gate"));
}

TEST_CASE("Weights that are not numbers are refused") {
  const Copy copy("vit_mini");
  copy.rewrite([](auto& tensors) {
    for (auto& t : tensors)
      if (t.name == "norm.weight") t.values.assign(t.values.size(), NAN);
  });
  CHECK(has(copy.error(), "norm.weight"));
}

TEST_CASE("A git-lfs pointer is not taken for weights") {
  const Copy copy("vit_mini");
  std::ofstream(copy.path / "model.safetensors")
      << "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
  CHECK(has(copy.error(), "git lfs pull"));
}

TEST_CASE("A head of another class count than the config's is blamed on the head") {
  const Copy copy("vit_mini");
  copy.rewrite([](auto& tensors) {
    for (auto& t : tensors)
      if (t.name == "head.weight") t.shape = {48, 10};
  });
  const auto error = copy.error();
  CAPTURE(error);
  CHECK(has(error, "head.weight is [48, 10]"));
  CHECK(has(error, "[10, 48]"));
}

TEST_CASE("Heads that do not divide the width are refused") {
  const Copy copy("vit_mini");
  copy.replace("\"num_heads\": 3", "\"num_heads\": 5");
  const auto error = copy.error();
  CAPTURE(error);
  CHECK(has(error, "48"));
  CHECK(has(error, "5 heads"));
}
