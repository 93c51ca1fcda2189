#include "models/weights/safetensors.h"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tests/models/weights/files.h"

using fovea::Error;
using fovea::ErrorKind;
using fovea::io::DType;
using fovea::io::OutputTensor;
using fovea::io::Safetensors;
using fovea::io::to_float;
using fovea::io::write_safetensors;
using fovea::test::check_error;
using fovea::test::read_file;
using fovea::test::safetensors_bytes;
using fovea::test::TempFolder;

namespace {

Safetensors parse(const std::string& bytes) {
  return Safetensors::parse(std::as_bytes(std::span(bytes)), "weights.safetensors");
}

void check_rejected(const std::string& bytes, std::initializer_list<std::string_view> fragments) {
  CAPTURE(bytes.substr(0, 200));
  check_error(ErrorKind::file, {"weights.safetensors"}, [&] { parse(bytes); });
  check_error(ErrorKind::file, fragments, [&] { parse(bytes); });
}

std::string one_tensor(const std::string& info, size_t data_bytes) {
  return safetensors_bytes(R"({"blocks.0.w":)" + info + "}", std::string(data_bytes, '\0'));
}

template <typename T>
std::vector<float> converted(const char* dtype, std::vector<T> stored) {
  const size_t bytes = stored.size() * sizeof(T);
  // A header of odd length, so that no value is aligned.
  std::string header = R"({"x":{"dtype":")" + std::string(dtype) + R"(","shape":[)" +
                       std::to_string(stored.size()) + R"(],"data_offsets":[0,)" + std::to_string(bytes) +
                       "]}}";
  if (header.size() % 2 == 0) header += ' ';
  std::string data(bytes, '\0');
  std::memcpy(data.data(), stored.data(), bytes);
  const std::string file = safetensors_bytes(header, data);
  const Safetensors tensors = parse(file);
  REQUIRE(tensors.find("x") != nullptr);
  CHECK(tensors.find("x")->elements() == stored.size());
  return to_float(*tensors.find("x"));
}

}  // namespace

TEST_CASE("a well-formed file lists its tensors by name") {
  const std::string bytes = safetensors_bytes(R"({"__metadata__":{"format":"pt"},)"
                                              R"("z":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},)"
                                              R"("empty":{"dtype":"F16","shape":[4,0],"data_offsets":[8,8]},)"
                                              R"("a":{"dtype":"U8","shape":[],"data_offsets":[8,9]}}   )",
                                              std::string("\0\0\x80\x3f\0\0\0\xc0\x07", 9));
  const Safetensors file = parse(bytes);
  REQUIRE(file.tensors().size() == 3);
  CHECK(file.tensors()[0].name == "a");
  CHECK(file.tensors()[1].name == "empty");
  CHECK(file.tensors()[2].name == "z");
  CHECK(file.file() == "weights.safetensors");
  CHECK(file.find("b") == nullptr);
  CHECK(file.find("") == nullptr);
  REQUIRE(file.find("z") != nullptr);
  CHECK(file.find("z")->shape == std::vector<uint64_t>{1, 2});
  CHECK(file.find("z")->dtype == DType::f32);
  CHECK(to_float(*file.find("z")) == std::vector<float>{1.0F, -2.0F});
  CHECK(file.find("a")->elements() == 1);
  CHECK(to_float(*file.find("a")) == std::vector<float>{7.0F});
  CHECK(to_float(*file.find("empty")).empty());
}

TEST_CASE("a file without tensors is sound") {
  CHECK(parse(safetensors_bytes("{}", "")).tensors().empty());
}

TEST_CASE("files that end too early are rejected") {
  const std::string whole = one_tensor(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})", 8);
  REQUIRE(parse(whole).tensors().size() == 1);
  for (size_t length = 0; length < whole.size(); ++length) check_rejected(whole.substr(0, length), {});
  check_rejected("", {"0 bytes"});
  check_rejected(whole.substr(0, 20), {"only 12 follow", "truncated"});
  check_rejected(whole.substr(0, whole.size() - 1), {"tensor blocks.0.w", "[0, 8]", "7 bytes", "truncated"});
}

TEST_CASE("header lengths beyond the file or the format are rejected") {
  std::string bytes = safetensors_bytes("{}", "");
  for (const uint64_t length :
       {uint64_t{3}, uint64_t{100'000'000}, uint64_t{100'000'001}, ~uint64_t{0}, ~uint64_t{7}}) {
    std::memcpy(bytes.data(), &length, sizeof(length));
    check_rejected(bytes, {"header claims " + std::to_string(length) + " bytes"});
  }
}

TEST_CASE("a header beyond the format's limit is named as such, not as truncation") {
  std::string bytes = safetensors_bytes("{}", "");
  const uint64_t length = 100'000'001;
  std::memcpy(bytes.data(), &length, sizeof(length));
  check_rejected(bytes, {"the format allows 100000000"});
}

TEST_CASE("malformed headers are rejected") {
  check_rejected(safetensors_bytes("", ""), {"not valid JSON"});
  check_rejected(safetensors_bytes("{\"a\":", ""), {"not valid JSON"});
  check_rejected(safetensors_bytes("\xff\xfe{}", ""), {"not valid JSON"});
  check_rejected(safetensors_bytes("{} {}", ""), {"not valid JSON"});
  check_rejected(safetensors_bytes("[]", ""), {"not a JSON object"});
  check_rejected(safetensors_bytes("7", ""), {"not a JSON object"});
  check_rejected(safetensors_bytes(R"({"__metadata__":3})", ""), {"__metadata__"});
  check_rejected(safetensors_bytes(R"({"a":1e999})", ""), {"out of range"});
  check_rejected(safetensors_bytes(std::string(2'000'000, '['), ""), {"nested deeper"});
  check_rejected(safetensors_bytes("{\"a\":" + std::string(2'000'000, '{'), ""), {"not valid JSON"});
}

TEST_CASE("a tensor's header entry is checked") {
  check_rejected(one_tensor("[]", 0), {"tensor blocks.0.w", "not an object"});
  check_rejected(one_tensor("{}", 0), {"tensor blocks.0.w", "dtype is missing"});
  check_rejected(one_tensor(R"({"dtype":"F32","data_offsets":[0,4]})", 4),
                 {"tensor blocks.0.w", "shape is missing"});
  check_rejected(one_tensor(R"({"dtype":"F32","shape":[1]})", 4),
                 {"tensor blocks.0.w", "data_offsets is missing"});
  check_rejected(one_tensor(R"({"dtype":"F31","shape":[1],"data_offsets":[0,4]})", 4),
                 {"tensor blocks.0.w", "F31", "BF16"});
  check_rejected(one_tensor(R"({"dtype":32,"shape":[1],"data_offsets":[0,4]})", 4),
                 {"tensor blocks.0.w", "32"});
  check_rejected(one_tensor(R"({"dtype":"F32","shape":1,"data_offsets":[0,4]})", 4),
                 {"shape is 1, not a list"});
  check_rejected(one_tensor(R"({"dtype":"F32","shape":[-1],"data_offsets":[0,4]})", 4), {"shape holds -1"});
  check_rejected(one_tensor(R"({"dtype":"F32","shape":[1.0],"data_offsets":[0,4]})", 4), {"shape holds 1.0"});
  check_rejected(one_tensor(R"({"dtype":"F32","shape":["1"],"data_offsets":[0,4]})", 4),
                 {"shape holds \"1\""});
  check_rejected(one_tensor(R"({"dtype":"F32","shape":[1],"data_offsets":[0]})", 4),
                 {"data_offsets has 1 values"});
  check_rejected(one_tensor(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4,8]})", 4),
                 {"data_offsets has 3 values"});
}

TEST_CASE("offsets that do not fit the shape or the data are rejected") {
  check_rejected(one_tensor(R"({"dtype":"F16","shape":[2],"data_offsets":[0,8]})", 8),
                 {"tensor blocks.0.w", "F16 [2] takes 4 bytes", "give it 8"});
  check_rejected(one_tensor(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})", 8), {"[8, 0]"});
  check_rejected(one_tensor(R"({"dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551615]})", 8),
                 {"18446744073709551615"});
  check_rejected(one_tensor(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})", 9),
                 {"tensors end at 8", "9"});
  check_rejected(one_tensor(R"({"dtype":"F32","shape":[2],"data_offsets":[1,9]})", 9),
                 {"tensor blocks.0.w", "1 bytes before it"});
}

TEST_CASE("offsets in the wrong order are rejected even when the shape fits their wrapped difference") {
  // (2^62 - 2) floats take 2^64 - 8 bytes, which is 0 - 8.
  check_rejected(one_tensor(R"({"dtype":"F32","shape":[4611686018427387902],"data_offsets":[8,0]})", 8),
                 {"tensor blocks.0.w", "[8, 0] do not lie in order"});
}

TEST_CASE("shapes whose size overflows are rejected") {
  // 2^32 * 2^32 wraps to 0 elements, 2^62 floats wrap to 0 bytes, and a zero does not excuse an overflow.
  for (const char* shape : {"4294967296,4294967296", "4611686018427387904", "9223372036854775808,4,0"}) {
    check_rejected(
        one_tensor(std::string(R"({"dtype":"F32","shape":[)") + shape + R"(],"data_offsets":[0,0]})", 0),
        {"tensor blocks.0.w", "too large"});
  }
}

TEST_CASE("tensors that overlap or leave a hole are rejected") {
  const auto two = [](const char* first, const char* second) {
    return safetensors_bytes(std::string(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)") + first +
                                 R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + second + "}}",
                             std::string(8, '\0'));
  };
  CHECK(parse(two("[4,8]", "[0,4]")).tensors().size() == 2);
  check_rejected(two("[0,4]", "[3,7]"), {"tensor b", "begins at 3", "inside tensor a"});
  check_rejected(two("[0,4]", "[0,4]"), {"inside tensor a"});
  check_rejected(two("[1,5]", "[4,8]"), {"tensor a", "belong to no tensor"});
}

TEST_CASE("a name that appears twice is rejected") {
  const std::string entry = R"("a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  check_rejected(safetensors_bytes("{" + entry + "," + entry + "}", "x"), {"\"a\" appears twice"});
  check_rejected(one_tensor(R"({"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]})", 1),
                 {"\"dtype\" appears twice"});
}

TEST_CASE("hostile names stay on one line") {
  check_rejected(safetensors_bytes("{\"a\\nb" + std::string(5000, 'x') + "\":3}", ""),
                 {"tensor a\\x0abxx", "..."});
}

TEST_CASE("stored types convert to float") {
  const float infinity = std::numeric_limits<float>::infinity();
  CHECK(converted<double>("F64", {0.1, -1e300, 5e-324, 16777217.0}) ==
        std::vector<float>{0.1F, -infinity, 0.0F, 16777216.0F});
  CHECK(converted<float>("F32", {1.5F, 1e-45F, -infinity}) == std::vector<float>{1.5F, 1e-45F, -infinity});
  CHECK(converted<uint16_t>("F16", {0x3c00, 0x0001, 0x83ff, 0x7bff, 0xfc00}) ==
        std::vector<float>{1.0F, std::ldexp(1.0F, -24), -1023 * std::ldexp(1.0F, -24), 65504.0F, -infinity});
  CHECK(converted<uint16_t>("BF16", {0x3f80, 0x4049, 0xff80}) ==
        std::vector<float>{1.0F, 3.140625F, -infinity});
  CHECK(converted<int64_t>("I64", {-3, int64_t{1} << 40}) == std::vector<float>{-3.0F, 1099511627776.0F});
  CHECK(converted<int32_t>("I32", {-2147483647 - 1, 7}) == std::vector<float>{-2147483648.0F, 7.0F});
  CHECK(converted<int16_t>("I16", {-32768, 32767}) == std::vector<float>{-32768.0F, 32767.0F});
  CHECK(converted<int8_t>("I8", {-128, 127}) == std::vector<float>{-128.0F, 127.0F});
  CHECK(converted<uint8_t>("U8", {0, 255}) == std::vector<float>{0.0F, 255.0F});
  CHECK(converted<uint8_t>("BOOL", {0, 1}) == std::vector<float>{0.0F, 1.0F});
}

TEST_CASE("opening reports what is wrong with the path") {
  const TempFolder folder;
  const auto open = [](const std::filesystem::path& path) { return [path] { Safetensors::open(path); }; };
  check_error(ErrorKind::file, {"absent.safetensors", "No such file"},
              open(folder.path() / "absent.safetensors"));
  check_error(ErrorKind::file, {folder.path().string(), "not a regular file"}, open(folder.path()));
  check_error(ErrorKind::file, {"empty.safetensors", "0 bytes"}, open(folder.write("empty.safetensors", "")));
}

TEST_CASE("written tensors read back bit for bit") {
  const TempFolder folder;
  const auto path = folder.path() / "out.safetensors";
  const std::vector<OutputTensor> written = {{"z.logits", {2, 3}, {1, -2, 3e-45F, 1e38F, 0.1F, -0.0F}},
                                             {"attn.0", {1, 0, 4}, {}},
                                             {"a \"quoted\" name", {}, {42}}};
  write_safetensors(path, written);
  Safetensors file = Safetensors::open(path);
  REQUIRE(file.tensors().size() == written.size());
  for (const OutputTensor& tensor : written) {
    const auto* entry = file.find(tensor.name);
    REQUIRE(entry != nullptr);
    CHECK(entry->shape == tensor.shape);
    CHECK(entry->dtype == DType::f32);
    REQUIRE(entry->bytes.size() == tensor.values.size() * sizeof(float));
    if (!tensor.values.empty()) {
      CHECK(std::memcmp(entry->bytes.data(), tensor.values.data(), entry->bytes.size()) == 0);
    }
  }
  const Safetensors moved = std::move(file);
  CHECK(to_float(*moved.find("a \"quoted\" name")) == std::vector<float>{42});

  uint64_t header = 0;
  const std::string bytes = read_file(path);
  std::memcpy(&header, bytes.data(), sizeof(header));
  CHECK(header % 8 == 0);  // values are aligned for those who map the file
}

TEST_CASE("integers are written as int64 and read from every type of them") {
  const TempFolder folder;
  const auto path = folder.path() / "out.safetensors";
  const std::vector<int64_t> values{3, -1, int64_t{1} << 40};
  write_safetensors(path, std::vector<OutputTensor>{{"x", {1}, {0.5F}}, {"ids", {3}, {}, values}});
  const Safetensors file = Safetensors::open(path);
  CHECK(file.find("ids")->dtype == DType::i64);
  CHECK(fovea::io::to_integers(*file.find("ids")) == values);
  CHECK(fovea::io::to_integers(*file.find("x")).empty());
  const std::byte bytes[] = {std::byte{2}, std::byte{0xff}};
  const auto as = [&](DType type, std::vector<uint64_t> shape) {
    return fovea::io::to_integers({"x", type, std::move(shape), bytes});
  };
  CHECK(as(DType::u8, {2}) == std::vector<int64_t>{2, 255});
  CHECK(as(DType::i8, {2}) == std::vector<int64_t>{2, -1});
  CHECK(as(DType::boolean, {2}) == std::vector<int64_t>{1, 1});
  CHECK(as(DType::i16, {1}) == std::vector<int64_t>{-254});
}

TEST_CASE("writing replaces the file whole or leaves it alone") {
  const TempFolder folder;
  const auto path = folder.write("out.safetensors", "old content");
  const std::vector<OutputTensor> bad = {{"x", {3}, {1, 2}}};
  const std::vector<OutputTensor> twice = {{"x", {1}, {1}}, {"x", {1}, {1}}};
  check_error(ErrorKind::usage, {"x", "[3]", "2 values"}, [&] { write_safetensors(path, bad); });
  check_error(ErrorKind::usage, {"x", "taken"}, [&] { write_safetensors(path, twice); });
  CHECK(read_file(path) == "old content");

  const std::vector<OutputTensor> good = {{"x", {1}, {1}}};
  write_safetensors(path, good);
  CHECK(Safetensors::open(path).tensors().size() == 1);
  const auto files = std::filesystem::directory_iterator(folder.path());
  CHECK(std::distance(begin(files), end(files)) == 1);  // no temporary file stays behind
}

TEST_CASE("a write that fails half way leaves the old file and nothing beside it") {
  const TempFolder folder;
  const auto path = folder.write("out.safetensors", "old content");
  const std::vector<OutputTensor> tensors = {{"x", {100'000}, std::vector<float>(100'000)}};
  // A limit on file sizes stands in for a full disk.
  rlimit saved{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &saved) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1000, saved.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  std::string message;
  try {
    write_safetensors(path, tensors);
  } catch (const Error& error) {
    message = error.what();
  }
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &saved) == 0);
  std::signal(SIGXFSZ, handler);
  CHECK(message.find("out.safetensors: File too large") != std::string::npos);
  CHECK(read_file(path) == "old content");
  const auto files = std::filesystem::directory_iterator(folder.path());
  CHECK(std::distance(begin(files), end(files)) == 1);
}

TEST_CASE("a link to a file keeps pointing at it") {
  const TempFolder folder;
  const auto target = folder.write("target.safetensors", "");
  const auto link = folder.path() / "link.safetensors";
  std::filesystem::create_symlink(target, link);
  write_safetensors(link, std::vector<OutputTensor>{{"x", {1}, {1}}});
  CHECK(std::filesystem::is_symlink(link));
  CHECK(Safetensors::open(target).tensors().size() == 1);
}

TEST_CASE("a place that cannot be written is an error") {
  const TempFolder folder;
  const std::vector<OutputTensor> tensors = {{"x", {1}, {1}}};
  check_error(ErrorKind::file, {"absent/out.safetensors", "no such folder"},
              [&] { write_safetensors(folder.path() / "absent" / "out.safetensors", tensors); });
  check_error(ErrorKind::file, {folder.path().string()}, [&] { write_safetensors(folder.path(), tensors); });
  // A device that is always full; it must still be a device afterwards.
  if (std::filesystem::exists("/dev/full")) {
    check_error(ErrorKind::file, {"/dev/full", "No space left"},
                [&] { write_safetensors("/dev/full", tensors); });
    CHECK(std::filesystem::is_character_file("/dev/full"));
  }
}

TEST_CASE("the reference files beside the checkout are sound") {
  const auto shared = fovea::test::shared_folder();
  if (shared.empty()) {
    MESSAGE("no shared data folder: reference files not read");
    return;
  }
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(shared)) {
    if (entry.path().extension() != ".safetensors") continue;
    CAPTURE(entry.path().string());
    CHECK_FALSE(Safetensors::open(entry.path()).tensors().empty());
    ++files;
  }
  CHECK(files > 0);
}
