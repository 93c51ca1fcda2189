#include "runtime/tune/tuner.h"

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>

#include "runtime/ops/nn/swiglu.h"
#include "tests/runtime/ops/harness.h"
#include "tests/runtime/vk/clamped_device.h"

namespace fovea::test {
namespace {

constexpr uint32_t rows = 64, hidden = 256;
// Enough that a busy machine cannot make the fast one slower: one dispatch may wait milliseconds for a core.
constexpr int slow_repeats = 400;

// y = swiglu(x) by one dispatch, repeated to take longer, or of half the rows: faster and wrong.
struct Bench {
  Bench() : values(random_values({1, rows, 2 * hidden}, DType::f32, 1)), x(std::make_shared<Tensor>()) {
    static int serial = 0;
    trial.key = fmt::format("tuner test {} {}", getpid(), serial++);
    trial.fill = [this](Program& p) { p.write(*x, to_bytes(values)); };
    trial.correct = [this](const Program& p, const Tensor& y) {
      const Numbers got = read_numbers(p, y), want = swiglu(values.numbers, rows, hidden).values;
      for (size_t i = 0; i < got.size(); ++i)
        if (!(std::abs(got[i] - want[i]) < 1e-5)) return false;
      return true;
    };
  }
  void add(const std::string& name, uint32_t computed_rows, int repeats) {
    trial.candidates.push_back({name, [this, computed_rows, repeats](Recorder& r) {
                                  ++recorded;
                                  *x = r.input(values.shape, DType::f32, "x");
                                  const Tensor y = r.temporary({1, rows, hidden}, DType::f32, "y");
                                  for (int i = 0; i < repeats; ++i)
                                    r.dispatch<ops::Swiglu>({*x, y}, {computed_rows, hidden});
                                  return y;
                                }});
  }
  Values values;
  std::shared_ptr<Tensor> x;
  Trial trial;
  int recorded = 0;
};

TEST_CASE("the fastest correct candidate is chosen, never a faster wrong one") {
  Bench b;
  b.add("slow", rows, slow_repeats);
  b.add("wrong", rows / 2, 1);
  b.add("fast", rows, 2);
  CHECK(choose(Recorder(device()), b.trial) == 2);
}

TEST_CASE("a choice is stored and used again without measuring") {
  Bench b;
  b.add("slow", rows, slow_repeats);
  b.add("fast", rows, 1);
  CHECK(choose(Recorder(device()), b.trial) == 1);
  CHECK(b.recorded == 2);
  CHECK(choose(Recorder(device()), b.trial) == 1);
  CHECK(b.recorded == 2);
  CHECK(device().choices().find(b.trial.key) == "fast");
  // By name, not by place.
  std::swap(b.trial.candidates[0], b.trial.candidates[1]);
  CHECK(choose(Recorder(device()), b.trial) == 0);
  CHECK(b.recorded == 2);
}

TEST_CASE("a stored choice that exists no more is measured anew") {
  Bench b;
  device().choices().store(b.trial.key, "gone");
  b.add("slow", rows, slow_repeats);
  b.add("fast", rows, 1);
  CHECK(choose(Recorder(device()), b.trial) == 1);
  CHECK(device().choices().find(b.trial.key) == "fast");
}

TEST_CASE("a candidate that leaves another one's result in place is not correct") {
  for (int round = 0; round < 5; ++round) {
    Bench b;
    b.add("right", rows, 20);  // its memory is freed and taken up by the next
    b.add("nothing", 1, 1);
    CHECK(choose(Recorder(device()), b.trial) == 0);
  }
}

TEST_CASE("no correct candidate is an error") {
  Bench b;
  b.add("half", rows / 2, 1);
  b.add("quarter", rows / 4, 1);
  try {
    choose(Recorder(device()), b.trial);
    FAIL_CHECK("no error");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::unsupported);
    CHECK(std::string(error.what()).find(b.trial.key) != std::string::npos);
  }
  CHECK(!device().choices().find(b.trial.key).has_value());
}

// A candidate that throws instead of recording.
void add_failing(Bench& b, ErrorKind kind) {
  b.trial.candidates.push_back(
      {"failing", [kind](Recorder&) -> Tensor { throw Error(kind, "[kernel] no"); }});
}

TEST_CASE("a candidate that the device cannot run is passed over") {
  for (const ErrorKind kind : {ErrorKind::unsupported, ErrorKind::out_of_device_memory}) {
    Bench b;
    add_failing(b, kind);
    b.add("right", rows, 1);
    CHECK(choose(Recorder(device()), b.trial) == 1);
  }
  Bench none;
  add_failing(none, ErrorKind::unsupported);
  add_failing(none, ErrorKind::unsupported);
  CHECK_THROWS_WITH_AS(choose(Recorder(device()), none.trial), doctest::Contains("([kernel] no)"), Error);
}

TEST_CASE("a lost device ends the choice") {
  Bench b;
  add_failing(b, ErrorKind::device_lost);
  b.add("right", rows, 1);
  CHECK_THROWS_WITH_AS(choose(Recorder(device()), b.trial), "[kernel] no", Error);
  CHECK(b.recorded == 0);
}

TEST_CASE("copies of inputs do not count: the fastest kernel wins with the largest input") {
  Bench b;
  b.add("slow", rows, slow_repeats);
  b.trial.candidates.push_back({"fast", [&b](Recorder& r) {
                                  *b.x = r.input(b.values.shape, DType::f32, "x");
                                  r.input({16 << 20}, DType::f32, "large");
                                  const Tensor y = r.temporary({1, rows, hidden}, DType::f32, "y");
                                  r.dispatch<ops::Swiglu>({*b.x, y}, {rows, hidden});
                                  return y;
                                }});
  CHECK(choose(Recorder(clamped_device()), b.trial) == 1);
}

TEST_CASE("a single candidate is taken unmeasured") {
  Bench b;
  b.add("only", rows, 1);
  CHECK(choose(Recorder(device()), b.trial) == 0);
  CHECK(b.recorded == 0);
}

}  // namespace
}  // namespace fovea::test
