#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include "core/xdg.h"
#include "generated/shaders.h"
#include "runtime/vk/choices.h"
#include "runtime/vk/device.h"
#include "runtime/vk/pipeline_cache.h"
#include "shaders/nn/swiglu.h"
#include "tests/temporary_folder.h"

namespace fovea::gpu {
namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<uint8_t>;

// XDG_CACHE_HOME is an empty folder of the test's own until the fixture goes.
struct CacheFolder {
  CacheFolder() {
    if (const char* value = std::getenv("XDG_CACHE_HOME")) before = value;
    setenv("XDG_CACHE_HOME", root.c_str(), 1);
  }
  ~CacheFolder() {
    if (before)
      setenv("XDG_CACHE_HOME", before->c_str(), 1);
    else
      unsetenv("XDG_CACHE_HOME");
  }
  Bytes read(const fs::path& path) const {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void write(const fs::path& path, const Bytes& bytes) const {
    std::ofstream out(path, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  size_t files() const {
    return static_cast<size_t>(
        std::distance(fs::directory_iterator(root / "fovea"), fs::directory_iterator()));
  }

  const test::TemporaryFolder folder;
  const fs::path& root = folder.path();
  std::optional<std::string> before;
};

TEST_CASE_FIXTURE(CacheFolder, "a saved pipeline cache is loaded again") {
  const PipelineCacheFile file("key");
  CHECK(file.load().empty());
  const Bytes data{1, 2, 3, 0, 255};
  file.save(data);
  CHECK(file.load() == data);
  CHECK(PipelineCacheFile("other").load().empty());
  file.save({});
  CHECK(file.load().empty());
}

TEST_CASE_FIXTURE(CacheFolder, "a damaged pipeline cache is ignored") {
  const PipelineCacheFile file("key");
  const Bytes data(1000, 42);
  file.save(data);
  const fs::path path = root / "fovea" / "key.pipelines";
  const Bytes good = read(path);
  REQUIRE(good.size() > data.size());
  for (size_t i = 0; i < good.size(); i += i < 24 ? 1 : 97) {  // each byte of the header, some of the data
    Bytes bad = good;
    bad[i] ^= 0x10;
    write(path, bad);
    CAPTURE(i);
    CHECK(file.load().empty());
  }
  for (const size_t length : {size_t{0}, size_t{1}, size_t{8}, size_t{23}, size_t{24}, good.size() - 1}) {
    write(path, {good.begin(), good.begin() + static_cast<ptrdiff_t>(length)});
    CAPTURE(length);
    CHECK(file.load().empty());
  }
  Bytes longer = good;
  longer.push_back(0);
  write(path, longer);
  CHECK(file.load().empty());
  write(path, good);
  CHECK(file.load() == data);
}

TEST_CASE_FIXTURE(CacheFolder, "a device opens over a damaged cache and repairs it") {
  std::string key;
  {
    const auto device = Device::open("");
    key = device->cache_key();
  }
  fs::create_directories(root / "fovea");
  write(root / "fovea" / (key + ".pipelines"), Bytes(100, 7));
  write(root / "fovea" / (key + ".choices"), Bytes(5000, 0xff));
  {
    const auto device = Device::open("");
    CHECK(!device->choices().find("linear").has_value());
    const std::array kinds{BindingKind::storage, BindingKind::storage};
    const std::array<uint32_t, 1> group{64};
    device->pipeline({&shaders::swiglu, Variant{}, group, kinds, sizeof(SwigluPush)});
  }
  CHECK(!PipelineCacheFile(key).load().empty());
}

// Runs `work` in `count` processes at once; true when all succeeded.
template <class Work>
bool in_processes(int count, Work&& work) {
  std::vector<pid_t> children;
  for (int i = 0; i < count; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      work(i);
      _exit(0);
    }
    children.push_back(child);
  }
  bool good = true;
  for (const pid_t child : children) {
    int status = 0;
    good = waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0 && good;
  }
  return good;
}

TEST_CASE_FIXTURE(CacheFolder, "two processes that write at once leave a whole file") {
  const size_t size = 200'000;
  PipelineCacheFile("key").save(Bytes(size, 0));
  // Each writer reads between its writes: what it sees is whole at any moment.
  CHECK(in_processes(3, [&](int i) {
    const PipelineCacheFile file("key");
    for (int round = 0; round < 50; ++round) {
      file.save(Bytes(size, static_cast<uint8_t>(i)));
      const Bytes seen = file.load();
      if (seen.size() != size || seen != Bytes(size, seen[0])) _exit(1);
    }
  }));
  const Bytes left = PipelineCacheFile("key").load();
  REQUIRE(left.size() == size);
  CHECK(left == Bytes(size, left[0]));
  CHECK(files() == 1);  // no temporary file remains
}

TEST_CASE_FIXTURE(CacheFolder, "choices are kept, across processes too") {
  Choices first("key");
  CHECK(!first.find("linear 1").has_value());
  first.store("linear 1", "tiled 64");
  CHECK(first.find("linear 1") == "tiled 64");
  CHECK(Choices("key").find("linear 1") == "tiled 64");
  CHECK(!Choices("other").find("linear 1").has_value());
  CHECK(in_processes(1, [](int) { Choices("key").store("linear 2", "texel 8"); }));
  first.store("linear 3", "texel 16");  // keeps what the other process added
  Choices last("key");
  CHECK(last.find("linear 1") == "tiled 64");
  CHECK(last.find("linear 2") == "texel 8");
  CHECK(last.find("linear 3") == "texel 16");
  first.store("linear 1", "tiled 32");
  CHECK(Choices("key").find("linear 1") == "tiled 32");
}

TEST_CASE_FIXTURE(CacheFolder, "damaged choices are ignored line by line") {
  fs::create_directories(root / "fovea");
  std::string text =
      "no tab\nlinear 1\ttiled\n\n" + std::string(100'000, 'x') + "\t1\n\ttab first\nlinear 2\ttexel";
  write(root / "fovea" / "key.choices", {text.begin(), text.end()});
  Choices choices("key");
  CHECK(choices.find("linear 1") == "tiled");
  CHECK(choices.find("linear 2") == "texel");
  CHECK(!choices.find("no tab").has_value());
  CHECK(!choices.find(std::string(100'000, 'x')).has_value());
}

TEST_CASE_FIXTURE(CacheFolder, "no cache folder is no error") {
  // A file where the folder should be fails for every user, root included.
  write(root / "fovea", {1});
  CHECK_NOTHROW(PipelineCacheFile("key").save(Bytes(10, 1)));
  CHECK(PipelineCacheFile("key").load().empty());
  Choices choices("key");
  CHECK_NOTHROW(choices.store("a", "b"));
  CHECK(choices.find("a") == "b");
  CHECK_NOTHROW(Device::open("")->save_pipeline_cache());
  CHECK(!replace_file(root / "fovea" / "x", Bytes(1)));
}

TEST_CASE_FIXTURE(CacheFolder, "the cache folder follows the environment") {
  CHECK(cache_home() == root / "fovea");
  setenv("XDG_CACHE_HOME", "relative", 1);  // the XDG specification: ignore relative paths
  const char* home = std::getenv("HOME");
  if (home != nullptr) CHECK(cache_home() == fs::path(home) / ".cache" / "fovea");
}

}  // namespace
}  // namespace fovea::gpu
