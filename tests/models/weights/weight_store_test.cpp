#include "models/weights/weight_store.h"

#include "runtime/ops/nn/swiglu.h"
#include "tests/runtime/ops/harness.h"
#include "tests/runtime/vk/clamped_device.h"

namespace fovea::test {
namespace {

TEST_CASE("weights added after others were sent leave them as they are") {
  for (gpu::Device* d : {&device(), &clamped_device()}) {
    WeightStore store(*d, DType::f32);
    std::vector<Values> values;
    std::vector<Tensor> weights;
    for (uint32_t i = 0; i < 4; ++i) {
      values.push_back(random_values({1, 3 + i, 10}, DType::f32, i));
      weights.push_back(store.vector(values.back().floats(), values.back().shape));
      if (i != 1) store.finish();  // the second and the third go together
    }
    Recorder r(*d);
    std::vector<Tensor> results;
    for (const Tensor& w : weights) {
      results.push_back(ops::swiglu(r, w));
      r.output(results.back());
    }
    Program program = r.finish();
    program.run();
    for (uint32_t i = 0; i < 4; ++i) {
      CAPTURE(i);
      check_close(read_numbers(program, results[i]), swiglu(values[i].numbers, 3 + i, 5), DType::f32);
    }
  }
}

TEST_CASE("weights are stored as types that floats are converted to, and as no other") {
  const std::vector<float> values(6, 1);
  CHECK_THROWS_AS(WeightStore(device(), DType::s8).matrix(values, {6}), Error);
  CHECK_THROWS_AS(WeightStore(device(), DType::f32).matrix(values, {7}), Error);
  CHECK(WeightStore(device(), DType::f16).matrix(values, {6}).bytes() == 12);
}

TEST_CASE("weights take the memory that is expected of them, and as much again as they need beyond it") {
  const std::vector<float> values(1 << 20, 1);  // 4 MiB
  WeightStore expected(device(), DType::f32, (8 << 20) + 100);
  for (int i = 0; i < 2; ++i) expected.matrix(values, {1 << 10, 1 << 10});
  CHECK(expected.bytes() == (8 << 20) + 100);
  expected.vector(std::vector<float>(100, 1), {100});
  CHECK(expected.bytes() == (8 << 20) + 100 + (1 << 20));
  WeightStore unknown(device(), DType::f32);
  unknown.matrix(values, {1 << 10, 1 << 10});
  CHECK(unknown.bytes() == 4 << 20);
}

}  // namespace
}  // namespace fovea::test
