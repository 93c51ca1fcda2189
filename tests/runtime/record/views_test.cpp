// Views of temporaries, and copies.
#include "runtime/ops/nn/layer_norm.h"
#include "runtime/ops/nn/swiglu.h"
#include "runtime/ops/nn/token_pool.h"
#include "tests/reference/layers.h"
#include "tests/runtime/ops/harness.h"
#include "tests/runtime/vk/clamped_device.h"

namespace fovea::test {
namespace {

// Rows of it, and of its half, begin where every device binds: at multiples of 256 bytes.
constexpr uint32_t width = 128;

TEST_CASE("kernels read and write views of temporaries as they do whole ones") {
  for (gpu::Device* d : {&device(), &clamped_device()}) {
    const Values values = random_values({6, 5, width}, DType::f32, 1);
    Recorder r(*d);
    const Tensor x = r.input(values.shape, DType::f32, "x");
    const Tensor all = r.temporary({6, 5, width / 2}, DType::f32, "all");
    // Image by image in an odd order, each into its own part.
    for (const uint32_t i : {3U, 0U, 5U, 1U, 4U, 2U}) {
      const Tensor from = x.slice(i, 1), to = all.slice(i, 1);
      r.dispatch<ops::Swiglu>({from, to}, {5, width / 2});
    }
    r.output(all);
    const Tensor mean = ops::token_mean(r, all.slice(2, 2));
    r.output(mean);
    Program program = r.finish();
    program.write(x, to_bytes(values));
    program.run();
    const Expected whole = swiglu(values.numbers, 30, width / 2);
    check_close(read_numbers(program, all), whole, DType::f32);
    const size_t image = 5 * width / 2;
    check_close(read_numbers(program, all.slice(4, 1)),
                {{whole.values.begin() + 4 * image, whole.values.begin() + 5 * image},
                 {whole.bounds.begin() + 4 * image, whole.bounds.begin() + 5 * image}},
                DType::f32);
    const Numbers two(whole.values.begin() + 2 * image, whole.values.begin() + 4 * image);
    Expected want = token_mean(two, 2, 5, width / 2, 0);
    for (double& b : want.bounds) b += 1e-6;
    check_close(read_numbers(program, mean), want, DType::f32);
  }
}

TEST_CASE("parts of an input are written and read by themselves") {
  for (gpu::Device* d : {&device(), &clamped_device()}) {
    Recorder r(*d);
    const Tensor x = r.input({2, 3}, DType::f32, "x");
    r.output(x);
    Program program = r.finish();
    const Values low = random_values({3}, DType::f32, 1), high = random_values({3}, DType::f32, 2);
    program.write(x.slice(1, 1), to_bytes(high));
    program.write(x.part(0, {3}), to_bytes(low));
    program.run();
    CHECK(read_numbers(program, x.slice(0, 1)) == low.numbers);
    CHECK(read_numbers(program, x.slice(1, 1)) == high.numbers);
    const std::vector<float> floats = program.read_floats(x.slice(1, 1));
    CHECK(Numbers(floats.begin(), floats.end()) == high.numbers);
  }
}

TEST_CASE("what overlaps waits, views of the same temporary included") {
  // A chain through one temporary: each step reads the part that the step before wrote.
  const Values values = random_values({1, 1, 2 * width}, DType::f32, 4, 2);
  Recorder r(device());
  const Tensor x = r.input(values.shape, DType::f32, "x");
  const Tensor all = r.temporary({4, 1, 2 * width}, DType::f32, "all");
  r.copy(x, all.slice(0, 1));
  for (uint32_t i = 0; i < 3; ++i) {
    const Tensor half = all.part(2 * width * (i + 1), {1, 1, width});
    r.dispatch<ops::Swiglu>({all.slice(i, 1), half}, {1, width});
    r.copy(half, all.part(2 * width * (i + 1) + width, {1, 1, width}));
  }
  r.output(all);
  Program program = r.finish();
  program.write(x, to_bytes(values));
  program.run();
  Numbers row = values.numbers;
  for (int i = 0; i < 3; ++i) {
    row = swiglu(row, 1, width).values;
    row.insert(row.end(), row.begin(), row.begin() + width);
  }
  const Numbers got = read_numbers(program, all.slice(3, 1));
  for (size_t i = 0; i < row.size(); ++i) CHECK(std::abs(got[i] - row[i]) <= 1e-5);
}

TEST_CASE("a view must lie in its tensor and begin where the device binds") {
  Recorder r(clamped_device());
  const Tensor x = r.input({4, 3}, DType::f32, "x");
  CHECK_THROWS_WITH_AS(x.slice(3, 2), "[slice] 2 from 3 on of [4, 3]", Error);
  CHECK_THROWS_AS(x.slice(0, 0), Error);
  CHECK_THROWS_AS(x.slice(UINT32_MAX, 2), Error);
  CHECK_THROWS_WITH_AS(x.part(11, {2}), "[part] [2] from element 11 on does not lie in [4, 3]", Error);
  CHECK_THROWS_AS(x.part(UINT64_MAX, {2}), Error);
  const Tensor y = r.temporary({1, 1, 1}, DType::f32, "y");
  const auto scope = r.scope("blocks.1");
  CHECK_THROWS_WITH_AS(r.dispatch<ops::Swiglu>({x.part(4, {1, 1, 2}), y}, {1, 1}),
                       doctest::Contains("[swiglu] blocks.1: a view [1, 1, 2] begins at byte 16, the device "
                                         "binds at multiples of 256"),
                       Error);
  CHECK(r.bindable(x, "x").id == x.id);
  CHECK(r.bindable(x.part(4, {2}), "copy").id != x.id);
}

TEST_CASE("a shape larger than what the tensor holds is refused") {
  Recorder r(device());
  Tensor x = r.input({1, 1, 2}, DType::f32, "x");
  const Tensor y = r.temporary({1, 1, 64}, DType::f32, "y");
  r.output(x);
  x.shape = {1, 1, 128};
  CHECK_THROWS_WITH_AS(r.dispatch<ops::Swiglu>({x, y}, {1, 64}),
                       doctest::Contains("[swiglu] [1, 1, 128] f32 from byte 0 on, where there are 8 bytes"),
                       Error);
  Program program = r.finish();
  std::vector<std::byte> bytes(512);
  CHECK_THROWS_WITH_AS(program.write(x, bytes), doctest::Contains("[write] [1, 1, 128] f32"), Error);
  CHECK_THROWS_WITH_AS(program.read(x, bytes), doctest::Contains("[read] [1, 1, 128] f32"), Error);
}

TEST_CASE("a copy refuses other types, other sizes and itself") {
  Recorder r(device());
  const Tensor x = r.temporary({8}, DType::f32, "x"), y = r.temporary({7}, DType::f32, "y"),
               u = r.temporary({8}, DType::u32, "u");
  CHECK_THROWS_WITH_AS(r.copy(x, y), doctest::Contains("[copy] [8] f32 to [7] f32"), Error);
  CHECK_THROWS_AS(r.copy(x, u), Error);
  CHECK_THROWS_WITH_AS(r.copy(x.part(0, {4}), x.part(3, {4})), doctest::Contains("of the same tensor"),
                       Error);
  CHECK_NOTHROW(r.copy(x.part(0, {4}), x.part(4, {4})));
}

TEST_CASE("a type that a kernel is not compiled for is refused") {
  Recorder r(device());
  for (const DType dtype : {DType::bf16, DType::s8, DType::u8}) {
    const Tensor x = r.temporary({1, 1, 8}, dtype, "x");
    CHECK_THROWS_WITH_AS(ops::swiglu(r, x),
                         doctest::Contains(fmt::format("[swiglu] binding 0 is [1, 1, 8] {}, which the kernel "
                                                       "is not compiled for",
                                                       to_string(dtype))
                                               .c_str()),
                         Error);
  }
}

}  // namespace
}  // namespace fovea::test
