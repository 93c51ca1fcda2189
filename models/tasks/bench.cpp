#include "fovea/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "core/boundary.h"
#include "fovea/error.h"
#include "fovea/session.h"
#include "models/tasks/forward.h"
#include "models/tasks/named_run.h"
#include "vision/preprocess.h"

namespace fovea {
namespace {

constexpr uint32_t warm_runs = 2;

// A picture of noise in every slot, the way real input comes: zeros could be faster.
void fill_input(const LoadedModel& model, const Forward& forward) {
  constexpr uint32_t side = 256;
  std::vector<uint8_t> pixels(size_t{side} * side * 3);
  uint32_t state = 1;
  for (uint8_t& v : pixels) {
    state = state * 1664525U + 1013904223U;
    v = static_cast<uint8_t>(state >> 24);
  }
  Preprocessor preprocessor(model.device().impl(), model.preprocess());
  for (uint32_t slot = 0; slot < forward.batch(); ++slot)
    preprocessor.run({pixels.data(), side, side, size_t{side} * 3, PixelFormat::rgb8}, forward.input(0),
                     slot);
}

double percentile(const std::vector<double>& sorted, double p) {
  return sorted[static_cast<size_t>(p * static_cast<double>(sorted.size() - 1) + 0.5)];
}

std::vector<KernelTime> kernel_times(const Program& program) {
  std::map<std::string, KernelTime> by_name;
  std::map<std::string, uint64_t> flops;
  for (const DispatchTime& d : program.dispatch_times()) {
    KernelTime& k = by_name[d.kernel];
    k.name = d.kernel;
    k.ms += d.ms;
    ++k.dispatches;
    flops[d.kernel] += d.flops;
  }
  std::vector<KernelTime> out;
  for (auto& [name, k] : by_name) {
    if (k.ms > 0) k.gflops = static_cast<double>(flops[name]) / k.ms * 1e-6;
    out.push_back(k);
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.ms > b.ms; });
  return out;
}

BenchReport timed(const LoadedModel& model, Forward& forward, uint32_t runs) {
  std::vector<double> ms;
  for (uint32_t i = 0; i < warm_runs + runs; ++i) {
    const auto start = std::chrono::steady_clock::now();
    forward.program().run();
    if (i >= warm_runs)
      ms.push_back(
          std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(ms.begin(), ms.end());
  BenchReport report;
  report.batch = forward.batch();
  report.median_ms = percentile(ms, 0.5);
  report.min_ms = ms.front();
  report.max_ms = ms.back();
  report.p10_ms = percentile(ms, 0.1);
  report.p90_ms = percentile(ms, 0.9);
  report.flops = forward.program().flops();
  report.gflops = static_cast<double>(report.flops) / report.median_ms * 1e-6;
  report.arena_bytes = forward.program().arena_bytes();
  report.weight_bytes = model.weight_bytes();
  report.dispatches = forward.program().dispatches();
  report.submissions = forward.program().submissions();
  return report;
}

// `record`: a pass with its inputs, recorded with a timestamp around every kernel or without.
template <class Record>
BenchReport bench_passes(const LoadedModel& model, uint32_t runs, Record record) {
  if (runs == 0) throw Error(ErrorKind::usage, "[bench] 0 runs");
  BenchReport report;
  {
    Forward forward = record(false);
    report = timed(model, forward, runs);
  }
  Forward profiled = record(true);
  profiled.program().run();
  report.kernels = kernel_times(profiled.program());
  return report;
}

BenchReport bench_pictures(const LoadedModel& model, const BenchOptions& asked) {
  const uint32_t batch = asked.batch;
  model.demand_pictures("bench");
  if (batch == 0 || batch > largest_batch)
    throw Error(ErrorKind::usage,
                fmt::format("[bench] a batch of {} images, it takes 1…{}", batch, largest_batch));
  return bench_passes(model, asked.runs, [&](bool profile) {
    Forward::Options options;
    options.batch = batch;
    options.outputs = {Classify(model, 1).output()};
    options.all_maps = asked.maps;
    options.profile = profile;
    Forward forward(model, options);
    fill_input(model, forward);
    return forward;
  });
}

}  // namespace

BenchReport bench_model(const Model& model, const BenchOptions& options) {
  return at_boundary("bench", [&] { return bench_pictures(model.impl(), options); });
}

BenchReport bench_model(const Model& model, const RawTensors& inputs, uint32_t runs) {
  return at_boundary("bench", [&] {
    RunOptions together;
    together.batch = largest_batch;
    const NamedRun run(model, inputs, together);
    return bench_passes(model.impl(), runs, [&](bool profile) { return run.first_pass(profile); });
  });
}

}  // namespace fovea
