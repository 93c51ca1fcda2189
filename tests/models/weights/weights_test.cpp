#include "models/weights/weights.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "tests/models/weights/files.h"

using fovea::ErrorKind;
using fovea::io::NameTable;
using fovea::io::OutputTensor;
using fovea::io::WeightFile;
using fovea::io::write_safetensors;
using fovea::test::check_error;
using fovea::test::TempFolder;

namespace {

// A tensor counting up from `start`.
OutputTensor counting(const std::string& name, std::vector<uint64_t> shape, float start) {
  uint64_t elements = 1;
  for (const uint64_t extent : shape) elements *= extent;
  OutputTensor tensor{name, std::move(shape), std::vector<float>(elements)};
  std::iota(tensor.values.begin(), tensor.values.end(), start);
  return tensor;
}

constexpr std::string_view prefixes[] = {"vit.", "deit."};
constexpr fovea::io::Renaming rows[] = {
    {"norm", "layernorm"},
    {"blocks.*.attn.qkv", "encoder.layer.*.attention.attention.{query,key,value}"},
};
constexpr NameTable names = {prefixes, rows};

WeightFile written(const TempFolder& folder, const std::vector<OutputTensor>& tensors,
                   const NameTable* table) {
  write_safetensors(folder.path() / "model.safetensors", tensors);
  return WeightFile::open(folder.path(), table);
}

}  // namespace

TEST_CASE("a scoped view takes tensors by path") {
  const TempFolder folder;
  WeightFile file = written(
      folder, {counting("blocks.11.attn.qkv.weight", {6, 2}, 5), counting("pos_embed", {1, 2}, 0)}, nullptr);
  const auto attn = file.root() / "blocks" / 11 / "attn";
  CHECK(attn.path("qkv.weight") == "blocks.11.attn.qkv.weight");
  CHECK(attn.has("qkv.weight"));
  CHECK_FALSE(attn.has("qkv.bias"));
  CHECK((attn / "qkv").shape("weight") == std::vector<uint64_t>{6, 2});
  const std::vector<float> values = (attn / "qkv").take("weight", {6, 2});
  REQUIRE(values.size() == 12);
  CHECK(values.front() == 5.0F);
  CHECK(values.back() == 16.0F);
  CHECK(file.root().take("pos_embed", {1, 2}) == std::vector<float>{0, 1});
  CHECK(file.parameters() == 14);
  CHECK_NOTHROW(file.check_all_used());
}

TEST_CASE("a missing tensor is named with its file") {
  const TempFolder folder;
  WeightFile file = written(folder, {counting("norm.weight", {4}, 0)}, nullptr);
  const auto path = (folder.path() / "model.safetensors").string();
  const auto attn = file.root() / "blocks" / 3 / "attn";
  check_error(ErrorKind::model, {"[load] tensor blocks.3.attn.qkv.weight is missing in " + path}, [&] {
    attn.take("qkv.weight", {576, 192});
  });
  check_error(ErrorKind::model, {"blocks.3.attn.qkv.weight is missing"}, [&] { attn.shape("qkv.weight"); });
}

TEST_CASE("a tensor of another shape is named with both shapes and its file") {
  const TempFolder folder;
  WeightFile file = written(folder, {counting("head.weight", {6, 2}, 0)}, nullptr);
  const auto path = (folder.path() / "model.safetensors").string();
  check_error(ErrorKind::model,
              {"[load] tensor head.weight is [6, 2] in " + path + ", the model needs [6, 4]"}, [&] {
                file.root().take("head.weight", {6, 4});
              });
  // As many elements, arranged otherwise.
  check_error(ErrorKind::model, {"is [6, 2]", "needs [12]"}, [&] { file.root().take("head.weight", {12}); });
  check_error(ErrorKind::model, {"is [6, 2]", "needs [2, 6]"}, [&] {
    file.root().take("head.weight", {2, 6});
  });
  check_error(ErrorKind::model, {"is [6, 2]", "needs [6, 2, 1]"}, [&] {
    file.root().take("head.weight", {6, 2, 1});
  });
  check_error(ErrorKind::model, {"head.weight"}, [&] { file.check_all_used(); });  // a failed take is no use
}

TEST_CASE("values that are not finite are refused") {
  for (const float bad :
       {std::nanf(""), std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()}) {
    const TempFolder folder;
    OutputTensor tensor = counting("norm.bias", {3}, 0);
    tensor.values[2] = bad;
    WeightFile file = written(folder, {tensor}, nullptr);
    check_error(ErrorKind::file, {"norm.bias", "model.safetensors", "element 2"},
                [&] { file.root().take("norm.bias", {3}); });
  }
}

TEST_CASE("tensors nobody asked for are an error, unless ignored") {
  const TempFolder folder;
  std::vector<OutputTensor> tensors;
  for (int i = 0; i < 9; ++i) tensors.push_back(counting("extra." + std::to_string(i), {1}, 0));
  tensors.push_back(counting("norm.weight", {1}, 0));
  WeightFile file = written(folder, tensors, nullptr);
  file.root().take("norm.weight", {1});
  check_error(ErrorKind::model, {"9 of the 10 tensors", "model.safetensors", "extra.0, extra.1", "..."},
              [&] { file.check_all_used(); });
  for (int i = 0; i < 8; ++i) (file.root() / "extra").ignore(std::to_string(i));
  check_error(ErrorKind::model, {"1 of the 10 tensors", "extra.8"}, [&] { file.check_all_used(); });
  file.ignore("extra.8");
  file.ignore("not.there");
  CHECK_NOTHROW(file.check_all_used());
}

TEST_CASE("a transformers file is read under timm's names") {
  for (const std::string prefix : {"vit.", "deit.", ""}) {
    CAPTURE(prefix);
    const TempFolder folder;
    const std::string attention = prefix + "encoder.layer.0.attention.attention.";
    WeightFile file = written(
        folder,
        {counting(attention + "key.weight", {2, 2}, 20), counting(attention + "query.weight", {2, 2}, 10),
         counting(attention + "value.weight", {2, 2}, 30), counting(attention + "key.bias", {2}, 2),
         counting(attention + "query.bias", {2}, 0), counting(attention + "value.bias", {2}, 4),
         counting(prefix + "pooler.dense.bias", {1}, 0)},
        &names);
    const auto qkv = file.root() / "blocks" / 0 / "attn" / "qkv";
    CHECK(qkv.has("weight"));
    CHECK(qkv.shape("weight") == std::vector<uint64_t>{6, 2});
    CHECK(qkv.take("weight", {6, 2}) == std::vector<float>{10, 11, 12, 13, 20, 21, 22, 23, 30, 31, 32, 33});
    CHECK(qkv.take("bias", {6}) == std::vector<float>{0, 1, 2, 3, 4, 5});
    check_error(ErrorKind::model, {attention + "query.weight", "key.weight", "is [6, 2]", "needs [6, 3]"},
                [&] {
                  qkv.take("weight", {6, 3});
                });
    check_error(ErrorKind::model, {prefix + "pooler.dense.bias"}, [&] { file.check_all_used(); });
    file.ignore("pooler.dense.bias");
    CHECK_NOTHROW(file.check_all_used());
  }
}

TEST_CASE("query, key and value that do not fit each other are an error") {
  const TempFolder folder;
  const std::string attention = "vit.encoder.layer.0.attention.attention.";
  WeightFile file =
      written(folder,
              {counting(attention + "query.weight", {2, 2}, 0), counting(attention + "key.weight", {2, 3}, 0),
               counting(attention + "value.weight", {2, 2}, 0), counting(attention + "query.bias", {2}, 0)},
              &names);
  const auto qkv = file.root() / "blocks" / 0 / "attn" / "qkv";
  check_error(ErrorKind::model, {attention + "key.weight is [2, 3]", attention + "query.weight [2, 2]"},
              [&] { qkv.shape("weight"); });
  CHECK_FALSE(qkv.has("bias"));
  check_error(ErrorKind::model, {attention + "key.bias is missing"}, [&] { qkv.take("bias", {6}); });
  CHECK_FALSE(file.root().has("reg_token"));
  check_error(ErrorKind::model, {"reg_token is missing"}, [&] { file.root().take("reg_token", {1, 4, 2}); });
}

TEST_CASE("a folder without weights says what it must hold") {
  const TempFolder folder;
  const auto open = [&] { WeightFile::open(folder.path(), nullptr); };
  check_error(ErrorKind::file,
              {folder.path().string(), "no model.safetensors", "config.json and model.safetensors"}, open);
  folder.write("model.safetensors.index.json", "{}");
  check_error(ErrorKind::file, {"model.safetensors.index.json", "weight_map"}, open);
  folder.write("model.safetensors", "");
  check_error(ErrorKind::file, {"model.safetensors", "0 bytes"}, open);
}
