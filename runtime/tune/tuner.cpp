#include "runtime/tune/tuner.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include "fovea/error.h"

namespace fovea {
namespace {

constexpr int warm_runs = 1, timed_runs = 5;

// What the kernels take, or the whole run on a device that cannot tell.
double run_ms(Program& program) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  program.run();
  const double whole = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  const auto dispatches = program.dispatch_times();
  if (dispatches.empty()) return whole;
  double sum = 0;
  for (const DispatchTime& d : dispatches) sum += d.ms;
  return sum;
}

double best_ms(Program& program) {
  for (int i = 0; i < warm_runs; ++i) program.run();
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < timed_runs; ++i) best = std::min(best, run_ms(program));
  return best;
}

// Milliseconds of one candidate; infinite when its result is wrong.
double measure(gpu::Device& device, const Trial& trial, const Candidate& candidate) {
  Recorder::Options options;
  options.profile = true;
  Recorder recorder(device, options);
  const Tensor result = candidate.record(recorder);
  recorder.preset(result);
  recorder.output(result);
  Program program = recorder.finish();
  // NaN in every type: memory that still holds another candidate's result must not speak for this one.
  program.write(result, std::vector<std::byte>(result.bytes(), std::byte{0xff}));
  trial.fill(program);
  const double ms = best_ms(program);
  return trial.correct(program, result) ? ms : std::numeric_limits<double>::infinity();
}

}  // namespace

size_t choose(const Recorder& r, const Trial& trial) {
  if (trial.candidates.size() == 1 || r.describes()) return 0;
  gpu::Device& device = r.device();
  if (const auto stored = device.choices().find(trial.key))
    for (size_t i = 0; i < trial.candidates.size(); ++i)
      if (trial.candidates[i].name == *stored) return i;

  size_t chosen = trial.candidates.size();
  double fastest = std::numeric_limits<double>::infinity();
  std::string reason = "the results are wrong";
  for (size_t i = 0; i < trial.candidates.size(); ++i) {
    try {
      const double ms = measure(device, trial, trial.candidates[i]);
      if (ms >= fastest) continue;
      fastest = ms;
      chosen = i;
    } catch (const Error& error) {
      // What one candidate asks too much of the device, another may not; a lost device runs none.
      if (error.kind() == ErrorKind::device_lost) throw;
      reason = error.what();
    }
  }
  if (chosen == trial.candidates.size())
    throw Error(
        ErrorKind::unsupported,
        fmt::format("[{}] no kernel computes this on {} ({}): update its driver or choose another device",
                    trial.key, device.info().name, reason));
  device.choices().store(trial.key, trial.candidates[chosen].name);
  return chosen;
}

}  // namespace fovea
