// `fovea run`, `devices`, `bench`, and wrong usage of all.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tests/apps/cli/pictures.h"
#include "tests/models/golden.h"

namespace fovea::e2e {
namespace {

RawTensors tensors_in(const fs::path& path) {
  RawTensors out;
  const auto file = io::Safetensors::open(path);
  for (const auto& tensor : file.tensors()) out[tensor.name] = golden::in_turn(tensor, tensor.shape.at(0));
  return out;
}

void write_inputs(const fs::path& path, const RawTensors& inputs) {
  std::vector<io::OutputTensor> tensors;
  for (const auto& [name, t] : inputs) tensors.push_back({name, t.shape, t.values, t.integers});
  io::write_safetensors(path, tensors);
}

std::string reference_file() {
  return model_folder() + "/reference.safetensors";
}

}  // namespace

TEST_CASE("run gives all that a reference holds, from its inputs alone or the whole of it") {
  const Folder folder;
  for (const std::string name : {"vit_mini", "vit_hf", "seresnet_mini", "convnext_hf"}) {
    CAPTURE(name);
    const golden::Reference reference(golden::folder(name));
    const RawTensors inputs{{"input", golden::in_turn(reference.tensor("input"), 2)}};
    write_inputs(folder / "x.safetensors",
                 {{name.ends_with("_hf") ? "pixel_values" : "input", inputs.at("input")}});
    const std::string whole = golden::folder(name) / "reference.safetensors";
    for (const auto& given : {std::pair{std::string("x.safetensors"), "1"}, {whole, "8"}}) {
      const std::string input = given.first, batch = given.second;
      CAPTURE(input);
      const Outcome outcome =
          run(folder, {"run", "--model", golden::folder(name), "--dtype", "fp32", "--batch", batch,
                       "--attention", "all", "--input", input, "--output", "y.safetensors"});
      CAPTURE(outcome.err);
      REQUIRE(outcome.code == 0);
      golden::check_equal(reference, inputs, tensors_in(folder / "y.safetensors"), {});
    }
  }
}

TEST_CASE("run writes the outputs and the attention that were asked for") {
  const Folder folder;
  const auto names = [&](std::vector<std::string> options) {
    std::vector<std::string> arguments = {"run", "--input", reference_file(), "--output", "y.safetensors"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    REQUIRE(run(folder, arguments).code == 0);
    std::vector<std::string> result;
    for (const auto& entry : tensors_in(folder / "y.safetensors")) result.push_back(entry.first);
    return result;
  };
  const std::string hf = golden::folder("vit_hf");
  CHECK(names({}) == std::vector<std::string>{"features", "logits"});
  CHECK(names({"--attention", "2,0"}) == std::vector<std::string>{"attn.0", "attn.2", "features", "logits"});
  CHECK(names({"--outputs", "logits"}) == std::vector<std::string>{"logits"});
  CHECK(names({"--model", hf}) == std::vector<std::string>{"features", "last_hidden_state", "logits"});
  CHECK(names({"--model", hf, "--outputs", "last_hidden_state", "--attention", "1"}) ==
        std::vector<std::string>{"attn.1", "last_hidden_state"});
}

TEST_CASE("run refuses tensors that do not fit, saying what the model takes") {
  const Folder folder;
  const auto pixels = golden::in_turn(golden::Reference(golden::folder("vit_mini")).tensor("input"), 2);
  RawTensor integers{{2, 3, 64, 64}, {}, std::vector<int64_t>(size_t{2} * 3 * 64 * 64)};
  const auto refuses = [&](const RawTensors& inputs, const std::string& words, const std::string& takes,
                           std::vector<std::string> options = {}) {
    CAPTURE(words);
    write_inputs(folder / "x.safetensors", inputs);
    std::vector<std::string> arguments = {"run", "--input", "x.safetensors", "--output", "y.safetensors"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const Outcome outcome = run(folder, arguments);
    CAPTURE(outcome.err);
    CHECK(outcome.code == 1);
    REQUIRE(outcome.complaints().size() == 1);
    CHECK(outcome.err.find("x.safetensors") != std::string::npos);
    CHECK(outcome.err.find(words) != std::string::npos);
    CHECK(outcome.err.find("takes input f32 [B, " + takes + "]") != std::string::npos);
    CHECK_FALSE(fs::exists(folder / "y.safetensors"));
  };
  refuses({{"input", pixels}}, "`input` is [2, 3, 64, 64]", "3, 32, 32", {"--size", "32"});
  refuses({{"input", pixels}, {"pixel_mask", pixels}}, "no input `pixel_mask`", "3, 64, 64");
  refuses({{"input", pixels}, {"pixel_values", pixels}}, "`pixel_values`", "3, 64, 64");
  refuses({{"logits", pixels}}, "no tensor `input`", "3, 64, 64");  // an output's name is not refused
  refuses({{"input", integers}}, "`input` holds integers", "3, 64, 64");
  refuses({{"input", {{3, 64, 64}, std::vector<float>(size_t{3} * 64 * 64), {}}}}, "[3, 64, 64]",
          "3, 64, 64");

  write_text(folder / "empty.safetensors", "");
  CHECK(run(folder, {"run", "--input", "empty.safetensors", "--output", "y.safetensors"}).code == 1);
  const std::string weights = model_folder() + "/model.safetensors";
  CHECK(run(folder, {"run", "--input", weights, "--output", "y.safetensors"}).code == 1);
  for (const std::vector<std::string>& flags :
       {std::vector<std::string>{"--attention", "3"}, {"--outputs", "boxes"}}) {
    std::vector<std::string> arguments = {"run", "--input", reference_file(), "--output", "y.safetensors"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    CHECK(run(folder, arguments).code == 2);
  }
  CHECK_FALSE(fs::exists(folder / "y.safetensors"));
}

TEST_CASE("run writes what a model generates and its gradients, and refuses both of one that has none") {
  const Folder folder;
  const auto results_of = [&](const std::string& model, const std::vector<std::string>& flags) {
    const std::string path = golden::folder(model);
    std::vector<std::string> all = {"run",
                                    "--model",
                                    path,
                                    "--input",
                                    path + "/reference.safetensors",
                                    "--output",
                                    (folder / "out.safetensors").string()};
    all.insert(all.end(), flags.begin(), flags.end());
    return run(folder, all);
  };
  CHECK(results_of("seq2seq_additive", {"--generate", "3", "--gradients"}).code == 0);
  const auto found = fovea::io::Safetensors::open(folder / "out.safetensors");
  for (const char* name : {"generated", "generated_length", "step_logits", "loss", "grad.out.weight"})
    CHECK_MESSAGE(found.find(name) != nullptr, name);
  const Outcome silent = results_of("vit_mini", {"--generate", "3"});
  CHECK(silent.code == 2);
  CHECK(silent.err.find("--generate 3: vit_tiny_patch16_224 writes nothing") != std::string::npos);
  const Outcome lossless = results_of("vit_mini", {"--gradients"});
  CHECK(lossless.code == 2);
  CHECK(lossless.err.find("--gradients: vit_tiny_patch16_224 has no loss") != std::string::npos);
}

TEST_CASE("devices lists what there is, and one default") {
  const Folder folder;
  const Outcome table = run(folder, {"devices"});
  CHECK(table.code == 0);
  CHECK(count_of(table.out, "yes, by default") == 1);
  const Outcome json = run(folder, {"devices", "--json"});
  CHECK(json.code == 0);
  const auto list = nlohmann::json::parse(json.out);
  REQUIRE(!list.empty());
  CHECK(lines_of(table.out).size() == list.size() + 1);
  int defaults = 0;
  for (const auto& device : list) {
    CHECK(table.out.find(device.at("name").get<std::string>()) != std::string::npos);
    CHECK(device.at("usable").get<bool>() == device.at("why_not").get<std::string>().empty());
    defaults += device.at("default").get<bool>() ? 1 : 0;
  }
  CHECK(defaults == 1);
}

TEST_CASE("bench times any model on inputs by name") {
  const Folder folder;
  const std::string model = golden::folder("lstm"), input = model + "/reference.safetensors";
  const Outcome outcome = run(folder, {"bench", "--model", model, "--input", input, "--json", "--runs", "3"});
  CAPTURE(outcome.err);
  REQUIRE(outcome.code == 0);
  const auto bench = nlohmann::json::parse(outcome.out);
  CHECK(bench.at("model") == "lstm");
  CHECK(bench.at("batch") == 3);
  CHECK(bench.at("dispatches") == 2);
  CHECK(bench.at("median_ms").get<double>() > 0);
  CHECK_FALSE(bench.contains("first_result_ms"));
  CHECK(run(folder, {"bench", "--model", model}).code == 2);
  CHECK(run(folder, {"bench", "--model", model, "--input", input, "--live"}).code == 2);
}

TEST_CASE("bench reports times that fit together") {
  const Folder folder;
  const Outcome outcome = run(folder, {"bench", "--json", "--runs", "5", "--batch", "2"});
  CAPTURE(outcome.err);
  REQUIRE(outcome.code == 0);
  const auto bench = nlohmann::json::parse(outcome.out);
  CHECK(bench.at("batch") == 2);
  const double median = bench.at("median_ms");
  CHECK(bench.at("min_ms").get<double>() > 0);
  CHECK(bench.at("min_ms").get<double>() <= median);
  CHECK(median <= bench.at("max_ms").get<double>());
  CHECK(bench.at("gflops").get<double>() > 0);
  CHECK(bench.at("peak_share").get<double>() ==
        doctest::Approx(bench.at("gflops").get<double>() / bench.at("peak_gflops").get<double>()));
  CHECK(bench.at("peak_memory_bytes").get<uint64_t>() >= bench.at("weight_bytes").get<uint64_t>());
  CHECK(bench.at("first_result_ms").at("cold").get<double>() > 0);
  CHECK(bench.at("first_result_ms").at("warm").get<double>() > 0);
  REQUIRE(!bench.at("kernels").empty());
  double shares = 0;
  for (const auto& kernel : bench.at("kernels")) {
    CHECK(kernel.at("dispatches").get<int>() > 0);
    shares += kernel.at("share").get<double>();
  }
  CHECK(shares == doctest::Approx(1).epsilon(1e-6));

  const Outcome table = run(folder, {"bench", "--runs", "2", "--plan", "--attention"});
  CHECK(table.code == 0);
  CHECK(table.out.find("forward pass") != std::string::npos);
  CHECK(lines_of(table.out).size() > 12);
}

TEST_CASE("bench times every map that the model has") {
  const Folder folder;
  const Outcome outcome = run(folder, {"bench", "--maps", "--json", "--runs", "2"});
  CAPTURE(outcome.err);
  REQUIRE(outcome.code == 0);
  const auto bench = nlohmann::json::parse(outcome.out);
  CHECK(bench.at("pass_ms").get<double>() > 0);
  std::vector<std::string> methods;
  for (const auto& map : bench.at("maps")) {
    methods.push_back(map.at("method"));
    CHECK(map.at("ms").get<double>() > 0);
    CHECK(map.at("share").get<double>() > 0);
  }
  CHECK(methods == std::vector<std::string>{"raw", "rollout", "mask", "similarity", "norms", "evidence",
                                            "gradcam", "gradsum", "gae"});
  const Outcome table = run(folder, {"bench", "--maps", "--runs", "1"});
  CHECK(lines_of(table.out).size() == methods.size() + 2);
}

TEST_CASE("wrong usage ends with code 2 and one line") {
  const Folder folder;
  write_text(folder / "a.png", "");
  const std::vector<std::vector<std::string>> cases = {
      {},
      {"paint"},
      {"--frob"},
      {"classify"},
      {"classify", "--top-k", "0", "a.png"},
      {"classify", "--top-k", "many", "a.png"},
      {"classify", "--batch", "-1", "a.png"},
      {"classify", "--dtype", "fp64", "a.png"},
      {"classify", "--size", "12by9", "a.png"},
      {"classify", "--size", "0", "a.png"},
      {"classify", "--model", "no/such/folder", "a.png"},
      {"classify", "--device", "no such device", "a.png"},
      {"overlay"},
      {"overlay", "--colormap", "rainbow", "a.png"},
      {"overlay", "--method", "guess", "a.png"},
      {"overlay", "--alpha", "1.5", "a.png"},
      {"overlay", "--layer", "3", "a.png"},
      {"overlay", "--layer", "last", "a.png"},
      {"overlay", "--head", "3", "a.png"},
      {"overlay", "--head", "median", "a.png"},
      {"overlay", "--query", "12", "a.png"},
      {"run", "--input", "x"},
      {"bench", "--runs", "0"},
      {"devices", "all"},
  };
  for (const auto& arguments : cases) {
    std::string line;
    for (const std::string& argument : arguments) line += argument + ' ';
    CAPTURE(line);
    const Outcome outcome = run(folder, arguments);
    CAPTURE(outcome.err);
    CHECK(outcome.code == 2);
    CHECK(outcome.out.empty());
    REQUIRE(outcome.complaints().size() == 1);
    CHECK(outcome.complaints().front().starts_with("fovea: "));
  }
}

TEST_CASE("without --model the embedded model is meant, and one line says so") {
  const Folder folder;
  save(folder / "a.png", picture(128, 96));
  Call call;
  call.arguments = {"classify", "--json", "a.png"};
  call.model = false;
  const Outcome outcome = run(folder, call);
  CHECK(outcome.code == 0);
  CHECK(nlohmann::json::parse(outcome.out).at("topk").size() == 5);
  CHECK(outcome.err.find("embedded model, which knows 100 classes") != std::string::npos);
  CHECK(outcome.err.find("fovea pull ") != std::string::npos);

  call.arguments = {"classify", "--json", "--model", "embedded", "a.png"};
  const Outcome named = run(folder, call);
  CHECK(named.code == 0);
  CHECK(named.err.find("embedded model") == std::string::npos);  // asked for by name: nothing to say
}

TEST_CASE("help and version are results") {
  const Folder folder;
  for (const std::string option : {"--help", "--version"}) {
    const Outcome outcome = run(folder, {option});
    CHECK(outcome.code == 0);
    CHECK(outcome.out.find("fovea") != std::string::npos);
    CHECK(outcome.err.empty());
  }
}

}  // namespace fovea::e2e
