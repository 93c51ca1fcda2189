#include "apps/cli/bench_maps.h"

#include <chrono>

#include "apps/util/elapsed.h"
#include "apps/util/median.h"

namespace fovea::apps {
namespace {

template <typename F>
double timed_ms(const F& f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  return ms_since(start);
}

}  // namespace

MapsBench bench_maps(const Model& model, uint32_t runs) {
  const ModelInfo& info = model.info();
  SessionOptions options;
  options.attention = true;
  Session session(model, options);
  std::vector<float> input(size_t{3} * info.height * info.width);
  uint32_t state = 1;
  for (float& v : input)
    v = static_cast<float>((state = state * 1664525U + 1013904223U) >> 8) / (1U << 23) - 1;

  const auto pass = [&] { session.logits(input, 1); };
  const auto draw = [&](MapMethod method) {
    MapRequest request;
    request.method = method;
    session.map(request);
  };
  pass();
  for (const MapMethod method : info.maps) draw(method);  // records it

  MapsBench out;
  std::vector<double> all_passes;
  for (const MapMethod method : info.maps) {
    std::vector<double> passes, maps;
    for (uint32_t i = 0; i < runs; ++i) {
      passes.push_back(timed_ms(pass));
      maps.push_back(timed_ms([&] { draw(method); }));
    }
    all_passes.insert(all_passes.end(), passes.begin(), passes.end());
    const double ms = median(maps);
    out.maps.push_back({method, ms, ms / median(passes)});
  }
  if (!all_passes.empty()) out.pass_ms = median(all_passes);
  return out;
}

}  // namespace fovea::apps
