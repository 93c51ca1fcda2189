#include "runtime/record/recorder.h"

#include <atomic>
#include <chrono>
#include <thread>

#include "runtime/ops/nn/layer_norm.h"
#include "runtime/ops/nn/swiglu.h"
#include "runtime/ops/nn/token_pool.h"
#include "tests/runtime/ops/harness.h"
#include "tests/runtime/vk/clamped_device.h"

namespace fovea::test {
namespace {

// Halves a tensor's last dimension `times` times, so that each step depends on the one before.
Tensor chain(Recorder& r, Tensor x, int times) {
  for (int i = 0; i < times; ++i) x = ops::swiglu(r, x);
  return x;
}

Numbers chained(Numbers x, size_t rows, int times) {
  for (int i = 0; i < times; ++i) x = swiglu(x, rows, x.size() / rows / 2).values;
  return x;
}

constexpr double close = 1e-5;  // of a few chained SwiGLUs of numbers around one

bool near(const Numbers& got, const Numbers& want) {
  if (got.size() != want.size()) return false;
  for (size_t i = 0; i < got.size(); ++i)
    if (!(std::abs(got[i] - want[i]) <= close)) return false;
  return true;
}

TEST_CASE("a program replayed gives equal results, and new ones for new inputs") {
  for (gpu::Device* d : {&device(), &clamped_device()}) {
    Recorder r(*d);
    const Tensor x = r.input({1, 5, 64}, DType::f32, "x");
    const Tensor y = chain(r, x, 3);
    r.output(y);
    Program program = r.finish();
    Numbers first;
    for (int run = 0; run < 3; ++run) {
      const Values values = random_values(x.shape, DType::f32, 1);
      program.write(x, to_bytes(values));
      program.run();
      const Numbers got = read_numbers(program, y);
      CHECK(near(got, chained(values.numbers, 5, 3)));
      if (run == 0) first = got;
      CHECK(got == first);
    }
    const Values other = random_values(x.shape, DType::f32, 2);
    program.write(x, to_bytes(other));
    program.run();
    CHECK(near(read_numbers(program, y), chained(other.numbers, 5, 3)));
    CHECK(read_numbers(program, y) != first);
  }
}

TEST_CASE("several inputs and results, one of them both, through staging and without") {
  for (gpu::Device* d : {&device(), &clamped_device()}) {
    Recorder r(*d);
    const Values va = random_values({1, 3, 20}, DType::f32, 1), vb = random_values({1, 7, 10}, DType::f32, 2);
    const Tensor a = r.input(va.shape, DType::f32, "a"), b = r.input(vb.shape, DType::f32, "b");
    const Tensor ya = ops::swiglu(r, a), yb = ops::swiglu(r, b);
    r.output(yb);
    r.output(ya);
    r.output(b);
    Program program = r.finish();
    program.write(b, to_bytes(vb));
    program.write(a, to_bytes(va));
    program.run();
    CHECK(near(read_numbers(program, ya), chained(va.numbers, 3, 1)));
    CHECK(near(read_numbers(program, yb), chained(vb.numbers, 7, 1)));
    CHECK(read_numbers(program, b) == vb.numbers);
  }
}

TEST_CASE("temporaries share memory, kept tensors do not") {
  const auto arena_of = [](bool keep) {
    Recorder r(device());
    Tensor x = r.input({1, 64, 1024}, DType::f32, "x");
    for (int i = 0; i < 4; ++i) {
      x = ops::swiglu(r, x);
      if (keep) r.keep(x);
    }
    r.output(x);
    return r.finish().arena_bytes();
  };
  // The input 256 KiB; then 128, 64, 32 and 16, of which at most two are alive at once.
  // Bits 8 to 15 of the first three sizes are zero, which a view as texels must not be: 256 bytes more each.
  CHECK(arena_of(true) == (256 + 128 + 64 + 32 + 16) * 1024 + 3 * 256);
  CHECK(arena_of(false) < arena_of(true));
}

TEST_CASE("a second program reads the first one's tensors") {
  const Values values = random_values({2, 5, 24}, DType::f32, 4);
  Recorder first(device());
  const Tensor x = first.input(values.shape, DType::f32, "x");
  const Tensor kept = ops::swiglu(first, x);
  first.keep(kept);
  const Tensor passing = ops::swiglu(first, kept);
  const Tensor result = ops::swiglu(first, passing);
  first.output(result);
  Program producer = first.finish();
  producer.write(x, to_bytes(values));

  Recorder second(device());
  const Tensor mean = ops::token_mean(second, producer.shared(kept), 0);
  second.output(mean);
  Program consumer = second.finish();
  // Without waiting in between: the device orders them.
  producer.submit();
  consumer.run();
  const Numbers want = token_mean(swiglu(values.numbers, 10, 12).values, 2, 5, 12, 0).values;
  CHECK(near(read_numbers(consumer, mean), want));
  CHECK_THROWS_WITH_AS(producer.shared(passing), doctest::Contains("[shared]"), Error);
}

TEST_CASE("splitting submissions changes nothing but their number") {
  const Values values = random_values({1, 17, 256}, DType::f32, 5);
  const auto run = [&](uint64_t flops_per_submission, uint32_t& submissions) {
    Recorder::Options options;
    options.flops_per_submission = flops_per_submission;
    Recorder r(device(), options);
    const Tensor x = r.input(values.shape, DType::f32, "x");
    Tensor y = x;
    for (int i = 0; i < 6; ++i) {
      const Tensor next = r.temporary({1, 17, y.shape[2] / 2}, DType::f32, "y");
      r.dispatch<ops::Swiglu>({y, next}, {17, y.shape[2] / 2}, {}, 1000);
      y = next;
    }
    r.output(y);
    Program program = r.finish();
    CHECK(program.flops() == 6000);
    submissions = program.submissions();
    program.write(x, to_bytes(values));
    program.run();
    program.run();
    return read_numbers(program, y);
  };
  uint32_t one = 0, three = 0, six = 0;
  const Numbers want = run(1'000'000, one);
  CHECK(run(2000, three) == want);
  CHECK(run(1, six) == want);
  CHECK(one == 1);
  CHECK(three == 3);
  CHECK(six == 6);
}

TEST_CASE("a profile has one time a dispatch, across submissions") {
  Recorder::Options options;
  options.profile = true;
  options.flops_per_submission = 2;
  Recorder r(device(), options);
  Tensor x = r.input({1, 64, 2048}, DType::f32, "x");
  const Tensor in = x;
  for (int i = 0; i < 5; ++i) {
    const Tensor y = r.temporary({1, 64, x.shape[2] / 2}, DType::f32, "y");
    r.dispatch<ops::Swiglu>({x, y}, {64, x.shape[2] / 2}, {}, 1);
    x = y;
  }
  r.output(x);
  Program program = r.finish();
  program.write(in, to_bytes(random_values(in.shape, DType::f32, 1)));
  program.run();
  const auto times = program.dispatch_times();
  REQUIRE(times.size() == 5);
  for (const DispatchTime& t : times) {
    CHECK(std::string(t.kernel) == "swiglu");
    CHECK(t.flops == 1);
    CHECK(t.ms >= 0);
    CHECK(t.ms < 1000);
  }
  Recorder plain(device());
  plain.output(ops::swiglu(plain, plain.input({1, 1, 2}, DType::f32, "x")));
  Program unprofiled = plain.finish();
  unprofiled.run();
  CHECK(unprofiled.dispatch_times().empty());
}

TEST_CASE("a program without dispatches runs") {
  for (gpu::Device* d : {&device(), &clamped_device()}) {
    Recorder r(*d);
    const Tensor x = r.input({3}, DType::f32, "x");
    r.output(x);
    Program program = r.finish();
    const Values values = random_values({3}, DType::f32, 1);
    program.write(x, to_bytes(values));
    program.run();
    CHECK(read_numbers(program, x) == values.numbers);
  }
}

TEST_CASE("threads record and run programs of their own on one device") {
  const Values values = random_values({1, 5, 64}, DType::f32, 8);
  const Numbers want = chained(values.numbers, 5, 3);
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int round = 0; round < 10; ++round) {
        Recorder r(device());
        const Tensor x = r.input(values.shape, DType::f32, "x");
        const Tensor y = chain(r, x, 3);
        r.output(y);
        Program program = r.finish();
        program.write(x, to_bytes(values));
        program.run();
        if (near(read_numbers(program, y), want)) ++good;
      }
    });
  for (std::thread& t : threads) t.join();
  CHECK(good == 40);
}

TEST_CASE("a program may be replaced while it runs") {
  const auto record = [](Tensor& x, Tensor& y) {
    Recorder r(device());
    x = r.input({1, 64, 4096}, DType::f32, "x");
    y = chain(r, x, 8);
    r.output(y);
    return r.finish();
  };
  Tensor x, y;
  Program program = record(x, y);
  const Values values = random_values(x.shape, DType::f32, 9);
  for (int i = 0; i < 5; ++i) {
    program.submit();
    program = record(x, y);
  }
  program.write(x, to_bytes(values));
  program.run();
  CHECK(near(read_numbers(program, y), chained(values.numbers, 64, 8)));
}

TEST_CASE("memory is given back") {
  for (gpu::Device* d : {&device(), &clamped_device()}) {
    const uint64_t before = d->memory_bytes();
    for (int i = 0; i < 20; ++i) {
      Recorder r(*d);
      r.output(ops::swiglu(r, r.input({1, 64, 2048}, DType::f32, "x")));
      Program program = r.finish();
      program.submit();
      CHECK(d->memory_bytes() > before);
    }
    CHECK(d->memory_bytes() == before);
    CHECK(d->peak_memory_bytes() >= 64 * 2048 * 4);
  }
}

TEST_CASE("reading waits for the run, and a program that never ran has no times") {
  Recorder::Options options;
  options.profile = true;
  Recorder r(device(), options);
  const Tensor x = r.input({1, 64, 4096}, DType::f32, "x");
  const Tensor y = chain(r, x, 8);
  r.output(y);
  Program program = r.finish();
  CHECK(program.dispatch_times().empty());
  const Values values = random_values(x.shape, DType::f32, 9);
  program.write(x, to_bytes(values));
  program.submit();
  CHECK(near(read_numbers(program, y), chained(values.numbers, 64, 8)));
  program.submit();
  CHECK(program.dispatch_times().size() == 8);
}

TEST_CASE("the first dispatch is not charged for the copy of the inputs") {
  Recorder::Options options;
  options.profile = true;
  Recorder r(clamped_device(), options);
  const Tensor large = r.input({1, 1, 16 << 20}, DType::f32, "large"),
               x = r.input({1, 1, 2}, DType::f32, "x");
  r.output(ops::swiglu(r, x));
  Program program = r.finish();
  program.write(large, std::vector<std::byte>(large.bytes()));
  program.run();
  const auto start = std::chrono::steady_clock::now();
  program.run();
  const auto ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  const auto times = program.dispatch_times();
  if (!times.empty()) CHECK(times.at(0).ms < ms / 2);
}

TEST_CASE("a tensor of another recording is refused, not taken for one of this") {
  Recorder first(device()), second(device());
  const Tensor x = first.input({1, 1, 2}, DType::f32, "x"), y = ops::swiglu(first, x);
  first.output(y);
  const Tensor own = second.input({1, 1, 2}, DType::f32, "own"), result = ops::swiglu(second, own);
  second.output(result);
  const auto other = [](const char* operation) {
    return doctest::Contains(
        fmt::format("[{}] a tensor of another recording: use Program::shared", operation).c_str());
  };
  CHECK_THROWS_WITH_AS(ops::swiglu(second, x), other("swiglu"), Error);
  CHECK_THROWS_WITH_AS(second.output(x), other("output"), Error);
  CHECK_THROWS_WITH_AS(second.keep(x), other("keep"), Error);
  CHECK_THROWS_WITH_AS(second.preset(x), other("preset"), Error);
  const Program producer = first.finish();
  Program consumer = second.finish();
  std::vector<std::byte> eight(8), four(4);
  CHECK_THROWS_WITH_AS(consumer.write(x, eight), other("write"), Error);
  CHECK_THROWS_WITH_AS(consumer.read(y, four), other("read"), Error);
  CHECK_THROWS_WITH_AS(consumer.shared(x), other("shared"), Error);
  CHECK_NOTHROW(producer.shared(x));
}

TEST_CASE("the plan names every tensor") {
  Recorder r(device());
  r.output(ops::swiglu(r, r.input({1, 3, 8}, DType::f32, "pixels")));
  const Program program = r.finish();
  CHECK(program.memory_plan().find("pixels [1, 3, 8] f32") != std::string::npos);
  CHECK(program.memory_plan().find("swiglu [1, 3, 4] f32") != std::string::npos);
}

TEST_CASE("plans, profiles and errors name the layer") {
  Recorder::Options options;
  options.profile = true;
  Recorder r(device(), options);
  Tensor x = r.input({1, 3, 16}, DType::f32, "pixels");
  {
    const auto block = r.scope("blocks.3");
    x = ops::swiglu(r, x);
    {
      const auto layer = r.scope("blocks.3.mlp");
      const auto unnamed = r.scope("");
      x = ops::swiglu(r, x);
      CHECK_THROWS_WITH_AS(ops::swiglu(r, r.temporary({1, 2, 3}, DType::f32, "odd")),
                           "[swiglu] blocks.3.mlp: x is [1, 2, 3]", Error);
      CHECK_THROWS_WITH_AS(r.temporary({0}, DType::f32, "hollow"),
                           "[hollow] blocks.3.mlp: [0] has no elements", Error);
    }
    x = ops::swiglu(r, x);
  }
  CHECK_THROWS_WITH_AS(ops::swiglu(r, r.temporary({1, 2, 3}, DType::f32, "odd")), "[swiglu] x is [1, 2, 3]",
                       Error);
  x = ops::swiglu(r, x);
  r.output(x);
  Program program = r.finish();
  for (const char* line : {"pixels [1, 3, 16] f32\n", "swiglu [1, 3, 8] f32 of blocks.3\n",
                           "swiglu [1, 3, 4] f32 of blocks.3.mlp\n", "swiglu [1, 3, 2] f32 of blocks.3\n",
                           "swiglu [1, 3, 1] f32\n"}) {
    INFO(std::string(line));
    CHECK(program.memory_plan().find(line) != std::string::npos);
  }
  program.run();
  std::vector<std::string> layers;
  for (const DispatchTime& t : program.dispatch_times()) layers.push_back(t.layer);
  CHECK(layers == std::vector<std::string>{"blocks.3", "blocks.3.mlp", "blocks.3", ""});
}

TEST_CASE("a layer's name is of one thread, and gone after an error") {
  Recorder r(device());
  CHECK_THROWS([&] {
    const auto scope = r.scope("outer");
    throw Error(ErrorKind::usage, "left by an error");
  }());
  CHECK(LayerScope::current().empty());
  const auto scope = r.scope("here");
  std::string there = "not asked";
  std::thread([&] { there = LayerScope::current(); }).join();
  CHECK(there.empty());
  CHECK(LayerScope::current() == "here");
}

TEST_CASE("reading and writing demand the right tensor and size") {
  Recorder r(device());
  const Tensor x = r.input({1, 3, 8}, DType::f32, "x");
  const Tensor y = ops::swiglu(r, x);
  r.output(y);
  Program program = r.finish();
  std::vector<std::byte> right(96), wrong(95);
  CHECK_NOTHROW(program.write(x, right));
  CHECK_THROWS_WITH_AS(program.write(x, wrong), doctest::Contains("95 bytes for an input [1, 3, 8] of 96"),
                       Error);
  CHECK_THROWS_AS(program.write(y, right), Error);
  CHECK_THROWS_AS(program.read(x, right), Error);
  CHECK_THROWS_WITH_AS(program.read(y, wrong), doctest::Contains("95 bytes from a result [1, 3, 4] of 48"),
                       Error);
}

TEST_CASE("what the device cannot hold or run is refused") {
  Recorder r(device());
  CHECK_THROWS_WITH_AS(r.temporary({3, 0}, DType::f32, "hollow"),
                       doctest::Contains("[hollow] [3, 0] has no elements"), Error);
  try {
    r.temporary({UINT32_MAX, UINT32_MAX, UINT32_MAX}, DType::f32, "huge");
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::unsupported);
    CHECK(std::string(error.what()).find("[huge] [4294967295, 4294967295, 4294967295] f32 needs") == 0);
  }
  const Tensor x = r.temporary({1, 1, 2}, DType::f32, "x"), y = r.temporary({1, 1, 1}, DType::f32, "y");
  // The grid's middle number is the number of rows up to 65535 and its last the rest.
  CHECK_THROWS_WITH_AS(r.dispatch<ops::Swiglu>({x, y}, {UINT32_MAX, UINT32_MAX}),
                       doctest::Contains("[swiglu] a grid of"), Error);
  CHECK_THROWS_WITH_AS(r.dispatch<ops::Swiglu>({x, Tensor{}}, {1, 1}),
                       doctest::Contains("[swiglu] a binding has no tensor"), Error);
  // Either the tensor is too large for any binding or for one of texels.
  const uint64_t texels = device().limits().max_texel_elements;
  if (texels < UINT32_MAX / 4)
    CHECK_THROWS_AS(
        [&] {
          const auto width = static_cast<uint32_t>(texels);
          const Tensor wide = r.temporary({5, width}, DType::f32, "wide");
          const Tensor four = r.temporary({4}, DType::f32, "four");
          r.dispatch<ops::LayerNormTexel>({wide, four, four, wide}, {1, 4, 1, 4, 0, 0, 4, 0, 0, 1e-6F});
        }(),
        Error);
  CHECK_THROWS_AS(r.output(r.input({1}, DType::f32, "x").reshaped({2})), Error);
}

}  // namespace
}  // namespace fovea::test
