#include <algorithm>
#include <chrono>

#include "runtime/ops/common/fma_peak.h"

namespace fovea {
namespace {

constexpr uint32_t workgroups = 8192;  // fills the widest GPU several times over
constexpr double long_enough_ms = 50;  // beside which the launch is nothing
constexpr int timed_runs = 5;

}  // namespace

double Device::measure_peak_gflops() const {
  using Clock = std::chrono::steady_clock;
  for (uint32_t rounds = 8;; rounds *= 4) {
    Recorder r(impl());
    r.output(ops::fma_peak(r, workgroups, rounds));
    Program program = r.finish();
    double best = 0;
    for (int i = 0; i < timed_runs; ++i) {
      const auto start = Clock::now();
      program.run();
      const double ms = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
      best = i == 0 ? ms : std::min(best, ms);
    }
    if (best >= long_enough_ms || rounds >= 1U << 20)
      return static_cast<double>(program.flops()) / best * 1e-6;
  }
}

}  // namespace fovea
