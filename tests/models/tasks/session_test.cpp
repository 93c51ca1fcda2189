// Sessions from pictures to classes and maps: slots, errors, threads and numbers out of range.
#include "fovea/session.h"

#include <thread>

#include "tests/models/golden.h"
#include "tests/models/tasks/pictures.h"
#include "tests/temporary_folder.h"

namespace {

namespace fs = std::filesystem;

using pictures::Picture;

fovea::Session session_of(const fovea::Model& model, uint32_t batch) {
  fovea::SessionOptions options;
  options.batch = batch;
  options.top_k = 10;
  options.attention = true;
  return fovea::Session(model, options);
}

fovea::Model vit_mini() {
  return fovea::Model::load(fovea::Device::open(), golden::folder("vit_mini"),
                            {fovea::Precision::fp32, 0, 0});
}

}  // namespace

TEST_CASE("Every slot of a partly filled batch has its own classes and map") {
  const auto model = vit_mini();
  const Picture pictures[] = {{90, 70, 1}, {64, 64, 2}};
  auto batched = session_of(model, 3);
  const fovea::ImageView views[] = {pictures[0].view(), pictures[1].view()};
  const auto together = batched.classify(views);
  REQUIRE(together.size() == 2);
  auto single = session_of(model, 1);
  for (uint32_t slot = 0; slot < 2; ++slot) {
    CAPTURE(slot);
    const auto alone = single.classify({&views[slot], 1});
    CHECK(alone[0].topk[0].index == together[slot].topk[0].index);
    CHECK(alone[0].topk[0].logit == doctest::Approx(double{together[slot].topk[0].logit}).epsilon(1e-5));
    for (const auto method : {fovea::MapMethod::raw, fovea::MapMethod::rollout}) {
      fovea::MapRequest request;
      request.method = method;
      CHECK(golden::largest_difference(single.map(request).values, batched.map(request, slot).values) <=
            1e-6);
    }
  }
  CHECK_THROWS_WITH_AS(batched.map({}, 2), doctest::Contains("slot 2 of 2"), fovea::Error);
}

TEST_CASE("A map follows the picture that was classified last") {
  const auto model = vit_mini();
  auto session = session_of(model, 1);
  const Picture a(64, 64, 3), b(64, 64, 4);
  const fovea::ImageView first = a.view(), second = b.view();
  session.classify({&first, 1});
  const auto map_a = session.map({});
  session.classify({&second, 1});
  CHECK(session.map({}).values != map_a.values);
  session.classify({&first, 1});
  CHECK(session.map({}).values == map_a.values);
}

TEST_CASE("Pixels find their patch, and those outside say so") {
  const auto model = vit_mini();
  const auto session = session_of(model, 1);
  // 142 × 71: resized to 142 × 71, the central 64 × 64 seen; 16 pixels a patch.
  const auto seen = session.visible_region(142, 71);
  CHECK(seen.x == 39);
  CHECK(seen.width == 64);
  CHECK(session.patch_at(142, 71, 39, 4) == fovea::PatchIndex{0, 0});
  CHECK(session.patch_at(142, 71, 39 + 17, 4 + 63) == fovea::PatchIndex{3, 1});
  CHECK_THROWS_WITH_AS(session.patch_at(142, 71, 38, 30), doctest::Contains("outside what the model sees"),
                       fovea::Error);
  CHECK_THROWS_AS(session.patch_at(142, 71, NAN, 30), fovea::Error);
}

TEST_CASE("A session refuses what makes no sense") {
  const auto model = vit_mini();
  CHECK_THROWS_WITH_AS(session_of(model, 0), doctest::Contains("batch of 0"), fovea::Error);
  CHECK_THROWS_WITH_AS(session_of(model, 257), doctest::Contains("1…256"), fovea::Error);
  auto session = session_of(model, 1);
  session.prepare();
  CHECK_THROWS_WITH_AS(session.map({}), doctest::Contains("slot 0 of 0"), fovea::Error);
  CHECK_THROWS_WITH_AS(session.classify({}), doctest::Contains("0 images"), fovea::Error);
  const fovea::ImageView nothing;
  CHECK_THROWS_AS(session.classify({&nothing, 1}), fovea::Error);
  fovea::Session without(model);
  CHECK_THROWS_WITH_AS(without.map({}), doctest::Contains("SessionOptions::attention"), fovea::Error);
}

TEST_CASE("Two sessions of one model run in two threads") {
  const auto model = vit_mini();
  const Picture picture(80, 60, 5);
  std::vector<std::vector<float>> maps(2);
  std::vector<uint32_t> best(2);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 2; ++t)
    threads.emplace_back([&, t] {
      auto session = session_of(model, 1);
      for (int i = 0; i < 20; ++i) {
        const auto view = picture.view();
        best[t] = session.classify({&view, 1})[0].topk[0].index;
        maps[t] = session.map({}).values;
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(best[0] == best[1]);
  CHECK(maps[0] == maps[1]);
}

TEST_CASE("Activations beyond fp16 are an error and not an answer") {
  const fovea::test::TemporaryFolder folder;
  fs::copy_file(golden::folder("vit_mini") / "config.json", folder / "config.json");
  {
    std::vector<fovea::io::OutputTensor> tensors;
    const auto file = fovea::io::Safetensors::open(golden::folder("vit_mini") / "model.safetensors");
    for (const auto& t : file.tensors()) tensors.push_back({t.name, t.shape, fovea::io::to_float(t)});
    for (auto& t : tensors)
      if (t.name == "blocks.0.mlp.fc1.bias") t.values[0] = 7e4F;
    fovea::io::write_safetensors(folder / "model.safetensors", tensors);
  }
  const auto device = fovea::Device::open();
  const Picture picture(64, 64, 6);
  const auto view = picture.view();
  fovea::Session wide(fovea::Model::load(device, folder.path(), {fovea::Precision::fp32, 0, 0}));
  CHECK_NOTHROW(wide.classify({&view, 1}));
  if (device.info().fp16_storage) {
    fovea::Session narrow(fovea::Model::load(device, folder.path(), {fovea::Precision::fp16, 0, 0}));
    CHECK_THROWS_WITH_AS(narrow.classify({&view, 1}), doctest::Contains("use fp32 storage"), fovea::Error);
  }
}
