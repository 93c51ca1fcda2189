#include "runtime/ops/conv/conv.h"

#include "tests/reference/conv.h"
#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

struct Epilogue {
  int activation = 0;
  bool bias = false, scale = false, residual = false;
  int final = 0;
};
constexpr Epilogue plain{}, everything{6, true, true, true, 4};

ops::Window window_of(const ConvCase& s) {
  const auto n = [](size_t value) { return static_cast<uint32_t>(value); };
  return {n(s.rows), n(s.cols), n(s.stride), n(s.dilation), n(s.top), n(s.left), n(s.bottom), n(s.right)};
}

std::string describe(const ConvCase& s) {
  return fmt::format("images {} {}x{} {} -> {} groups {} window {}", s.images, s.height, s.width, s.inputs,
                     s.columns, s.groups, to_string(window_of(s)));
}

// One convolution through `record`, which is given the operands and returns y.
struct ConvOperands {
  Values x, w, bias, scale, residual;
  Shape out;

  ConvOperands(const ConvCase& s, DType dtype) {
    const auto n = [](size_t value) { return static_cast<uint32_t>(value); };
    out = {n(s.images), n(s.out_height()), n(s.out_width()), n(s.columns)};
    x = random_values({n(s.images), n(s.height), n(s.width), n(s.inputs)}, dtype, 1);
    w = random_values({n(s.columns), n(s.inputs / s.groups), n(s.rows), n(s.cols)}, dtype, 2);
    bias = random_values({n(s.columns)}, DType::f32, 3);
    scale = random_values({n(s.columns)}, DType::f32, 4);
    residual = random_values(out, dtype, 5);
  }

  Expected expected(const ConvCase& s, const Epilogue& e) const {
    return conv(x.numbers, w.numbers, s,
                {e.activation, e.bias ? &bias.numbers : nullptr, e.scale ? &scale.numbers : nullptr,
                 e.residual ? &residual.numbers : nullptr, e.final});
  }
};

// Tensors as the kernels read them; weights packed by the library, whose layout is thereby tested too.
struct ConvBound {
  Tensor x;
  ops::ConvWeights weights;
  ops::LinearOptions options;

  ConvBound(Case& c, const ConvOperands& o, const ConvCase& s, const Epilogue& e) {
    const auto inputs = static_cast<uint32_t>(s.inputs), columns = static_cast<uint32_t>(s.columns),
               groups = static_cast<uint32_t>(s.groups), padded = (columns + 3) / 4 * 4;
    const ops::Window window = window_of(s);
    const auto packed = ops::pack_conv(o.w.floats(), columns, inputs / groups, inputs / groups, window);
    const auto vector = [&](const Values& v) {
      const auto fours = ops::pad_to_fours(v.floats());
      return c.input(values_of({padded}, DType::f32, {fours.begin(), fours.end()}));
    };
    x = c.input(o.x);
    weights = {c.input(values_of({static_cast<uint32_t>(packed.size() / padded), padded}, o.w.dtype,
                                 {packed.begin(), packed.end()})),
               e.bias ? vector(o.bias) : Tensor{},
               inputs,
               columns,
               groups,
               window};
    options = {static_cast<ops::Activation>(e.activation), e.scale ? vector(o.scale) : Tensor{},
               e.residual ? c.input(o.residual) : Tensor{}, static_cast<ops::Activation>(e.final)};
  }
};

void check_conv(const ConvCase& s, const Epilogue& e) {
  for (const DType dtype : storage_types()) {
    CAPTURE(name_of(dtype));
    CAPTURE(describe(s));
    const ConvOperands o(s, dtype);
    Case c;
    const ConvBound b(c, o, s, e);
    const Tensor y = ops::conv(c.recorder, b.x, b.weights, b.options);
    CHECK(y.shape == o.out);
    check_close(c.run(y), o.expected(s, e), dtype);
  }
}

// Windows that between them have every stride, dilation and uneven padding.
std::vector<ConvCase> windows(size_t height, size_t width) {
  std::vector<ConvCase> out;
  for (const ConvCase& w : std::initializer_list<ConvCase>{
           {.rows = 1, .cols = 1, .stride = 1},
           {.rows = 1, .cols = 1, .stride = 2},
           {.rows = 3, .cols = 3, .stride = 1, .top = 1, .left = 1, .bottom = 1, .right = 1},
           {.rows = 3, .cols = 3, .stride = 2, .top = 0, .left = 0, .bottom = 1, .right = 1},
           {.rows = 3, .cols = 3, .dilation = 2, .top = 2, .left = 2, .bottom = 2, .right = 2},
           {.rows = 7, .cols = 7, .stride = 4, .top = 3, .left = 3, .bottom = 3, .right = 3},
           {.rows = 5, .cols = 5, .stride = 3, .top = 2, .left = 4, .bottom = 2, .right = 0},
           {.rows = 2, .cols = 5, .stride = 2, .top = 1, .left = 3, .bottom = 0, .right = 1}}) {
    ConvCase c = w;
    c.height = height;
    c.width = width;
    out.push_back(c);
  }
  return out;
}

TEST_CASE("conv over channel counts and windows") {
  for (const auto& [height, width] : {std::pair<size_t, size_t>{1, 1}, {7, 13}})
    for (ConvCase s : windows(height, width)) {
      if (height + s.top + s.bottom < s.rows || width + s.left + s.right < s.cols) continue;
      s.images = 2;
      for (const auto& [inputs, columns] :
           {std::pair<size_t, size_t>{1, 1}, {3, 5}, {4, 8}, {5, 17}, {17, 3}, {12, 20}, {64, 36}}) {
        s.inputs = inputs;
        s.columns = columns;
        check_conv(s, inputs == 12 || inputs == 17 ? everything : plain);
      }
    }
}

TEST_CASE("conv with groups") {
  for (ConvCase s : windows(7, 13)) {
    struct Grouping {
      size_t inputs, columns, groups;
    };
    for (const auto& [inputs, columns, groups] : {Grouping{6, 9, 3},
                                                  {10, 5, 5},
                                                  {16, 24, 2},
                                                  {32, 32, 4},
                                                  {8, 40, 2},
                                                  {96, 144, 3},
                                                  {5, 10, 5},
                                                  {6, 24, 6}}) {
      s.inputs = inputs;
      s.columns = columns;
      s.groups = groups;
      check_conv(s, inputs == 16 || inputs == 10 ? everything : plain);
    }
  }
}

TEST_CASE("depthwise conv") {
  for (const auto& [height, width] : {std::pair<size_t, size_t>{1, 1}, {7, 13}, {5, 9}})
    for (ConvCase s : windows(height, width)) {
      if (height + s.top + s.bottom < s.rows || width + s.left + s.right < s.cols) continue;
      for (const size_t channels : {1, 3, 5, 16, 68}) {
        s.inputs = s.columns = s.groups = channels;
        check_conv(s, channels == 5 || channels == 16 ? everything : plain);
      }
    }
}

TEST_CASE("conv with every activation, before and after the residual") {
  for (const auto& [inputs, columns, groups] :
       {std::array<size_t, 3>{8, 12, 1}, {5, 6, 1}, {16, 8, 2}, {8, 8, 8}}) {
    ConvCase s{.height = 4, .width = 6, .inputs = inputs, .columns = columns, .groups = groups};
    s.rows = s.cols = 3;
    s.top = s.left = s.bottom = s.right = 1;
    for (int activation = 0; activation < 9; ++activation)
      check_conv(s, {activation, true, false, true, 8 - activation});
  }
}

TEST_CASE("conv rejects what does not fit") {
  Case c;
  Recorder& r = c.recorder;
  const Tensor x = r.input({1, 5, 6, 8}, DType::f32, "x");
  const Tensor w = r.input({72, 12}, DType::f32, "w");
  const ops::Window window = ops::Window::square(3, 1, 1);
  CHECK_NOTHROW(ops::conv(r, x, {w, {}, 8, 12, 1, window}));
  CHECK_THROWS_WITH_AS(ops::conv(r, x, {w, {}, 8, 13, 1, window}),
                       doctest::Contains("[conv] x is [1, 5, 6, 8] f32, w is [72, 12] f32 for 8 inputs, 13"),
                       Error);
  CHECK_THROWS_AS(ops::conv(r, x, {w, {}, 4, 12, 1, window}), Error);
  CHECK_THROWS_AS(ops::conv(r, x, {w, {}, 8, 12, 0, window}), Error);
  CHECK_THROWS_AS(ops::conv(r, x, {w, {}, 8, 12, 3, window}), Error);
  CHECK_THROWS_AS(ops::conv(r, x, {w, {}, 8, 12, 1, ops::Window::square(3, 0, 1)}), Error);
  CHECK_THROWS_AS(ops::conv(r, x, {w, {}, 8, 12, 1, ops::Window::square(3, 1, 1, 0)}), Error);
  CHECK_THROWS_AS(ops::conv(r, x, {w, {}, 8, 12, 1, ops::Window::square(3, 1, 1, 4)}), Error);
  CHECK_THROWS_AS(ops::conv(r, x, {w, {}, 8, 12, 1, ops::Window::square(3, 1, UINT32_MAX)}), Error);
  const Tensor small = r.input({1, 5, 6, 8}, DType::f32, "residual"), bias = r.input({8}, DType::f32, "bias");
  CHECK_THROWS_AS(ops::conv(r, x, {w, {}, 8, 12, 1, window}, {ops::Activation::none, {}, small}), Error);
  CHECK_THROWS_AS(ops::conv(r, x, {w, bias, 8, 12, 1, window}), Error);
}

}  // namespace
}  // namespace fovea::test
