#include "runtime/ops/nn/modulate.h"

#include "tests/reference/layers.h"
#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

enum Part : uint32_t { scale = 1, shift = 2, channel_gate = 4, spatial_gate = 8, residual = 16 };

// One case with the given parts, on [images, tokens, channels].
void compare(DType dtype, const Shape& shape, uint32_t parts, ops::Activation activation,
             ops::Activation final, uint32_t gate_step) {
  CAPTURE(name_of(dtype));
  CAPTURE(fmt::format("{} parts {} activations {} {}", to_string(shape), parts, uint32_t(activation),
                      uint32_t(final)));
  const uint32_t images = shape[0], tokens = shape[1], channels = shape[2];
  const Shape fours{(channels + 3) / 4 * 4};
  const Values x = random_values(shape, dtype, 1, 3), a = random_values(fours, DType::f32, 2),
               b = random_values(fours, DType::f32, 3, 2),
               channel = random_values({images, channels}, dtype, 4),
               spatial = random_values({images, tokens, gate_step}, dtype, 5),
               other = random_values(shape, dtype, 6);
  Case c;
  ops::ModulateOptions o;
  ModulateCase m{static_cast<int>(activation), static_cast<int>(final)};
  m.gate_step = gate_step;
  o.activation = activation;
  o.final = final;
  const auto use = [&](Part part, const Values& v, Tensor& tensor, const Numbers*& numbers) {
    if ((parts & part) == 0) return;
    tensor = c.input(v);
    numbers = &v.numbers;
  };
  use(scale, a, o.scale, m.scale);
  use(shift, b, o.shift, m.shift);
  use(channel_gate, channel, o.channel_gate, m.channel_gate);
  use(spatial_gate, spatial, o.spatial_gate, m.spatial_gate);
  use(residual, other, o.residual, m.residual);
  const Tensor y = ops::modulate(c.recorder, c.input(x), o);
  CHECK(y.shape == shape);
  check_close(c.run(y), modulate(x.numbers, images, tokens, channels, m), dtype);
}

TEST_CASE("modulate with every combination of parts") {
  using ops::Activation;
  for (const DType dtype : storage_types())
    for (uint32_t parts = 0; parts < 32; ++parts)
      for (const uint32_t channels : {6U, 24U})
        compare(dtype, {2, 9, channels}, parts, parts % 3 == 0 ? Activation::none : Activation::silu,
                parts % 2 == 0 ? Activation::none : Activation::relu, 1);
}

TEST_CASE("modulate over odd sizes") {
  for (const DType dtype : storage_types())
    for (const uint32_t images : {1U, 3U})
      for (const uint32_t tokens : {1U, 7U, 145U})
        for (const uint32_t channels : {1U, 4U, 17U, 64U, 132U, 260U})
          compare(dtype, {images, tokens, channels}, scale | shift | channel_gate | spatial_gate | residual,
                  ops::Activation::sigmoid, ops::Activation::gelu, 4);
}

TEST_CASE("modulate with every activation") {
  for (uint32_t which = 0; which <= static_cast<uint32_t>(ops::Activation::hard_sigmoid); ++which) {
    compare(DType::f32, {1, 33, 8}, scale | shift, static_cast<ops::Activation>(which), ops::Activation::none,
            1);
    compare(DType::f32, {1, 33, 8}, residual, ops::Activation::none, static_cast<ops::Activation>(which), 1);
  }
}

TEST_CASE("modulate rejects what does not fit") {
  Case c;
  const Tensor x = c.recorder.input({2, 3, 3, 6}, DType::f32, "x");
  ops::ModulateOptions o;
  o.scale = c.recorder.input({6}, DType::f32, "scale");
  CHECK_THROWS_WITH_AS(ops::modulate(c.recorder, x, o),
                       doctest::Contains("[modulate] x is [2, 3, 3, 6] f32, scale is [6] f32"), Error);
  o.scale = c.recorder.input({8}, DType::f32, "scale");
  o.channel_gate = c.recorder.input({1, 6}, DType::f32, "gate");
  CHECK_THROWS_AS(ops::modulate(c.recorder, x, o), Error);
  o.channel_gate = {};
  o.spatial_gate = c.recorder.input({2, 3, 4}, DType::f32, "gate");
  CHECK_THROWS_AS(ops::modulate(c.recorder, x, o), Error);
  o.spatial_gate = {};
  o.residual = c.recorder.input({2, 3, 3, 6}, DType::u32, "residual");
  CHECK_THROWS_AS(ops::modulate(c.recorder, x, o), Error);
}

}  // namespace
}  // namespace fovea::test
