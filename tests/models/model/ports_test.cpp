// Inputs and outputs of open extents: what a run must agree in, and what of an output follows from it.
#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "fovea/error.h"
#include "models/config/config.h"
#include "models/model/model.h"

namespace {

// Gives its inputs back, and one of a step more.
class Echo : public fovea::LoadedModel {
 public:
  explicit Echo(const fovea::Loading& from) : LoadedModel(from) {}

  void forward(fovea::Pass& pass) const override {
    fovea::Recorder& r = pass.recorder();
    const fovea::Tensor x = pass.input(x_);
    if (pass.wants(y_)) pass.give(y_, x);
    if (pass.wants(lengths_out_)) pass.give(lengths_out_, pass.input(lengths_));
    if (pass.wants(longer_))
      pass.give(longer_, r.temporary({x.shape[0], x.shape[1] + 1, 2}, fovea::DType::f32, "longer"));
  }

 private:
  const size_t x_ = declare_input({.name = "x",
                                   .alias = "",
                                   .type = fovea::DType::f32,
                                   .shape = {0, 4},
                                   .axes = {"steps", ""}}),
               lengths_ = declare_input({.name = "lengths",
                                         .alias = "",
                                         .type = fovea::DType::u32,
                                         .shape = {},
                                         .optional = true,
                                         .up_to = "steps"}),
               mask_ = declare_input({.name = "mask",
                                      .alias = "",
                                      .type = fovea::DType::u32,
                                      .shape = {0, 0},
                                      .axes = {"steps", "keys"},
                                      .optional = true,
                                      .below = 2});
  const size_t y_ = declare_output("y"), longer_ = declare_output("longer"),
               lengths_out_ = declare_output({.name = "lengths_out",
                                              .alias = "",
                                              .type = fovea::DType::u32,
                                              .shape = {},
                                              .needs = {lengths_}});
};

struct Loaded {
  fovea::Device device = fovea::Device::open();
  fovea::io::ModelConfig config = fovea::io::parse_config(R"({"system": "echo"})", std::nullopt, "echo");
  fovea::io::WeightFile file{fovea::io::Safetensors::join({}, "none"), nullptr};
  fovea::io::Weights root = file.root();
  Echo model{fovea::Loading{device, fovea::DType::f32, config, root, {}}};
};

}  // namespace

TEST_CASE("A rehearsal tells which extents of outputs are those of inputs, and which are open") {
  Loaded loaded;
  loaded.model.finish(0);
  loaded.model.rehearse();
  const auto& y = loaded.model.outputs()[0];
  CHECK(y.shape == fovea::Shape{0, 4});
  CHECK(y.axes == std::vector<std::string>{"steps", ""});
  const auto& longer = loaded.model.outputs()[1];
  CHECK(longer.shape == fovea::Shape{0, 2});
  CHECK(longer.axes == std::vector<std::string>{"", ""});
  CHECK(loaded.model.outputs()[2].type == fovea::DType::u32);
  CHECK_FALSE(loaded.model.info().takes_pictures);
  CHECK(loaded.model.info().height == 0);
  CHECK_THROWS_WITH_AS(loaded.model.demand_pictures("overlay"),
                       doctest::Contains("[overlay] echo takes no pictures"), fovea::Error);
}

TEST_CASE("Extents of one name are equal in a pass, and an optional input may be left out") {
  Loaded loaded;
  loaded.model.finish(0);
  loaded.model.rehearse();
  fovea::Recorder r(loaded.device.impl());
  const auto x = r.input({3, 7, 4}, fovea::DType::f32, "x");
  const auto mask = [&](uint32_t steps) { return r.input({3, steps, 5}, fovea::DType::u32, "mask"); };
  const auto record = [&](const fovea::Tensor& lengths, const fovea::Tensor& masked) {
    return loaded.model.record(r, {x, lengths, masked}, std::vector<size_t>{0}, nullptr);
  };
  CHECK(record({}, {}).front().shape == fovea::Shape{3, 7, 4});
  CHECK_NOTHROW(record(r.input({3}, fovea::DType::u32, "lengths"), mask(7)));
  CHECK_THROWS_WITH_AS(record({}, mask(6)), doctest::Contains("[forward] mask is u32 [3, 6, 5]"),
                       fovea::Error);
  CHECK_THROWS_WITH_AS(record(r.input({2}, fovea::DType::u32, "lengths"), {}), doctest::Contains("lengths"),
                       fovea::Error);
}
