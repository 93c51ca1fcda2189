#include "models/weights/shards.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "models/weights/weights.h"
#include "tests/models/weights/files.h"

using fovea::ErrorKind;
using fovea::io::open_shards;
using fovea::io::parse_shard_index;
using fovea::io::Safetensors;
using fovea::io::shard_index_name;
using fovea::io::to_float;
using fovea::io::WeightFile;
using fovea::io::write_safetensors;
using fovea::test::check_error;
using fovea::test::TempFolder;

namespace {

std::string index_of(const std::string& map) {
  return R"({"metadata":{"total_size":24},"weight_map":{)" + map + "}}";
}

// Two shards: a and c in the first, b in the second.
struct Split {
  TempFolder folder;
  Split() {
    write_safetensors(folder.path() / "one.safetensors",
                      std::vector<fovea::io::OutputTensor>{{"a", {2}, {1, 2}}, {"c", {1}, {5}}});
    write_safetensors(folder.path() / "two.safetensors",
                      std::vector<fovea::io::OutputTensor>{{"b", {1, 2}, {3, 4}}});
    index(R"("a":"one.safetensors","b":"two.safetensors","c":"one.safetensors")");
  }
  void index(const std::string& map) const { folder.write(shard_index_name, index_of(map)); }
  Safetensors open() const { return open_shards(folder.path() / shard_index_name); }
  void check_rejected(std::initializer_list<std::string_view> fragments) const {
    check_error(ErrorKind::file, {"[shards]", shard_index_name}, [&] { open(); });
    check_error(ErrorKind::file, fragments, [&] { open(); });
  }
};

}  // namespace

TEST_CASE("shards read as one file, ordered by name") {
  const Split split;
  const Safetensors file = split.open();
  REQUIRE(file.tensors().size() == 3);
  CHECK(file.tensors()[1].name == "b");
  CHECK(file.tensors()[1].shape == std::vector<uint64_t>{1, 2});
  CHECK(to_float(*file.find("a")) == std::vector<float>{1, 2});
  CHECK(to_float(*file.find("b")) == std::vector<float>{3, 4});
  CHECK(to_float(*file.find("c")) == std::vector<float>{5});
  CHECK(file.file().ends_with(shard_index_name));
}

TEST_CASE("a model folder's shards are its weights, unless there is one whole file") {
  const Split split;
  CHECK(WeightFile::open(split.folder.path(), nullptr).tensors().tensors().size() == 3);
  write_safetensors(split.folder.path() / "model.safetensors",
                    std::vector<fovea::io::OutputTensor>{{"whole", {1}, {1}}});
  CHECK(WeightFile::open(split.folder.path(), nullptr).tensors().tensors().size() == 1);
}

TEST_CASE("index and shards that disagree are rejected") {
  const Split split;
  split.index(R"("a":"one.safetensors","b":"two.safetensors")");
  split.check_rejected({"does not list tensor c, which is in one.safetensors"});
  split.index(R"("a":"one.safetensors","b":"one.safetensors","c":"one.safetensors")");
  split.check_rejected({"tensor b is in one.safetensors, which has none of that name"});
  split.index(R"("a":"one.safetensors","b":"two.safetensors","c":"two.safetensors")");
  split.check_rejected({"tensor c is in two.safetensors, but it is in one.safetensors"});
  split.index(R"("a":"one.safetensors","b":"two.safetensors","c":"one.safetensors","d":"two.safetensors")");
  split.check_rejected({"tensor d is in two.safetensors, which has none of that name"});
  split.index(
      R"("a":"one.safetensors","b":"two.safetensors","c":"three.safetensors","d":"four.safetensors")");
  split.check_rejected({"2 of the 4 files it lists are missing", "four.safetensors"});
}

TEST_CASE("a tensor in two shards is rejected") {
  const Split split;
  write_safetensors(split.folder.path() / "two.safetensors",
                    std::vector<fovea::io::OutputTensor>{{"a", {1}, {0}}, {"b", {1, 2}, {3, 4}}});
  split.check_rejected({"tensor a is in one.safetensors, but it is in two.safetensors"});

  std::vector<Safetensors> files;
  files.push_back(Safetensors::open(split.folder.path() / "one.safetensors"));
  files.push_back(Safetensors::open(split.folder.path() / "two.safetensors"));
  check_error(ErrorKind::file, {"joined", "tensor a is in", "one.safetensors and in", "two.safetensors"},
              [&] { Safetensors::join(std::move(files), "joined"); });
}

TEST_CASE("a damaged shard is named") {
  const Split split;
  split.folder.write("two.safetensors", "short");
  check_error(ErrorKind::file, {"two.safetensors", "5 bytes"}, [&] { split.open(); });
}

TEST_CASE("names of shards are plain") {
  for (const char* name :
       {"../one.safetensors", "/etc/one.safetensors", "folder/one.safetensors", ".hidden.safetensors",
        ".safetensors", "..", "", "one.bin", "one\\\\two.safetensors", "one\\u0000.safetensors",
        "one\\n.safetensors", "one two.safetensors"}) {
    CAPTURE(name);
    check_error(ErrorKind::file, {"[shards] index", "tensor a is said to be in", "not a plain name"},
                [&] { parse_shard_index(index_of("\"a\":\"" + std::string(name) + '"'), "index"); });
  }
  check_error(ErrorKind::file, {"not a plain name"}, [&] {
    parse_shard_index(index_of("\"a\":\"" + std::string(300, 'x') + ".safetensors\""), "f");
  });
  check_error(ErrorKind::file, {"is said to be in 7"}, [&] { parse_shard_index(index_of(R"("a":7)"), "f"); });
}

TEST_CASE("an index that is none says so") {
  for (const char* text : {"{}", "[]", "7", R"({"weight_map":[]})", R"({"weight_map":null})"}) {
    CAPTURE(text);
    check_error(ErrorKind::file, {"[shards] f", "no object weight_map"},
                [&] { parse_shard_index(text, "f"); });
  }
  check_error(ErrorKind::file, {"lists no tensors"}, [&] { parse_shard_index(index_of(""), "f"); });
  check_error(ErrorKind::file, {"not valid JSON"}, [&] { parse_shard_index("{", "f"); });
  check_error(ErrorKind::file, {"\"a\" appears twice"},
              [&] { parse_shard_index(index_of(R"("a":"one.safetensors","a":"two.safetensors")"), "f"); });
  std::string many;
  for (int i = 0; i < 1001; ++i)
    many += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":\"" + std::to_string(i) + ".safetensors\"";
  check_error(ErrorKind::file, {"more than 1000 files"}, [&] { parse_shard_index(index_of(many), "f"); });
}

TEST_CASE("each shard is listed once, in order") {
  const auto index =
      parse_shard_index(index_of(R"("x":"b.safetensors","y":"a.safetensors","z":"b.safetensors")"), "f");
  CHECK(index.shards == std::vector<std::string>{"a.safetensors", "b.safetensors"});
  CHECK(index.shard_of.at("z") == "b.safetensors");
}
