#include "bench/decoder_steps.h"

#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <map>

#include "fovea/error.h"
#include "models/tasks/generate.h"

namespace fovea::bench {
namespace {

using Clock = std::chrono::steady_clock;

// What this thread alone computed: not what a CPU driver's threads do, and no waiting.
double thread_ms() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

double resident_mib() {
  long pages = 0;
  std::ifstream("/proc/self/statm") >> pages >> pages;
  return static_cast<double>(pages) * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

double device_mib(const LoadedModel& model) {
  return static_cast<double>(model.device().impl().memory_bytes()) / (1 << 20);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.at(values.size() / 2);
}

Generation generation_of(const LoadedModel& model, const DecoderRun& run, bool profile) {
  const Writer& writer = *model.writer();
  Generation::Options options;
  options.most = std::min(run.longest, writer.text().longest());
  for (size_t i = 0; i < model.inputs().size(); ++i) {
    const Port& port = model.inputs()[i];
    const bool read = writer.reads(i) == Writer::Reads::always;
    options.inputs.push_back(read ? std::optional(port.type == DType::f32 ? port.shape : Shape{8})
                                  : std::nullopt);
  }
  options.details = true;
  options.choice = run.choice;
  options.profile = profile;
  Generation out(model, options);
  for (size_t i = 0; i < options.inputs.size(); ++i) {
    if (!options.inputs[i]) continue;
    const size_t count = options.inputs[i]->elements();
    if (model.inputs()[i].type == DType::f32)
      out.write(i, std::span<const float>(std::vector<float>(count)));
    else
      out.write(i, std::span<const uint32_t>(std::vector<uint32_t>(count, 1)));
  }
  return out;
}

// A text after another, as long as they are.
class Steps {
 public:
  explicit Steps(Generation& generation) : generation_(generation) {}

  void next() {
    if (at_ == 0) {
      const uint32_t prompt = generation_.ids().start;
      generation_.start({&prompt, 1}, 1);
    }
    const double cpu = thread_ms();
    const auto start = Clock::now();
    bool over = false;
    if (generation_.options().choice.beams > 1)
      generation_.step_beams();
    else
      over = generation_.step()[0] == generation_.ids().end;
    wall.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
    host.push_back(thread_ms() - cpu);
    at_ = over || at_ + 1 == generation_.options().most ? 0 : at_ + 1;
  }

  std::vector<double> wall, host;  // ms

 private:
  Generation& generation_;
  uint32_t at_ = 0;
};

struct Work {
  double linear_flops = 0, weight_bytes = 0;
  std::map<std::string, std::pair<double, uint32_t>> kernels;  // ms, dispatches
};

// A weight is multiplied with every row and read once.
Work work_of(const LoadedModel& model, const DecoderRun& run) {
  Generation generation = generation_of(model, run, true);
  Steps steps(generation);
  std::vector<DispatchTime> best;  // each dispatch by itself: what others do to the machine is left out
  for (uint32_t i = 0; i < 30; ++i) {
    steps.next();
    const std::vector<DispatchTime> times = generation.step_times();
    if (best.empty()) best = times;
    for (size_t d = 0; d < best.size(); ++d) best[d].ms = std::min(best[d].ms, times[d].ms);
  }
  Work out;
  for (const DispatchTime& d : best) {
    auto& [ms, dispatches] = out.kernels[d.kernel];
    ms += d.ms;
    ++dispatches;
    if (std::string_view(d.kernel).starts_with("linear")) out.linear_flops += static_cast<double>(d.flops);
  }
  out.weight_bytes =
      out.linear_flops / 2 / run.choice.beams * static_cast<double>(element_bytes(model.storage()));
  return out;
}

void print_one(const Device& device, const std::string& folder, Precision precision, const DecoderRun& run) {
  const Model loaded = Model::load(device, folder, {precision, 0, 0});
  const LoadedModel& model = loaded.impl();
  if (model.writer() == nullptr)
    throw Error(ErrorKind::usage, fmt::format("{}: {} writes no text", folder, model.info().architecture));
  const Work work = work_of(model, run);
  Generation generation = generation_of(model, run, false);
  Steps steps(generation);
  constexpr uint32_t warm = 10;
  for (uint32_t i = 0; i < warm; ++i) steps.next();
  const double resident = resident_mib(), on_device = device_mib(model);
  steps.wall.clear();
  steps.host.clear();
  steps.wall.reserve(run.steps);
  steps.host.reserve(run.steps);
  for (uint32_t i = 0; i < run.steps; ++i) steps.next();
  const double ms = median(steps.wall);
  fmt::print("| {} | {} | {} | {:.2f} | {:.2f} | {:.1f} | {:.1f} | {:.1f} | {:.3f} | {:+.1f} | {:+.1f} |\n",
             folder.substr(folder.find_last_of('/') + 1), to_string(loaded.info().precision), run.steps, ms,
             *std::min_element(steps.wall.begin(), steps.wall.end()), work.linear_flops / ms * 1e-6,
             work.weight_bytes * 1e-6, work.weight_bytes / ms * 1e-6, median(steps.host),
             resident_mib() - resident, device_mib(model) - on_device);
  if (!run.kernels) return;
  fmt::print("\n| kernel | ms, best of each dispatch | dispatches |\n|---|---|---|\n");
  for (const auto& [name, kernel] : work.kernels)
    fmt::print("| `{}` | {:.3f} | {} |\n", name, kernel.first, kernel.second);
}

}  // namespace

void print_decoder_steps(const Device& device, const std::vector<std::string>& folders, Precision precision,
                         const DecoderRun& run) {
  fmt::print(
      "\n| decoder | storage | steps | ms a step, median | best | GFLOP/s | MB of weights | GB/s | host, ms "
      "a step "
      "| resident, MiB | on the device, MiB |\n|---|---|---|---|---|---|---|---|---|---|---|\n");
  for (const std::string& folder : folders) {
    print_one(device, folder, precision, run);
    std::fflush(stdout);
  }
}

}  // namespace fovea::bench
