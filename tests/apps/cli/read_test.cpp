// `fovea read`, `caption` and `ask` on small models with random weights: what is written makes no sense, but
// is the same as `fovea run` writes, and its maps are whole.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <opencv2/imgproc.hpp>
#include <string>
#include <utility>
#include <vector>

#include "models/weights/safetensors.h"
#include "tests/apps/cli/pictures.h"
#include "tests/models/golden.h"

namespace fovea::e2e {
namespace {

using Strings = std::vector<std::string>;
using nlohmann::json;

constexpr int side = 64;  // of the models' input: pictures of that size are not resized
const std::string question = "is there a cat?";

Strings command(const std::string& name, const std::string& model, const Strings& more) {
  Strings out = {name, "--model", golden::folder(model), "--dtype", "fp32", "--json"};
  if (name == "ask") out.push_back(question);
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

json written(const Folder& folder, const Strings& arguments) {
  const Outcome outcome = run(folder, arguments);
  CAPTURE(outcome.err);
  REQUIRE(outcome.code == 0);
  REQUIRE(outcome.json_lines().size() == 1);
  return outcome.json_lines().front();
}

std::vector<int64_t> ids_of(const json& line) {
  std::vector<int64_t> out;
  for (const json& token : line.at("tokens")) out.push_back(token.at("id"));
  return out;
}

// [1, 3, height, width].
RawTensor normalised(const cv::Mat& bgr, const json& mean, const json& std) {
  RawTensor out{{1, 3, static_cast<uint64_t>(bgr.rows), static_cast<uint64_t>(bgr.cols)}, {}, {}};
  for (size_t c = 0; c < 3; ++c)
    for (int y = 0; y < bgr.rows; ++y)
      for (int x = 0; x < bgr.cols; ++x) {
        const double value = bgr.at<cv::Vec3b>(y, x)[static_cast<int>(2 - c)] / 255.0;
        out.values.push_back(static_cast<float>((value - mean[c].get<double>()) / std[c].get<double>()));
      }
  return out;
}

// As the preprocessor's configuration says.
RawTensor normalised(const cv::Mat& bgr, const std::string& model) {
  const json config = json::parse(read_text(golden::folder(model) / "preprocessor_config.json"));
  return normalised(bgr, config.at("image_mean"), config.at("image_std"));
}

// What `fovea run --generate` writes behind the start token and the prompt, its pads left out.
std::vector<int64_t> ids_by_run(const Folder& folder, const std::string& model,
                                const std::vector<io::OutputTensor>& inputs, const std::string& prefix,
                                size_t given, const Strings& more = {}, const std::string& most = "12") {
  io::write_safetensors(folder / "x.safetensors", inputs);
  Strings arguments = {"run",           "--model",  golden::folder(model), "--dtype",    "fp32", "--input",
                       "x.safetensors", "--output", "y.safetensors",       "--generate", most};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const Outcome outcome = run(folder, arguments);
  CAPTURE(outcome.err);
  REQUIRE(outcome.code == 0);
  const auto file = io::Safetensors::open(folder / "y.safetensors");
  const auto integers = [&](const std::string& name) {
    const io::TensorEntry* tensor = file.find(prefix + name);
    REQUIRE(tensor != nullptr);
    return io::to_integers(*tensor);
  };
  std::vector<int64_t> ids = integers("generated");
  ids.resize(static_cast<size_t>(integers("generated_length").front()));
  ids.erase(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(given));
  return ids;
}

io::OutputTensor tensor(const std::string& name, const RawTensor& t) {
  return {name, t.shape, t.values, t.integers};
}

io::OutputTensor ids(const std::string& name, const std::vector<int32_t>& values) {
  return {name, {1, values.size()}, {}, {values.begin(), values.end()}};
}

// The grid's cells in the picture's pixels, for a whole picture of `size`.
void check_line(const json& line, cv::Size size) {
  CHECK(line.at("text").is_string());
  CHECK(line.at("seen") == json({0.0, 0.0, size.width, size.height}));
  CHECK(line.at("grid") == json({4, 4}));
  CHECK(line.at("ms").size() == 2);
  REQUIRE_FALSE(line.at("tokens").empty());
  for (const json& token : line.at("tokens")) {
    CHECK(token.size() == 5);
    CHECK(token.at("probability").get<double>() > 0);
    CHECK(token.at("probability").get<double>() <= 1);
    const json& attention = token.at("attention");
    CHECK(attention.at("elsewhere").get<double>() > 0);
    CHECK(attention.at("elsewhere").get<double>() < 1);
    const auto box = attention.at("box").get<std::vector<double>>();
    REQUIRE(box.size() == 4);
    CHECK(box[0] >= 0);
    CHECK(box[1] >= 0);
    CHECK(box[2] >= size.width / 4.0 - 0.01);
    CHECK(box[3] >= size.height / 4.0 - 0.01);
    CHECK(box[0] + box[2] <= size.width + 0.01);
    CHECK(box[1] + box[3] <= size.height + 0.01);
    const auto centre = attention.at("centre").get<std::vector<double>>();
    REQUIRE(centre.size() == 2);
    CHECK(centre[0] > 0);
    CHECK(centre[0] < size.width);
    CHECK(centre[1] > 0);
    CHECK(centre[1] < size.height);
  }
}

}  // namespace

TEST_CASE("read, caption and ask write the ids that run writes of the same pixels") {
  const Folder folder;
  const cv::Mat image = picture(side, side, 3);
  save(folder / "a.png", image);
  using Use = std::pair<std::string, std::string>;
  for (const Use& use : {Use{"read", "trocr_small"}, Use{"caption", "vit_gpt2"},
                         Use{"caption", "blip_caption"}, Use{"ask", "blip_vqa"}}) {
    const std::string &name = use.first, &model = use.second;
    CAPTURE(model);
    const json line = written(folder, command(name, model, {"--max-tokens", "12", "a.png"}));
    std::vector<io::OutputTensor> inputs = {tensor("input", normalised(image, model))};
    if (name == "ask")
      inputs.push_back(ids("input_ids", load_tokenizer(golden::folder(model)).encode(question)));
    CHECK(ids_of(line) == ids_by_run(folder, model, inputs, "", 1));
    check_line(line, image.size());
    CHECK(line.contains("question") == (name == "ask"));
  }
}

TEST_CASE("read takes a reader that says its characters itself, and draws where it looked") {
  const Folder folder;
  const std::string model = "fovea_reader_mini";
  const cv::Mat image = picture(54, 22, 3);  // of the model's size
  save(folder / "a.png", image);
  const json line = written(folder, command("read", model, {"--overlay", "o.png", "a.png"}));
  const RawTensor input = normalised(image, {0.5, 0.5, 0.5}, {0.5, 0.5, 0.5});
  const std::vector<int64_t> expected = ids_by_run(folder, model, {tensor("input", input)}, "", 1, {}, "9");
  CHECK(ids_of(line) == expected);
  const Tokenizer tokenizer = load_tokenizer(golden::folder(model));
  CHECK(line.at("text") == tokenizer.decode(std::vector<int32_t>(expected.begin(), expected.end())));
  CHECK(line.at("grid") == json({6, 14}));
  CHECK(line.at("seen") == json({0.0, 0.0, 54.0, 22.0}));
  for (const json& token : line.at("tokens")) {
    CHECK(token.at("attention").at("elsewhere") == 0);
    CHECK(token.at("attention").at("box").size() == 4);
  }
  CHECK_FALSE(load(folder / "o.png").empty());
  const json walk =
      written(folder, command("read", model, {"--max-tokens", "2", "--overlay", "o.gif", "a.png"}));
  CHECK(walk.at("tokens").size() <= 2);
  CHECK(read_text(folder / "o.gif").starts_with("GIF89a"));
  const Outcome plain = run(folder, {"read", "--model", golden::folder(model), "--dtype", "fp32", "a.png"});
  CHECK(plain.code == 0);
  CHECK(plain.out == line.at("text").get<std::string>() + "\n");
}

TEST_CASE("tokens are drawn and searched for as run does, equally for equal seeds and every picture") {
  const Folder folder;
  const cv::Mat image = picture(side, side, 3);
  save(folder / "a.png", image);
  const std::vector<io::OutputTensor> inputs = {tensor("input", normalised(image, "vit_gpt2"))};
  const auto ids_with = [&](const Strings& options) {
    Strings arguments = options;
    arguments.insert(arguments.end(), {"--max-tokens", "12", "a.png"});
    const json line = written(folder, command("caption", "vit_gpt2", arguments));
    check_line(line, image.size());
    auto out = ids_of(line);
    CHECK(out == ids_by_run(folder, "vit_gpt2", inputs, "", 1, options));
    return out;
  };
  const auto greedy = ids_with({});
  const auto drawn = ids_with({"--temperature", "2", "--seed", "5"});
  CHECK(drawn != greedy);
  CHECK(drawn != ids_with({"--temperature", "2", "--seed", "6"}));
  CHECK(drawn == ids_with({"--temperature", "2", "--seed", "5", "--top-k", "100000"}));
  CHECK(greedy == ids_with({"--temperature", "2", "--top-k", "1"}));
  CHECK(greedy == ids_with({"--beams", "1", "--temperature", "0"}));
  ids_with({"--beams", "4"});
  ids_with({"--beams", "3", "--length-penalty", "-0.5"});

  // A picture's text does not depend on its neighbours, and a prompt may go before.
  save(folder / "b.png", picture(50, 80, 2));
  const Outcome both =
      run(folder, command("caption", "vit_gpt2",
                          {"--temperature", "2", "--seed", "5", "--max-tokens", "12", "b.png", "a.png"}));
  REQUIRE(both.json_lines().size() == 2);
  CHECK(ids_of(both.json_lines()[1]) == drawn);
  const json prompted =
      written(folder, command("caption", "blip_caption",
                              {"--beams", "3", "--prompt", "a photo of", "--max-tokens", "6", "a.png"}));
  CHECK(prompted.at("text").get<std::string>().starts_with("a photo of"));
}

TEST_CASE("choices that would change nothing, and that exclude one another, are refused in words") {
  const Folder folder;
  save(folder / "a.png", picture(64, 64));
  const auto refuses = [&](const Strings& more, const std::string& words) {
    CAPTURE(words);
    Strings arguments = more;
    arguments.push_back("a.png");
    const Outcome outcome = run(folder, command("read", "trocr_small", arguments));
    CAPTURE(outcome.err);
    CHECK(outcome.code == 2);
    CHECK(outcome.out.empty());
    CHECK(outcome.err.find(words) != std::string::npos);
  };
  refuses({"--top-k", "5"}, "--top-k: goes with --temperature");
  refuses({"--seed", "5"}, "--seed: goes with --temperature");
  refuses({"--seed", "5", "--temperature", "0"}, "--seed: goes with --temperature");
  refuses({"--temperature", "-1"}, "--temperature -1: want 0");
  refuses({"--temperature", "nan"}, "--temperature nan: want 0");
  refuses({"--length-penalty", "2"}, "--length-penalty: goes with --beams");
  refuses({"--beams", "2", "--temperature", "1"}, "--beams 2: beams take the best");
  refuses({"--beams", "17"}, "--beams");
  refuses({"--beams", "0"}, "--beams");
  refuses({"--temperature", "1", "--top-k", "0"}, "--top-k");
}

TEST_CASE("caption goes on with a prompt, which is in the text and not among the tokens") {
  const Folder folder;
  const cv::Mat image = picture(side, side, 5);
  save(folder / "a.png", image);
  const std::string prompt = "a photo of";
  const json line = written(
      folder, command("caption", "blip_caption", {"--max-tokens", "12", "--prompt", prompt, "a.png"}));
  const Tokenizer tokenizer = load_tokenizer(golden::folder("blip_caption"));
  std::vector<int32_t> begin = tokenizer.encode(prompt, {.special = false});
  begin.insert(begin.begin(), 184);  // [DEC]
  const auto expected = ids_by_run(
      folder, "blip_caption", {tensor("input", normalised(image, "blip_caption")), ids("prompt_ids", begin)},
      "prompt_", begin.size());
  CHECK(ids_of(line) == expected);
  CHECK(line.at("text").get<std::string>().starts_with(prompt));
  CHECK(line.at("prompt") == prompt);
}

TEST_CASE("text is a line a picture, with its name where there are several, and goes on after a bad one") {
  const Folder folder;
  save(folder / "a.png", picture(90, 70));
  save(folder / "b.png", picture(50, 80, 2));
  write_text(folder / "bad.png", "no picture");
  const std::string model = golden::folder("trocr_small");
  const Outcome one = run(folder, {"read", "--model", model, "--max-tokens", "5", "a.png"});
  CHECK(one.code == 0);
  CHECK(lines_of(one.out).size() == 1);
  CHECK(one.out.find("a.png") == std::string::npos);
  const Outcome all =
      run(folder, {"read", "--model", model, "--max-tokens", "5", "a.png", "bad.png", "b.png"});
  CHECK(all.code == 1);
  const auto lines = lines_of(all.out);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0] == "a.png    " + lines_of(one.out).front());
  CHECK(lines[1].starts_with("b.png"));
  REQUIRE(all.complaints().size() == 2);
  CHECK(all.complaints()[0].find("bad.png") != std::string::npos);
  CHECK(all.complaints()[1].find("1 of 3 inputs failed") != std::string::npos);
}

TEST_CASE("a region is read as the same pixels are alone, and its boxes lie in the whole picture") {
  const Folder folder;
  const cv::Mat image = picture(200, 150, 4);
  const cv::Rect part(40, 30, 96, 50);
  save(folder / "whole.png", image);
  save(folder / "part.png", image(part));
  const json alone = written(folder, command("read", "trocr_small", {"--max-tokens", "8", "part.png"}));
  const json inside = written(
      folder, command("read", "trocr_small", {"--max-tokens", "8", "--region", "40,30,96,50", "whole.png"}));
  CHECK(ids_of(alone) == ids_of(inside));
  CHECK(inside.at("text") == alone.at("text"));
  CHECK(inside.at("seen") == json({40.0, 30.0, 96.0, 50.0}));
  for (size_t i = 0; i < alone.at("tokens").size(); ++i) {
    const auto a = alone["tokens"][i]["attention"]["box"].get<std::vector<double>>();
    const auto b = inside["tokens"][i]["attention"]["box"].get<std::vector<double>>();
    CHECK(b[0] - a[0] == doctest::Approx(40));
    CHECK(b[1] - a[1] == doctest::Approx(30));
    CHECK(b[2] == doctest::Approx(a[2]));
  }
  for (const std::string region : {"150,0,100,50", "-1,0,10,10", "0,0,0,10"}) {
    const Outcome outcome = run(folder, command("read", "trocr_small", {"--region=" + region, "whole.png"}));
    CHECK(outcome.code == 1);
    REQUIRE(outcome.complaints().size() == 2);
    CHECK(outcome.complaints()[0].find("the picture has 200×150") != std::string::npos);
  }
}

TEST_CASE("an overlay has a tile a token; a walk is a GIF") {
  const Folder folder;
  save(folder / "a.png", picture(160, 120));
  const json line =
      written(folder, command("read", "trocr_small", {"--max-tokens", "5", "--overlay", "o.png", "a.png"}));
  REQUIRE(line.at("tokens").size() == 5);
  CHECK(load(folder / "o.png").size() == cv::Size(3 * 320, 2 * 264));
  const Strings heads =
      command("read", "trocr_small", {"--max-tokens", "5", "--layer", "0", "--head", "1", "a.png"});
  const json other = written(folder, heads);
  CHECK(ids_of(other) == ids_of(line));
  CHECK(other["tokens"][0]["attention"] != line["tokens"][0]["attention"]);
  const json rolled =
      written(folder, command("read", "trocr_small", {"--max-tokens", "5", "--method", "rollout", "a.png"}));
  CHECK(ids_of(rolled) == ids_of(line));
  CHECK(rolled["tokens"][0]["attention"] != line["tokens"][0]["attention"]);
  written(folder, command("ask", "blip_vqa", {"--max-tokens", "3", "--overlay", "o.gif", "a.png"}));
  CHECK(read_text(folder / "o.gif").starts_with("GIF89a"));
}

TEST_CASE("without --model the embedded reader reads, and one line says so") {
  const Folder folder;
  cv::Mat page(120, 420, CV_8UC3, cv::Scalar::all(250));
  cv::putText(page, "Harbour", {20, 80}, cv::FONT_HERSHEY_DUPLEX, 2.4, cv::Scalar::all(20), 4, cv::LINE_AA);
  save(folder / "a.png", page);
  Call call;
  call.arguments = {"read", "--json", "a.png"};
  call.model = false;
  const Outcome outcome = run(folder, call);
  CHECK(outcome.code == 0);
  CHECK(outcome.err.find("using the embedded reader") != std::string::npos);
  const json line = json::parse(outcome.out);
  CHECK(line["text"] == "Harbour");
  CHECK(line["ended"] == true);
  // From the left to the right.
  double left = 0;
  for (size_t i = 0; i < 7; ++i) {
    const double x = line["tokens"][i]["attention"]["centre"][0];
    CHECK(x > left);
    left = x;
  }
  call.arguments = {"read", "--model", "embedded-reader", "a.png"};
  const Outcome named = run(folder, call);
  CHECK(named.out == "Harbour\n");
  CHECK(named.err.find("embedded reader") == std::string::npos);
}

TEST_CASE("a model that does something else is refused in words") {
  const Folder folder;
  save(folder / "a.png", picture(64, 64));
  const auto refuses = [&](const Strings& arguments, const std::string& words, int code = 2) {
    CAPTURE(words);
    const Outcome outcome = run(folder, arguments);
    CHECK(outcome.code == code);
    CHECK(outcome.out.empty());
    REQUIRE(outcome.complaints().size() == 1);
    CAPTURE(outcome.err);
    CHECK(outcome.complaints().front().find(words) != std::string::npos);
  };
  refuses(command("ask", "vit_gpt2", {"a.png"}), "describes pictures: use `fovea caption`");
  refuses(command("caption", "trocr_small", {"a.png"}), "reads text in pictures: use `fovea read`");
  refuses(command("read", "blip_vqa", {"a.png"}), "answers questions about pictures: use `fovea ask`");
  refuses({"read", "a.png"}, "writes no text: give one that reads text in pictures");
  refuses({"read", "--model", "embedded", "a.png"}, "writes no text");
  refuses(command("caption", "vit_gpt2", {"--prompt", "a photo", "a.png"}), "it takes no words");
  const std::string vqa = golden::folder("blip_vqa");
  refuses({"ask", "--model", vqa, "", "a.png"}, "the question is empty");
  refuses({"ask", "--model", vqa, " ", "a.png"}, "holds no words");
  std::string words;
  while (words.size() < 100000) words += "cat ";
  refuses({"ask", "--model", vqa, words, "a.png"}, "has positions for 48");
  refuses(command("read", "trocr_small", {"--layer", "2", "a.png"}), "--layer 2: the decoder of");
  refuses(command("read", "trocr_small", {"--head", "4", "a.png"}), "--head 4: the decoder of");
  refuses(command("read", "trocr_small", {"--method", "rollout", "--layer", "0", "a.png"}),
          "--layer 0: rollout goes through all layers");
  refuses(command("read", "trocr_small", {"--method", "cam", "a.png"}), "--method cam: a token of");
  refuses(command("read", "trocr_small", {"--method", "none", "a.png"}), "--method none");
  refuses(command("read", "trocr_small", {"--region", "1,2,3", "a.png"}), "want X,Y,W,H");
  refuses(command("read", "trocr_small", {"--overlay", "o.png", "a.png", "a.png"}),
          "goes with a single image");
  refuses(command("read", "trocr_small", {"--window", "a.png", "a.png"}), "--window: goes with one IMAGE");
  refuses({"read", "--model", golden::folder("trocr_small"), "--window", "none.png"}, "none.png", 1);
  refuses(command("read", "trocr_small", {"--overlay", "o.xyz", "a.png"}),
          "--overlay o.xyz: not an image format");
}

TEST_CASE("a tokenizer that is not there, or that is another model's, is one clear line") {
  const Folder folder;
  save(folder / "a.png", picture(64, 64));
  fs::copy(golden::folder("blip_caption"), folder / "model");
  fs::remove(folder / "model/vocab.txt");
  const auto complains = [&](const std::string& words) {
    const Outcome outcome = run(folder, {"caption", "--model", "./model", "a.png"});
    CAPTURE(outcome.err);
    CHECK(outcome.code == 1);
    REQUIRE(outcome.complaints().size() == 1);
    CHECK(outcome.complaints().front().find(words) != std::string::npos);
  };
  complains("[tokenizer] ./model/vocab.txt: is missing");
  for (const char* name : {"vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json"})
    fs::copy_file(golden::folder("trocr_small") / name, folder / "model" / name,
                  fs::copy_options::overwrite_existing);
  complains("the tokenizer has 321 tokens and BlipForConditionalGeneration knows 186");
}

}  // namespace fovea::e2e
