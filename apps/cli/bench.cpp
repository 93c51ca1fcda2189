// `fovea bench`: how fast the forward pass is on this device, and where its time goes.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "apps/cli/bench_live.h"
#include "apps/cli/bench_maps.h"
#include "apps/cli/commands.h"
#include "apps/cli/first_result.h"
#include "apps/cli/raw_inputs.h"
#include "apps/hub/model_flags.h"
#include "apps/text/json.h"
#include "apps/text/typed.h"
#include "apps/util/terminal.h"
#include "fovea/bench.h"
#include "fovea/error.h"
#include "fovea/session.h"

namespace fovea::apps {
namespace {

struct Flags {
  ModelFlags model;
  uint32_t batch = 1, runs = 50;
  bool attention = false, maps = false, json = false, plan = false;
  std::string live;   // size of frames, empty without --live
  std::string input;  // a file of inputs by name
};

struct Result {
  ModelInfo model;
  DeviceInfo device;
  BenchReport report;
  std::optional<FirstResult> first;  // of pictures
  double peak_gflops = 0;
  uint64_t peak_memory_bytes = 0;
  std::string plan;

  double peak_share() const { return peak_gflops > 0 ? report.gflops / peak_gflops : 0; }
  double kernel_ms() const {
    double sum = 0;
    for (const KernelTime& kernel : report.kernels) sum += kernel.ms;
    return sum;
  }
};

double mebibytes(uint64_t bytes) {
  return static_cast<double>(bytes) / (1U << 20);
}

void print_table(const Result& r) {
  const BenchReport& report = r.report;
  const auto row = [](std::string_view name, const std::string& value) {
    write_out(fmt::format("{:<14}  {}\n", name, value));
  };
  const std::string size = r.first ? fmt::format("{} x {}, ", r.model.height, r.model.width) : "";
  row("model",
      fmt::format("{}, {}{:.2f} M parameters, {:.2f} GFLOP an image, {}", r.model.architecture, size,
                  static_cast<double>(r.model.parameters) / 1e6,
                  static_cast<double>(report.flops) / report.batch / 1e9, to_string(r.model.precision)));
  row("device", fmt::format("{} ({})", r.device.name, r.device.driver));
  row("forward pass",
      fmt::format("{:.2f} ms median of batch {} (min {:.2f}, p10 {:.2f}, p90 {:.2f}, max {:.2f})",
                  report.median_ms, report.batch, report.min_ms, report.p10_ms, report.p90_ms,
                  report.max_ms));
  row("arithmetic", fmt::format("{:.1f} GFLOP/s, {:.0f} % of the measured peak of {:.1f}", report.gflops,
                                100 * r.peak_share(), r.peak_gflops));
  if (r.first)
    row("first result", fmt::format("{:.0f} ms cold, {:.0f} ms with a warm pipeline cache", r.first->cold_ms,
                                    r.first->warm_ms));
  row("device memory",
      fmt::format("{:.1f} MiB at most (weights {:.1f}, arena {:.1f})", mebibytes(r.peak_memory_bytes),
                  mebibytes(report.weight_bytes), mebibytes(report.arena_bytes)));
  row("recorded", fmt::format("{} dispatches in {} submission{}", report.dispatches, report.submissions,
                              report.submissions == 1 ? "" : "s"));

  size_t width = 6;
  for (const KernelTime& kernel : report.kernels) width = std::max(width, kernel.name.size());
  write_out(fmt::format("\n{:<{}}  {:>9}  {:>6}  {:>10}  {:>8}\n", "kernel", width, "ms", "share",
                        "dispatches", "GFLOP/s"));
  const double total = r.kernel_ms();
  for (const KernelTime& kernel : report.kernels)
    write_out(fmt::format("{:<{}}  {:>9.3f}  {:>5.1f}%  {:>10}  {:>8}\n", kernel.name, width, kernel.ms,
                          total > 0 ? 100 * kernel.ms / total : 0.0, kernel.dispatches,
                          kernel.gflops > 0 ? fmt::format("{:.1f}", kernel.gflops) : "-"));
  if (!r.plan.empty()) write_out('\n' + r.plan + (r.plan.back() == '\n' ? "" : "\n"));
}

Json to_json(const Result& r, uint32_t runs) {
  const BenchReport& report = r.report;
  Json kernels = Json::array();
  const double total = r.kernel_ms();
  for (const KernelTime& kernel : report.kernels)
    kernels.push_back({{"name", kernel.name},
                       {"ms", kernel.ms},
                       {"share", total > 0 ? kernel.ms / total : 0.0},
                       {"dispatches", kernel.dispatches},
                       {"gflops", kernel.gflops}});
  Json json = {{"model", r.model.architecture},
               {"device", r.device.name},
               {"driver", r.device.driver},
               {"precision", to_string(r.model.precision)},
               {"height", r.model.height},
               {"width", r.model.width},
               {"batch", report.batch},
               {"runs", runs},
               {"median_ms", report.median_ms},
               {"min_ms", report.min_ms},
               {"max_ms", report.max_ms},
               {"p10_ms", report.p10_ms},
               {"p90_ms", report.p90_ms},
               {"gflops", report.gflops},
               {"peak_gflops", r.peak_gflops},
               {"peak_share", r.peak_share()},
               {"peak_memory_bytes", r.peak_memory_bytes},
               {"weight_bytes", report.weight_bytes},
               {"arena_bytes", report.arena_bytes},
               {"dispatches", report.dispatches},
               {"submissions", report.submissions},
               {"kernels", std::move(kernels)}};
  if (r.first) json["first_result_ms"] = {{"cold", r.first->cold_ms}, {"warm", r.first->warm_ms}};
  if (!r.plan.empty()) json["plan"] = r.plan;
  return json;
}

// "640x480", width first as cameras have it.
std::pair<uint32_t, uint32_t> parse_frame(const std::string& text) {
  const size_t cross = text.find('x');
  uint32_t width = 0, height = 0;
  if (cross == std::string::npos || !parse_number(std::string_view(text).substr(0, cross), width) ||
      !parse_number(std::string_view(text).substr(cross + 1), height) || width == 0 || height == 0 ||
      width > 16384 || height > 16384)
    throw Error(ErrorKind::usage,
                fmt::format("--live {}: frames are width x height, such as 640x480, up to 16384", text));
  return {width, height};
}

int live(const Flags& flags, const Model& model) {
  const auto [width, height] = parse_frame(flags.live);
  const LiveBench b = bench_live(model, width, height, flags.runs);
  const StageTimes& s = b.stages;
  if (flags.json) {
    const Json json = {{"model", model.info().architecture},
                       {"device", model.device().info().name},
                       {"driver", model.device().info().driver},
                       {"precision", to_string(model.info().precision)},
                       {"width", width},
                       {"height", height},
                       {"frames", b.frames},
                       {"frame_ms", b.frame_ms},
                       {"model_ms", b.model_ms},
                       {"share", b.share},
                       {"latency_ms", b.latency_ms},
                       {"stages_ms",
                        {{"upload", s.upload},
                         {"preprocess", s.preprocess},
                         {"model", s.model},
                         {"maps", s.maps},
                         {"overlay", s.overlay},
                         {"download", s.download}}}};
    write_out(dump(json, 2) + '\n');
    return exit_good;
  }
  write_out(
      fmt::format("{:<14}  {:.1f} frames a second of {} x {}, {:.2f} ms each, with the last layer's map\n",
                  "live", 1e3 / b.frame_ms, width, height, b.frame_ms));
  write_out(fmt::format("{:<14}  {:.1f} a second, {:.2f} ms each; live keeps {:.1f} %\n", "bare model",
                        1e3 / b.model_ms, b.model_ms, 100 * b.share));
  write_out(fmt::format("{:<14}  {:.1f} ms from submitting to collecting, three frames in flight\n",
                        "latency", b.latency_ms));
  write_out(
      fmt::format("{:<14}  upload {:.2f}, preprocess {:.2f}, model {:.2f}, maps {:.2f}, overlay {:.2f}, "
                  "download {:.2f} ms on the device\n",
                  "stages", s.upload, s.preprocess, s.model, s.maps, s.overlay, s.download));
  return exit_good;
}

int maps(const Flags& flags, const Model& model) {
  const MapsBench b = bench_maps(model, flags.runs);
  if (flags.json) {
    Json methods = Json::array();
    for (const MapTime& map : b.maps)
      methods.push_back({{"method", to_string(map.method)}, {"ms", map.ms}, {"share", map.share}});
    write_out(dump(Json{{"model", model.info().architecture},
                        {"device", model.device().info().name},
                        {"driver", model.device().info().driver},
                        {"precision", to_string(model.info().precision)},
                        {"runs", flags.runs},
                        {"pass_ms", b.pass_ms},
                        {"maps", std::move(methods)}},
                   2) +
              '\n');
    return exit_good;
  }
  write_out(fmt::format("{:<12}  {:>8}  {:>13}\n{:<12}  {:>8.2f}\n", "", "ms", "of the pass", "forward pass",
                        b.pass_ms));
  for (const MapTime& map : b.maps)
    write_out(fmt::format("{:<12}  {:>8.2f}  {:>11.1f} %\n", to_string(map.method), map.ms, 100 * map.share));
  return exit_good;
}

Result result_of(const Model& model, BenchReport report) {
  Result result;
  result.model = model.info();
  result.device = model.device().info();
  result.report = std::move(report);
  result.peak_memory_bytes = model.device().peak_memory_bytes();
  result.peak_gflops = model.device().measure_peak_gflops();
  return result;
}

void print(const Result& result, const Flags& flags) {
  if (flags.json)
    write_out(dump(to_json(result, flags.runs), 2) + '\n');
  else
    print_table(result);
}

int inputs(const Flags& flags) {
  const io::Safetensors file = io::Safetensors::open(flags.input);
  const Model model = load_model(sized(flags.model, file));
  print(result_of(model, bench_model(model, inputs_in(file, model), flags.runs)), flags);
  return exit_good;
}

int bench(const Flags& flags) {
  if (!flags.input.empty()) return inputs(flags);
  const ModelChoice choice = choose_model(flags.model.model);
  const Model model = load_model(flags.model, choice);
  if (!flags.live.empty()) return live(flags, model);
  if (flags.maps) return maps(flags, model);
  Result result = result_of(
      model, bench_model(model, {.batch = flags.batch, .runs = flags.runs, .maps = flags.attention}));
  if (flags.plan) {
    SessionOptions options;
    options.batch = flags.batch;
    options.attention = flags.attention;
    result.plan = Session(model, options).memory_plan();
  }
  // Its caches are of its own, so that a name would not be found there.
  ModelFlags same = flags.model;
  same.model = choice.text();
  result.first = measure_first_result(same);
  print(result, flags);
  return exit_good;
}

}  // namespace

void add_bench(const Command& program) {
  const auto flags = std::make_shared<Flags>();
  const Command command = program.command("bench", "Time the forward pass, its kernels and the first result");
  add_model_flags(command, flags->model);
  const Option batch = command.option("--batch", flags->batch, "Images in one forward pass")
                           .between(1, largest_batch)
                           .with_default();
  command.option("--runs", flags->runs, "Replays to take the median of").between(1, 1000000).with_default();
  const Option attention =
      command.flag("--attention", flags->attention,
                   "Draw the raw map of every layer and a rollout in each pass too, to see what maps cost");
  const Option maps =
      command.flag("--maps", flags->maps, "Time each map method instead, beside the forward pass");
  const Option live =
      command
          .option("--live", flags->live,
                  "Time the live pipeline instead, beside the bare model: BGR frames, 640x480 if not said")
          .type_name("WxH")
          .alone("640x480");
  command.flag("--json", flags->json, "One JSON object");
  const Option plan = command.flag("--plan", flags->plan, "Print the memory plan too");
  const Option input =
      command
          .option("--input", flags->input,
                  "Time a pass over these inputs by name instead, as `fovea run` takes them, of any model")
          .type_name("FILE");
  for (const Option& other : {batch, attention, maps, live, plan}) input.excludes(other);
  command.runs([flags] { return bench(*flags); });
}

}  // namespace fovea::apps
