// `fovea overlay` and `run` on families other than ViT: what can be drawn, by which method, and what is
// refused.
#include <doctest/doctest.h>

#include <filesystem>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "models/config/config.h"
#include "tests/apps/cli/pictures.h"
#include "tests/apps/cli/program.h"

namespace fovea::e2e {
namespace {

std::string golden(const std::string& name) {
  return std::string(FOVEA_SOURCE_DIR) + "/tests/golden/" + name;
}

void draws(const Folder& folder, const std::string& name, const std::vector<std::string>& options) {
  CAPTURE(name);
  std::vector<std::string> arguments{"overlay", "--model", golden(name), "--out", name + ".png", "a.png"};
  arguments.insert(arguments.end(), options.begin(), options.end());
  const Outcome outcome = run(folder, arguments);
  CAPTURE(outcome.err);
  CHECK(outcome.code == 0);
  CHECK(outcome.out == name + ".png\n");
}

// Layers that are no picture model say so by their key, and models that write have a text's configuration.
bool takes_pictures(const std::filesystem::path& folder) {
  const io::ModelConfig config = io::read_config(folder);
  return config.naming != io::Naming::system && !config.model_type.starts_with("vision-encoder-decoder") &&
         !config.model_type.starts_with("blip");
}

}  // namespace

TEST_CASE("overlay draws every model without being told how") {
  const Folder folder;
  save(folder / "a.png", picture(90, 70));
  for (const auto& entry : std::filesystem::directory_iterator(golden("")))
    if (exists(entry.path() / "config.json") && takes_pictures(entry.path()))
      draws(folder, entry.path().filename().string(), {});
}

TEST_CASE("overlay refuses models that write, in one line") {
  const Folder folder;
  save(folder / "a.png", picture(90, 70));
  for (const char* name : {"blip_caption", "trocr_small", "vit_gpt2", "fovea_reader_mini"}) {
    const Outcome outcome = run(folder, {"overlay", "--model", golden(name), "--out", "o.png", "a.png"});
    CHECK(outcome.code == 2);
    CHECK(outcome.err.find("pictures: use `fovea ") != std::string::npos);
    CHECK(outcome.complaints().size() == 1);
    CHECK(run(folder, {"classify", "--model", golden(name), "a.png"}).err.find("pictures: use `fovea ") !=
          std::string::npos);
  }
}

TEST_CASE("overlay draws all layers, and the evidence for a class, of models without a class token") {
  const Folder folder;
  save(folder / "a.png", picture(90, 70));
  draws(folder, "convnext_mini", {"--class", "3"});
  for (const char* name : {"mobilevit_xxs", "seresnet_mini", "coatnet_mini", "swin_mini"}) {
    draws(folder, name, {"--method", "cam"});
    draws(folder, name, {"--layer", "all"});
  }
}

TEST_CASE("maps says what can be drawn") {
  const Folder folder;
  const Outcome gates = run(folder, {"maps", "--model", golden("cbam_resnet_mini")});
  CHECK(gates.code == 0);
  const auto lines = lines_of(gates.out);
  REQUIRE(lines.size() == 1 + 1 + 16 + 1 + 3);
  CHECK(lines[0] == "cbam_resnet50 at 96x96");
  CHECK(lines[2].find("gate.0") != std::string::npos);
  CHECK(lines[2].find("channel gate") != std::string::npos);
  CHECK(lines[3].find("spatial gate") != std::string::npos);
  CHECK(lines[3].find("24x24") != std::string::npos);
  CHECK(lines[17].find("3x3") != std::string::npos);
  CHECK(lines[17].find("raw, energy") != std::string::npos);
  CHECK(lines[18] == "cam: each class over the last features, 3x3");
  CHECK(lines[19].starts_with("raw         class-agnostic  "));
  CHECK(lines[20].starts_with("energy      class-agnostic  "));
  CHECK(lines[21].starts_with("cam         class-specific  "));

  const Outcome writes = run(folder, {"maps", "--model", golden("fovea_reader_mini")});
  CHECK(writes.out ==
        "fovea_reader at 22x54\na map for each token that it writes, raw, evidence: `fovea read`\n");
  const Outcome neither = run(folder, {"maps", "--model", golden("convnext_mini")});
  CHECK(neither.out.find("no layer attends or gates\ncam: each class over the last features, 3x3\n") !=
        std::string::npos);
  const Outcome windows = run(folder, {"maps", "--model", golden("swin_mini")});
  CHECK(count_of(windows.out, "self-attention") == 4);
  CHECK(count_of(windows.out, "14x14") == 2);
  CHECK(count_of(windows.out, "layers.1.blocks.0.attn") == 1);

  Call no_model;
  no_model.arguments = {"maps"};
  no_model.model = false;
  const Outcome all = run(folder, no_model);
  CHECK(all.code == 0);
  CHECK(all.err.empty());  // no device is opened for it
  CHECK(lines_of(all.out).size() >= 8);
  for (const char* name : {"raw ", "rollout ", "mask ", "similarity ", "norms ", "energy ", "cam "})
    CHECK(count_of("\n" + all.out, std::string("\n") + name) == 1);
}

TEST_CASE("overlay refuses what makes no sense for a model and says what does") {
  const Folder folder;
  save(folder / "a.png", picture(64, 64));
  const auto refuses = [&](const std::string& model, std::vector<std::string> options,
                           const std::string& words) {
    std::vector<std::string> arguments{"overlay", "--model", golden(model), "a.png"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const Outcome outcome = run(folder, arguments);
    CAPTURE(outcome.err);
    CHECK(outcome.code == 2);
    CHECK(outcome.err.find(words) != std::string::npos);
    CHECK(lines_of(outcome.err).size() <= 2);  // the notice of the CPU driver, and one line
  };
  refuses("seresnet_mini", {"--method", "rollout"}, "methods that do: raw, energy, cam");
  refuses("vit_mini", {"--method", "cam"}, "methods that do: raw, rollout");
  refuses("seresnet_mini", {"--query", "30,30"}, "no queries");
  refuses("seresnet_mini", {"--layer", "8"}, "layers 0 to 7");
  refuses("coatnet_mini", {"--method", "energy", "--layer", "2"}, "no energy");
  refuses("swin_mini", {"--method", "cam", "--class", "10"}, "classes 0 to 9");
  refuses("swin_mini", {"--method", "cam", "--class", "beacon"}, "has no labels");
  refuses("swin_mini", {"--method", "cam", "--layer", "1"}, "one map for the whole model");
  refuses("swin_mini", {"--class", "3"}, "the same whatever the class");
}

TEST_CASE("overlay draws another class's cam where it was asked to") {
  const Folder folder;
  save(folder / "a.png", picture(96, 96));
  const auto cam = [&](const std::string& target) {
    const Outcome outcome =
        run(folder, {"overlay", "--model", golden("seresnet_mini"), "--method", "cam", "--class", target,
                     "--npy", target + ".npy", "--out", "a.overlay.png", "a.png"});
    CAPTURE(outcome.err);
    CHECK(outcome.code == 0);
    return read_text(folder / (target + ".npy"));
  };
  const std::string best = cam("top1");
  uint32_t same = 0;
  for (int i = 0; i < 10; ++i) same += cam(std::to_string(i)) == best ? 1 : 0;
  CHECK(same == 1);
}

TEST_CASE("run writes gates under their own names") {
  const Folder folder;
  const Outcome outcome =
      run(folder, {"run", "--model", golden("coatnet_mini"), "--attention", "all", "--input",
                   golden("coatnet_mini") + "/reference.safetensors", "--output", "y.safetensors"});
  CAPTURE(outcome.err);
  CHECK(outcome.code == 0);
  const std::string header = read_text(folder / "y.safetensors").substr(8, 2000);
  for (const char* name :
       {"\"attn.0\"", "\"attn.2\"", "\"gate.0\"", "\"gate.1\"", "\"features\"", "\"logits\""})
    CHECK(header.find(name) != std::string::npos);
  CHECK(header.find("\"attn.3\"") == std::string::npos);
}

}  // namespace fovea::e2e
