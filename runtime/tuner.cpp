#include "runtime/tuner.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include "fovea/error.h"

namespace fovea {
namespace {

constexpr int warm_runs = 1, timed_runs = 5;

double best_ms(Program& program) {
  using Clock = std::chrono::steady_clock;
  for (int i = 0; i < warm_runs; ++i) program.run();
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < timed_runs; ++i) {
    const auto start = Clock::now();
    program.run();
    best = std::min(best, std::chrono::duration<double, std::milli>(Clock::now() - start).count());
  }
  return best;
}

}  // namespace

size_t choose(gpu::Device& device, const Trial& trial) {
  if (trial.candidates.size() == 1) return 0;
  if (const auto stored = device.choices().find(trial.key))
    for (size_t i = 0; i < trial.candidates.size(); ++i)
      if (trial.candidates[i].name == *stored) return i;

  size_t chosen = trial.candidates.size();
  double fastest = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < trial.candidates.size(); ++i) {
    Recorder recorder(device);
    const Tensor result = trial.candidates[i].record(recorder);
    recorder.preset(result);
    recorder.output(result);
    Program program = recorder.finish();
    // NaN in every type: memory that still holds another candidate's result must not speak for this one.
    program.write(result, std::vector<std::byte>(result.bytes(), std::byte{0xff}));
    trial.fill(program);
    const double ms = best_ms(program);
    if (!trial.correct(program, result) || ms >= fastest) continue;
    fastest = ms;
    chosen = i;
  }
  if (chosen == trial.candidates.size())
    throw Error(
        ErrorKind::unsupported,
        fmt::format(
            "[{}] no kernel computes this correctly on {}: its driver may be at fault, try another --device",
            trial.key, device.info().name));
  device.choices().store(trial.key, trial.candidates[chosen].name);
  return chosen;
}

}  // namespace fovea
