#include "runtime/ops/nn/linear.h"

#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

struct Size {
  uint32_t m, n, k;
};

// What one case feeds in, as checkpoints hold it.
struct Operands {
  Values x, w, bias, scale, residual;

  Operands(const Size& s, DType dtype)
      : x(random_values({s.m, s.k}, dtype, 1)),
        w(random_values({s.n, s.k}, dtype, 2)),
        bias(random_values({s.n}, DType::f32, 3)),
        scale(random_values({s.n}, DType::f32, 4)),
        residual(random_values({s.m, s.n}, dtype, 5)) {}
};

struct Epilogue {
  int activation = 0;
  bool bias = false, scale = false, residual = false;
  int final = 0;
};

constexpr Epilogue everything{1, true, true, true};
constexpr int activations = 9;

// Tensors as the kernels read them; weights packed by the library, whose layout is thereby tested too.
struct Bound {
  Tensor x, w, bias, scale, residual;

  Bound(Case& c, const Operands& o, const Size& s) {
    const uint32_t padded = (s.n + 3) / 4 * 4;
    const auto packed = ops::pack_linear(o.w.floats(), s.n, s.k);
    const auto b = ops::pad_to_fours(o.bias.floats()), sc = ops::pad_to_fours(o.scale.floats());
    x = c.input(o.x);
    w = c.input(values_of({s.k, padded}, o.w.dtype, {packed.begin(), packed.end()}));
    bias = c.input(values_of({padded}, DType::f32, {b.begin(), b.end()}));
    scale = c.input(values_of({padded}, DType::f32, {sc.begin(), sc.end()}));
    residual = c.input(o.residual);
  }
};

Expected expected(const Operands& o, const Size& s, const Epilogue& e) {
  return linear(o.x.numbers, o.w.numbers, s.m, s.n, s.k,
                {e.activation, e.bias ? &o.bias.numbers : nullptr, e.scale ? &o.scale.numbers : nullptr,
                 e.residual ? &o.residual.numbers : nullptr, e.final});
}

void check_operation(const Size& s, DType dtype, const Epilogue& e) {
  CAPTURE(name_of(dtype));
  CAPTURE(fmt::format("m {} n {} k {}", s.m, s.n, s.k));
  CAPTURE(fmt::format("activation {} bias {} scale {} residual {} final {}", e.activation, e.bias, e.scale,
                      e.residual, e.final));
  const Operands o(s, dtype);
  Case c;
  const Bound b(c, o, s);
  const Tensor y = ops::linear(c.recorder, b.x, {b.w, e.bias ? b.bias : Tensor{}, s.n},
                               {static_cast<ops::Activation>(e.activation), e.scale ? b.scale : Tensor{},
                                e.residual ? b.residual : Tensor{}, static_cast<ops::Activation>(e.final)});
  CHECK(y.shape == Shape{s.m, s.n});
  check_close(c.run(y), expected(o, s, e), dtype);
}

template <class Kernel>
void check_kernel(const Size& s, DType dtype, typename Kernel::Spec spec, const Epilogue& e) {
  CAPTURE(name_of(dtype));
  CAPTURE(fmt::format("m {} n {} k {}", s.m, s.n, s.k));
  const Operands o(s, dtype);
  Case c;
  const Bound b(c, o, s);
  const Tensor y = c.recorder.temporary({s.m, s.n}, dtype, "y");
  spec.epilogue = {static_cast<uint32_t>(e.activation), e.bias, e.scale, e.residual,
                   static_cast<uint32_t>(e.final)};
  c.recorder.template dispatch<Kernel>({b.x, b.w, b.bias, b.scale, b.residual, y},
                                       {s.m, s.n, s.k, (s.n + 3) / 4}, spec);
  check_close(c.run(y), expected(o, s, e), dtype);
}

const std::vector<Size> sizes{{1, 1, 1},      {2, 3, 5},      {5, 10, 17},     {17, 17, 3},    {1, 64, 48},
                              {50, 48, 64},   {145, 5, 192},  {257, 192, 10},  {197, 64, 192}, {2, 1000, 192},
                              {17, 768, 588}, {50, 192, 768}, {1, 1000, 1000}, {145, 588, 17}, {257, 48, 1}};

TEST_CASE("linear over odd sizes") {
  for (const DType dtype : storage_types())
    for (const Size& s : sizes) {
      check_operation(s, dtype, {});
      check_operation(s, dtype, everything);
    }
}

TEST_CASE("linear with every epilogue") {
  for (const DType dtype : storage_types())
    for (const Size& s : {Size{17, 20, 24}, Size{17, 10, 17}}) {
      for (int activation = 0; activation < activations; ++activation)
        check_operation(s, dtype, {activation, true, false, true, activations - 1 - activation});
      for (int bits = 0; bits < 8; ++bits)
        check_operation(s, dtype, {bits % 4, (bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0});
    }
}

TEST_CASE("activations far from zero neither overflow nor cancel") {
  // One input, weights that spread it over −60 … 60.
  const Size s{1, 124, 4};
  for (const DType dtype : storage_types())
    for (int activation = 1; activation < activations; ++activation) {
      CAPTURE(activation);
      Operands o(s, dtype);
      for (size_t i = 0; i < 4; ++i) o.x.numbers[i] = i == 0 ? 1 : 0;
      for (size_t n = 0; n < s.n; ++n)
        o.w.numbers[n * 4] = stored((static_cast<double>(n) - 62) * 1.03, dtype);
      Case c;
      const Bound b(c, o, s);
      const Tensor y =
          ops::linear(c.recorder, b.x, {b.w, {}, s.n}, {static_cast<ops::Activation>(activation)});
      check_close(c.run(y), expected(o, s, {activation}), dtype);
    }
}

TEST_CASE("LinearTiled with every tile") {
  const auto tiles = ops::SharedTile::candidates(device().info());
  REQUIRE(!tiles.empty());
  for (const DType dtype : storage_types())
    for (const ops::SharedTile& tile : tiles) {
      ops::LinearTiled::Spec spec{tile, 1, {}};
      CAPTURE(fmt::format("tile {} {} rows {}", tile.rows, tile.columns, tile.own_rows));
      for (const Size& s : {Size{1, 4, 4}, Size{145, 192, 64}, Size{17, 1000, 48}}) {
        check_kernel<ops::LinearTiled>(s, dtype, spec, everything);
      }
      for (const Size& s :
           {Size{1, 1, 1}, Size{145, 10, 17}, Size{50, 192, 5}, Size{2, 3, 588}, Size{65, 64, 64}}) {
        spec.fours = 0;
        check_kernel<ops::LinearTiled>(s, dtype, spec, everything);
      }
    }
}

TEST_CASE("LinearTexel at every group and lane count") {
  if (!has_shuffles()) return;
  for (const DType dtype : storage_types())
    for (const uint32_t lanes : {4U, 8U, 16U}) {
      if (lanes > device().info().subgroup_size) continue;
      for (const uint32_t group : {device().info().subgroup_size, 2 * device().info().subgroup_size})
        for (const uint32_t columns : {lanes, group})
          for (const Size& s : {Size{1, 4, 4}, Size{145, 192, 64}, Size{17, 1000, 48}, Size{50, 20, 588}}) {
            CAPTURE(lanes);
            CAPTURE(group);
            CAPTURE(columns);
            check_kernel<ops::LinearTexel>(s, dtype, {{group, lanes, columns}, {}}, everything);
          }
    }
}

TEST_CASE("LinearTexel for few rows") {
  if (!has_shuffles()) return;
  for (const DType dtype : storage_types())
    for (const Size& s : {Size{1, 4, 4}, Size{2, 192, 64}, Size{3, 1000, 48}, Size{5, 20, 588},
                          Size{8, 36, 4}, Size{11, 64, 20}})
      for (const uint32_t m : {1U, 2U, 4U, 5U, 8U}) {
        const ops::TexelTile tile = ops::TexelTile::few(device().info(), m);
        CAPTURE(m);
        CHECK(tile.rows() >= m);
        check_kernel<ops::LinearTexel>(s, dtype, {tile, {}}, everything);
      }
}

TEST_CASE("a texel tile pads a product least") {
  DeviceInfo cpu;
  for (const uint32_t lanes : {4U, 8U}) {
    cpu.subgroup_size = lanes;
    const auto columns = [&](uint32_t m, uint32_t columns4) {
      return ops::TexelTile::fitted(cpu, m, columns4).columns;
    };
    CHECK(columns(1024, 12) == 4);  // 12 columns for 12, instead of 16
    CHECK(columns(1024, 8) == 8);
    CHECK(columns(257, 96) == 8);
    CHECK(columns(4096, 1) == 4);
    CHECK(columns(1, 4) == 8);  // 16 × 8 for 1 × 4, where the other would take 32 × 4: no less
    CHECK(columns(1, 250) == 8);
  }
}

TEST_CASE("linear rejects what does not fit") {
  Case c;
  const Tensor x = c.recorder.input({3, 8}, DType::f32, "x");
  const Tensor w = c.recorder.input({8, 12}, DType::f32, "w");
  const Tensor short_bias = c.recorder.input({8}, DType::f32, "bias");
  const Tensor other = c.recorder.input({3, 8}, DType::f32, "residual");
  CHECK_NOTHROW(ops::linear(c.recorder, x, {w, {}, 10}));
  CHECK_THROWS_WITH_AS(ops::linear(c.recorder, x, {w, {}, 13}), doctest::Contains("[linear] x is [3, 8]"),
                       Error);
  CHECK_THROWS_AS(ops::linear(c.recorder, x, {w, short_bias, 10}), Error);
  CHECK_THROWS_AS(ops::linear(c.recorder, x, {w, {}, 10}, {ops::Activation::none, {}, other}), Error);
  CHECK_THROWS_AS(ops::linear(c.recorder, c.recorder.input({3, 7}, DType::f32, "x"), {w, {}, 10}), Error);
}

}  // namespace
}  // namespace fovea::test
