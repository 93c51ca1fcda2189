#include "models/live_maps.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "fovea/error.h"
#include "models/colormap.h"
#include "models/maps/methods.h"
#include "models/overlay.h"
#include "runtime/ops/levels.h"

namespace fovea {
namespace {

bool same_map(const LiveLayer& a, const LiveLayer& b) {
  const bool same_range = a.scale != MapScale::fixed || (a.lowest == b.lowest && a.highest == b.highest);
  return a.map == b.map && a.scale == b.scale && same_range && a.smoothing == b.smoothing;
}

void check_layer(const LiveLayer& layer) {
  check_look(layer.look);
  color_table(layer.look);  // throws for a colormap that is none
  if (!(layer.smoothing >= 0 && layer.smoothing < 1))
    throw Error(ErrorKind::usage,
                fmt::format("[live] smoothing is {}, it must be from 0 to below 1", layer.smoothing));
  if (layer.scale == MapScale::fixed &&
      !(std::isfinite(layer.lowest) && std::isfinite(layer.highest) && layer.lowest < layer.highest))
    throw Error(ErrorKind::usage, fmt::format("[live] a fixed range of {}…{}: the lowest must be below the "
                                              "highest",
                                              layer.lowest, layer.highest));
}

ops::LevelsOptions levels_options(const LiveLayer& layer) {
  ops::LevelsOptions out;
  switch (layer.scale) {
    case MapScale::frame:
      break;
    case MapScale::running:
      out.scale = ops::LevelScale::running;
      break;
    case MapScale::fixed:
      out.scale = ops::LevelScale::fixed;
      out.lowest = layer.lowest;
      out.highest = layer.highest;
      break;
  }
  out.smoothing = layer.smoothing;
  return out;
}

}  // namespace

MapStage::MapStage(gpu::Device& device, const Forward& forward, const ModelInfo& info,
                   std::span<const LiveView> views, const MapStage* before)
    : views_(views.begin(), views.end()) {
  Recorder::Options options;
  options.overlapping = true;
  Recorder r(device, options);
  const maps::Kept kept = forward.kept();
  std::vector<std::pair<MapRequest, maps::Drawn>> drawn;
  const auto draw = [&](const MapRequest& request) -> const maps::Drawn& {
    for (const auto& [asked, map] : drawn)
      if (asked == request) return map;
    return drawn.emplace_back(request, maps::draw(r, kept, request, info)).second;
  };
  for (const LiveView& view : views_)
    for (const LiveLayer& layer : view.layers) {
      check_layer(layer);
      if (std::any_of(maps_.begin(), maps_.end(), [&](const Map& m) { return same_map(m.asked, layer); }))
        continue;
      const maps::Drawn& source = draw(layer.map);
      Map map{layer, source.rows, source.cols, {}, {}, {}};
      const ops::LevelsOptions scale = levels_options(layer);
      const uint32_t remembered = ops::levels_state(map.rows * map.cols);
      Tensor state;
      if (scale.remembers()) {
        map.state = state_for(device, map, before);
        state.shape = {remembered};
        state.buffer = map.state.get();
      } else {
        state = r.temporary({remembered}, DType::f32, "state");
      }
      const auto result = ops::levels(r, source.values, source.first, map.rows, map.cols, scale, state);
      map.values = result.values;
      map.levels = result.levels;
      r.keep(map.values);
      r.keep(map.levels);
      maps_.push_back(std::move(map));
    }
  if (maps_.empty()) return;
  program_ = r.finish();
  for (const auto& [request, map] : drawn)
    for (const auto& [tensor, values] : map.presets) program_.write(tensor, std::as_bytes(std::span(values)));
  for (Map& map : maps_) {
    map.values = program_.shared(map.values);
    map.levels = program_.shared(map.levels);
  }
  if (fresh_.empty()) return;
  clear_ = std::make_unique<gpu::Commands>(device, gpu::Commands::Options{});
  for (const auto& state : fresh_) clear_->clear(*state);
  clear_->finish();
}

std::shared_ptr<gpu::Buffer> MapStage::state_for(gpu::Device& device, const Map& map,
                                                 const MapStage* before) {
  if (before != nullptr)
    for (const Map& old : before->maps_)
      if (same_map(old.asked, map.asked)) {
        if (before->clear_ && !before->cleared_) fresh_.push_back(old.state);  // no frame has cleared it
        return old.state;
      }
  const uint64_t bytes = uint64_t{ops::levels_state(map.rows * map.cols)} * sizeof(float);
  fresh_.push_back(std::make_shared<gpu::Buffer>(device, bytes, gpu::Memory::device));
  return fresh_.back();
}

size_t MapStage::index_of(const LiveLayer& layer) const {
  return static_cast<size_t>(
      std::find_if(maps_.begin(), maps_.end(), [&](const Map& m) { return same_map(m.asked, layer); }) -
      maps_.begin());
}

std::vector<gpu::Commands*> MapStage::sequences() {
  if (maps_.empty()) return {};
  if (clear_ && !cleared_) return {clear_.get(), &program_.commands()};
  return {&program_.commands()};
}

}  // namespace fovea
