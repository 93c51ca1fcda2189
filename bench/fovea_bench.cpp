// fovea-bench: the tables of docs/benchmarks.md, without OpenCV.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "bench/conv_shapes.h"
#include "bench/decoder_steps.h"
#include "bench/linear_shapes.h"
#include "fovea/fovea.h"

namespace {

using namespace std::string_literals;

void print_model(const fovea::Device& device, const std::string& folder, fovea::Precision precision,
                 const std::vector<uint32_t>& batches, uint32_t runs, double peak) {
  const auto model = fovea::Model::load(device, folder, {precision, 0, 0});
  for (const uint32_t batch : batches) {
    const auto report = fovea::bench_model(model, {.batch = batch, .runs = runs});
    fmt::print("| {} | {} | {} | {:.2f} | {:.2f}…{:.2f} | {:.1f} | {:.1f} | {:.0f} % |\n",
               model.info().architecture, fovea::to_string(model.info().precision), batch, report.median_ms,
               report.p10_ms, report.p90_ms, batch * 1e3 / report.median_ms, report.gflops,
               100 * report.gflops / peak);
    std::fflush(stdout);
  }
}

int run(int argc, char** argv) {
  CLI::App program{"Times models and the linear kernel, as Markdown tables", "fovea-bench"};
  std::string selector;
  std::vector<std::string> folders;
  std::vector<uint32_t> batches{1};
  std::vector<std::string> storage{"fp32"s};
  uint32_t runs = 20;
  bool convs = false;
  program.add_option("--device", selector, "Index or part of the name");
  program.add_option("--batch", batches, "Batch sizes")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::Range(1U, fovea::largest_batch));
  program.add_option("--dtype", storage, "fp32, fp16 or both")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::IsMember({"fp32", "fp16"}));
  program.add_option("--runs", runs, "Replays to take the median of")->check(CLI::Range(1, 100000));
  program.add_flag("--convolutions", convs, "Also the convolutions of two networks, each by itself");
  fovea::bench::DecoderRun steps;
  bool decoders = false;
  program.add_flag("--decoder", decoders, "Steps of models that write, in place of everything else");
  program.add_option("--steps", steps.steps, "With --decoder: steps to take the median of")
      ->check(CLI::Range(1, 1000000));
  program.add_option("--longest", steps.longest, "With --decoder: tokens before a text begins anew")
      ->check(CLI::Range(1, 100000));
  program.add_flag("--kernels", steps.kernels, "With --decoder: kernel by kernel");
  program.add_option("--temperature", steps.choice.temperature, "With --decoder: tokens are drawn");
  program.add_option("--top-k", steps.choice.top_k, "With --decoder: drawn from the best ones");
  program.add_option("--beams", steps.choice.beams, "With --decoder: texts at once")
      ->check(CLI::Range(1U, fovea::most_beams));
  program.add_option("MODEL", folders, "Model folders; none: the linear kernel only");
  CLI11_PARSE(program, argc, argv);

  const auto device = fovea::Device::open(selector);
  if (decoders) {
    for (const std::string& dtype : storage)
      fovea::bench::print_decoder_steps(
          device, folders, dtype == "fp16" ? fovea::Precision::fp16 : fovea::Precision::fp32, steps);
    return 0;
  }
  const double peak = device.measure_peak_gflops();
  fmt::print("{}, {}, Vulkan {}: arithmetic peak {:.1f} GFLOP/s (fp32, measured)\n", device.info().name,
             device.info().driver, device.info().api, peak);
  fovea::bench::print_linear_shapes(device, runs);
  if (convs) fovea::bench::print_conv_shapes(device, runs);
  fmt::print(
      "\n| model | storage | batch | ms, median | p10…p90 | images/s | GFLOP/s | of peak "
      "|\n|---|---|---|---|---|---|---|---|\n");
  for (const std::string& folder : folders)
    for (const std::string& dtype : storage)
      print_model(device, folder, dtype == "fp16" ? fovea::Precision::fp16 : fovea::Precision::fp32, batches,
                  runs, peak);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "fovea-bench: {}\n", error.what());
    return 1;
  }
}
