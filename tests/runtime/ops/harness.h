// Makes a kernel's test case short: fill, run, compare.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <memory>
#include <random>
#include <vector>

#include "core/half.h"
#include "runtime/record/recorder.h"
#include "runtime/vk/device.h"
#include "tests/reference/basics.h"

namespace fovea::test {

// The device under test. None is a failure, never a skip.
inline gpu::Device& device() {
  static const std::shared_ptr<gpu::Device> opened = gpu::Device::open("");
  return *opened;
}

inline std::vector<DType> storage_types() {
  if (device().info().fp16_storage) return {DType::f32, DType::f16};
  static const bool said = [] {
    MESSAGE("no fp16 storage on ", device().info().name, ": fp16 cases are not run");
    return true;
  }();
  static_cast<void>(said);
  return {DType::f32};
}

inline std::string name_of(DType dtype) {  // doctest prints const char* as an address
  return to_string(dtype);
}

// Subgroups that the texel kernels with shuffles can work with.
inline bool has_shuffles() {
  const DeviceInfo& info = device().info();
  if (info.subgroup_shuffle && info.subgroup_size >= 4) return true;
  static const bool said = [] {
    MESSAGE("no subgroups on ", device().info().name, ": kernels with shuffles are not run");
    return true;
  }();
  static_cast<void>(said);
  return false;
}

// Numbers that the storage type holds exactly, so that kernel and reference see the same.
struct Values {
  Shape shape;
  DType dtype = DType::f32;
  Numbers numbers;
  std::vector<float> floats() const { return {numbers.begin(), numbers.end()}; }
};

inline double stored(double value, DType dtype) {
  const auto single = static_cast<float>(value);
  return dtype == DType::f16 ? half_to_float(float_to_half(single)) : single;
}

inline Values values_of(const Shape& shape, DType dtype, const Numbers& numbers) {
  Values out{shape, dtype, numbers};
  for (double& n : out.numbers) n = stored(n, dtype);
  return out;
}

// Uniform in mean ± spread.
inline Values random_values(const Shape& shape, DType dtype, uint32_t seed, double spread = 1,
                            double mean = 0) {
  std::mt19937 random(seed);
  Numbers numbers(shape.elements());
  for (double& n : numbers) n = mean + spread * (static_cast<double>(random()) * 0x1p-31 - 1);
  return values_of(shape, dtype, numbers);
}

inline std::vector<std::byte> to_bytes(const Values& v) {
  std::vector<std::byte> out(v.numbers.size() * element_bytes(v.dtype));
  for (size_t i = 0; i < v.numbers.size(); ++i) {
    const auto single = static_cast<float>(v.numbers[i]);
    const uint16_t half = float_to_half(single);
    if (v.dtype == DType::f16)
      std::memcpy(&out[i * 2], &half, 2);
    else
      std::memcpy(&out[i * 4], &single, 4);
  }
  return out;
}

inline Numbers to_numbers(std::span<const std::byte> bytes, DType dtype) {
  Numbers out(bytes.size() / element_bytes(dtype));
  for (size_t i = 0; i < out.size(); ++i) {
    float single = 0;
    uint16_t half = 0;
    if (dtype == DType::u32) {
      uint32_t word = 0;
      std::memcpy(&word, &bytes[i * 4], 4);
      out[i] = word;
      continue;
    }
    if (dtype == DType::f16) {
      std::memcpy(&half, &bytes[i * 2], 2);
      single = half_to_float(half);
    } else {
      std::memcpy(&single, &bytes[i * 4], 4);
    }
    out[i] = double{single};
  }
  return out;
}

// What was read of a u32 tensor.
inline std::vector<uint32_t> to_words(const Numbers& numbers) {
  return {numbers.begin(), numbers.end()};
}

inline Numbers read_numbers(const Program& program, const Tensor& t) {
  std::vector<std::byte> bytes(t.bytes());
  program.read(t, bytes);
  return to_numbers(bytes, t.dtype);
}

// One recording, run once.
class Case {
 public:
  explicit Case(const Recorder::Options& options = {}) : recorder(device(), options) {}

  Recorder recorder;
  Tensor input(const Values& v) {
    const Tensor t = recorder.input(v.shape, v.dtype, "test input");
    inputs_.push_back({t, to_bytes(v)});
    return t;
  }
  // A u32 input, such as indices.
  Tensor input(const Shape& shape, const std::vector<uint32_t>& values) {
    const Tensor t = recorder.input(shape, DType::u32, "test indices");
    const auto bytes = std::as_bytes(std::span(values));
    inputs_.push_back({t, {bytes.begin(), bytes.end()}});
    return t;
  }
  std::vector<Numbers> run(std::initializer_list<Tensor> results) {
    for (const Tensor& t : results) recorder.output(t);
    Program program = recorder.finish();
    for (const auto& [t, bytes] : inputs_) program.write(t, bytes);
    program.run();
    std::vector<Numbers> out;
    for (const Tensor& t : results) out.push_back(read_numbers(program, t));
    return out;
  }
  Numbers run(const Tensor& result) { return run({result}).front(); }

 private:
  std::vector<std::pair<Tensor, std::vector<std::byte>>> inputs_;
};

// A device may flush numbers below 2^-126. Storing as fp16 rounds to 11 bits in a direction the driver
// chooses, subnormals to multiples of 2^-24.
inline double storage_bound(double value, DType dtype) {
  return dtype == DType::f16 ? 0x1p-10 * std::abs(value) + 0x1p-24 : 0x1p-126;
}

inline void check_close(const Numbers& got, const Expected& want, DType dtype) {
  REQUIRE(got.size() == want.values.size());
  double worst = 0;
  size_t at = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const double off = std::abs(got[i] - want.values[i]);
    const double allowed = want.bounds[i] + storage_bound(std::abs(want.values[i]) + want.bounds[i], dtype);
    double ratio = off == 0 ? 0 : off / allowed;
    if (std::isnan(ratio)) ratio = std::numeric_limits<double>::infinity();
    if (ratio <= worst) continue;
    worst = ratio;
    at = i;
  }
  INFO("element ", at, " of ", got.size(), ": got ", got[at], ", want ", want.values[at], " ± ",
       want.bounds[at] + storage_bound(want.values[at], dtype));
  CHECK(worst <= 1.0);
}

}  // namespace fovea::test
