// Models from bytes in memory and from shards: the same numbers as from one file.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "fovea/embedded.h"
#include "models/weights/shards.h"
#include "tests/models/golden.h"
#include "tests/models/weights/files.h"

using fovea::ErrorKind;
using fovea::test::check_error;
using fovea::test::read_file;
using fovea::test::TempFolder;

namespace {

std::vector<float> logits(const fovea::Model& model, const golden::Reference& reference) {
  return golden::answer(model, reference.values("input")).at("logits").values;
}

// The golden weights dealt out to three files, as they are stored.
void write_shards(const std::filesystem::path& from, const TempFolder& to) {
  const auto whole = fovea::io::Safetensors::open(from / "model.safetensors");
  std::string map, headers[3], data[3];
  const size_t count = whole.tensors().size();
  for (size_t i = 0; i < count; ++i) {
    const auto& tensor = whole.tensors()[i];
    const size_t shard = i * 3 / count;
    const std::string name = "model-0000" + std::to_string(shard + 1) + "-of-00003.safetensors";
    nlohmann::json info = {{"dtype", fovea::io::to_string(tensor.dtype)},
                           {"shape", tensor.shape},
                           {"data_offsets", {data[shard].size(), data[shard].size() + tensor.bytes.size()}}};
    headers[shard] += (headers[shard].empty() ? "\"" : ",\"") + tensor.name + "\":" + info.dump();
    data[shard].append(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
    map += (map.empty() ? "\"" : ",\"") + tensor.name + "\":\"" + name + '"';
  }
  for (size_t shard = 0; shard < 3; ++shard)
    to.write("model-0000" + std::to_string(shard + 1) + "-of-00003.safetensors",
             fovea::test::safetensors_bytes("{" + headers[shard] + "}", data[shard]));
  to.write(fovea::io::shard_index_name, R"({"metadata":{},"weight_map":{)" + map + "}}");
  to.write("config.json", read_file(from / "config.json"));
}

}  // namespace

TEST_CASE("a model in memory gives the numbers of its folder") {
  for (const char* name : {"vit_mini", "mobilevit_xxs"}) {
    CAPTURE(name);
    const auto device = fovea::Device::open();
    const golden::Reference reference(golden::folder(name));
    const std::string config = read_file(golden::folder(name) / "config.json");
    // One byte on, so that no weight is aligned.
    const std::string weights = ' ' + read_file(golden::folder(name) / "model.safetensors");
    const fovea::ModelBytes files{
        "a model in memory", config, {}, std::as_bytes(std::span(weights)).subspan(1)};
    const auto from_memory = fovea::Model::load(device, files);
    const auto from_files = fovea::Model::load(device, golden::folder(name));
    CHECK(from_memory.info().parameters == from_files.info().parameters);
    CHECK(logits(from_memory, reference) == logits(from_files, reference));
    CHECK(fovea::summarize(files).family == fovea::summarize(golden::folder(name)).family);
  }
}

TEST_CASE("a model in memory that is cut short or of another kind says so") {
  const auto device = fovea::Device::open();
  const std::string config = read_file(golden::folder("vit_mini") / "config.json");
  const std::string weights = read_file(golden::folder("vit_mini") / "model.safetensors");
  const auto load = [&](std::string_view text, size_t bytes) {
    const fovea::ModelBytes files{"these bytes", text, {}, std::as_bytes(std::span(weights)).first(bytes)};
    fovea::Model::load(device, files);
  };
  for (const size_t bytes : {size_t{0}, size_t{7}, size_t{100}, weights.size() - 1})
    check_error(ErrorKind::file, {"these bytes/model.safetensors"}, [&] { load(config, bytes); });
  check_error(ErrorKind::file, {"these bytes/config.json"}, [&] { load("{", weights.size()); });
  check_error(ErrorKind::model, {"these bytes/config.json", "'resnext_7'"},
              [&] { load(R"({"architecture":"resnext_7"})", weights.size()); });
  CHECK(fovea::summarize(fovea::ModelBytes{"x", R"({"architecture":"resnext_7"})", {}, {}}).family.empty());
  CHECK(fovea::summarize(fovea::ModelBytes{"x", R"({"model_type":"vit"})", {}, {}}).family == "ViT");
}

TEST_CASE("three shards give the numbers of one file") {
  const auto device = fovea::Device::open();
  for (const char* name : {"vit_mini", "mobilevit_xxs"}) {
    CAPTURE(name);
    const golden::Reference reference(golden::folder(name));
    const TempFolder folder;
    write_shards(golden::folder(name), folder);
    const auto sharded = fovea::Model::load(device, folder.path());
    const auto whole = fovea::Model::load(device, golden::folder(name));
    CHECK(sharded.info().parameters == whole.info().parameters);
    CHECK(logits(sharded, reference) == logits(whole, reference));
    std::filesystem::remove(folder.path() / "model-00002-of-00003.safetensors");
    check_error(ErrorKind::file, {"1 of the 3 files", "model-00002-of-00003.safetensors"},
                [&] { fovea::Model::load(device, folder.path()); });
  }
}
