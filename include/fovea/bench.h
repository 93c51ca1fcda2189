// How long a model's forward pass takes, and where.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fovea/model.h"
#include "fovea/run.h"

namespace fovea {

struct BenchOptions {
  uint32_t batch = 1;  // images in a pass
  uint32_t runs = 20;
  bool maps = false;  // each pass draws the raw map of every layer, a rollout and a cam as well
};

struct KernelTime {
  std::string name;
  double ms = 0;
  uint32_t dispatches = 0;
  double gflops = 0;  // arithmetic rate, 0 where the kernel declares none
};

struct BenchReport {
  uint32_t batch = 0;
  double median_ms = 0, min_ms = 0, max_ms = 0;  // one replayed forward pass, wall clock
  double p10_ms = 0, p90_ms = 0;
  uint64_t flops = 0;               // of one pass, multiply and add counted separately
  double gflops = 0;                // flops over median
  std::vector<KernelTime> kernels;  // one profiled replay, GPU timestamps, longest first
  uint64_t arena_bytes = 0, weight_bytes = 0;
  uint32_t dispatches = 0, submissions = 0;
};

// Replays the forward pass on fixed input, then once with a timestamp around every kernel.
BenchReport bench_model(const Model& model, const BenchOptions& options);
// The same of any model on inputs by name: one pass over all of them, at most largest_batch, that gives all
// outputs for which they suffice. Throws as run().
BenchReport bench_model(const Model& model, const RawTensors& inputs, uint32_t runs);

}  // namespace fovea
