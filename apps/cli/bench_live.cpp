#include "apps/cli/bench_live.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "apps/util/median.h"
#include "fovea/bench.h"

namespace fovea::apps {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint32_t turns = 5;  // what else runs on the machine hits both alike

struct Samples {
  std::vector<double> frame, model, share, latency;
  std::vector<StageTimes> stages;
};

double median_of(const std::vector<StageTimes>& times, double StageTimes::*stage) {
  std::vector<double> values;
  for (const StageTimes& t : times) values.push_back(t.*stage);
  return median(std::move(values));
}

}  // namespace

LiveBench bench_live(const Model& model, uint32_t width, uint32_t height, uint32_t frames) {
  const uint32_t a_turn = std::max(1U, (frames + turns - 1) / turns);
  const size_t bytes = size_t{width} * height * 3;
  std::vector<uint8_t> pixels(bytes);
  uint32_t state = 1;
  for (uint8_t& v : pixels) v = static_cast<uint8_t>((state = state * 1664525U + 1013904223U) >> 24);
  const ImageView view{pixels.data(), width, height, size_t{width} * 3, PixelFormat::bgr8};

  Live live(model);
  const LiveView drawn{{LiveLayer{}}};
  live.set_views({&drawn, 1});
  Samples samples;
  for (uint32_t turn = 0; turn < turns; ++turn) {
    samples.model.push_back(bench_model(model, {.runs = a_turn}).median_ms);
    uint64_t number = 0;
    while (!live.full()) live.submit(view, number++);  // the pipeline is full before time counts
    std::vector<double> between;
    auto last = Clock::now();
    for (uint32_t i = 0; i < a_turn + 1; ++i) {
      const auto frame = live.collect();
      const auto now = Clock::now();
      if (i != 0) {  // the first waited for an empty pipeline
        between.push_back(std::chrono::duration<double, std::milli>(now - last).count());
        samples.latency.push_back(frame->latency_ms);
        samples.stages.push_back(frame->device_ms);
      }
      last = now;
      live.submit(view, number++);
    }
    while (live.collect()) {
    }
    samples.frame.push_back(median(between));
    samples.share.push_back(samples.model.back() / samples.frame.back());
  }
  LiveBench out;
  out.frames = a_turn * turns;
  out.frame_ms = median(samples.frame);
  out.model_ms = median(samples.model);
  out.share = median(samples.share);
  out.latency_ms = median(samples.latency);
  for (const auto stage : {&StageTimes::upload, &StageTimes::preprocess, &StageTimes::model,
                           &StageTimes::maps, &StageTimes::overlay, &StageTimes::download})
    out.stages.*stage = median_of(samples.stages, stage);
  return out;
}

}  // namespace fovea::apps
