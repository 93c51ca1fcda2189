#include "stream/live_model.h"

#include <algorithm>
#include <iterator>

#include "runtime/ops/image/levels.h"

namespace fovea {
namespace {

bool same_map(const LiveLayer& a, const LiveLayer& b) {
  const bool same_range = a.scale != MapScale::fixed || (a.lowest == b.lowest && a.highest == b.highest);
  return a.map == b.map && a.scale == b.scale && same_range && a.smoothing == b.smoothing;
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

ModelStage::ModelStage(const LoadedModel& model, const Tensor& input, const Classify& classes,
                       std::span<const LiveView> views, const ModelStage* before)
    : device_(model.device().impl()), views_(views.begin(), views.end()) {
  Recorder::Options options;
  options.overlapping = true;
  recorder_.emplace(device_, options);
  const maps::Kept kept = record_model(model, input, classes);
  recorder_->begin_part();
  record_maps(kept, model.info(), before);
}

maps::Kept ModelStage::record_model(const LoadedModel& model, const Tensor& input, const Classify& classes) {
  const bool tapped =
      std::any_of(views_.begin(), views_.end(), [](const LiveView& v) { return !v.layers.empty(); });
  maps::Kept kept;
  const size_t wanted = classes.output();
  const Tensor given =
      model.record(*recorder_, {input}, std::span(&wanted, 1), tapped ? &kept : nullptr).front();
  answer_ = classes.record(*recorder_, given);
  for (const Tensor* t : answer_.tensors()) recorder_->keep(*t);
  kept.best = answer_.indices;
  return kept;
}

void ModelStage::record_maps(const maps::Kept& kept, const ModelInfo& info, const ModelStage* before) {
  Recorder& r = *recorder_;
  std::vector<std::pair<MapRequest, maps::Drawn>> drawn;
  const auto draw = [&](const MapRequest& request) -> const maps::Drawn& {
    for (const auto& [asked, map] : drawn)
      if (asked == request) return map;
    maps::Drawn map = maps::draw(r, kept, request, info);
    std::move(map.presets.begin(), map.presets.end(), std::back_inserter(presets_));
    return drawn.emplace_back(request, std::move(map)).second;
  };
  for (const LiveView& view : views_)
    for (const LiveLayer& layer : view.layers) {
      check_look(layer);
      if (index_of(layer) != maps_.size()) continue;
      const maps::Drawn& source = draw(layer.map);
      Map map{layer, source.rows, source.cols, {}, {}, {}};
      const ops::LevelsOptions scale = levels_options(layer);
      const uint32_t remembered = ops::levels_state(map.rows * map.cols);
      Tensor state;
      if (scale.remembers()) {
        map.state = state_for(map, before);
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
}

void ModelStage::finish() {
  if (!recorder_) return;
  program_ = recorder_->finish();
  recorder_.reset();
  for (const auto& [tensor, values] : presets_) program_.write(tensor, std::as_bytes(std::span(values)));
  for (Tensor* t : answer_.tensors()) *t = program_.shared(*t);
  for (Map& map : maps_) {
    map.values = program_.shared(map.values);
    map.levels = program_.shared(map.levels);
  }
  if (fresh_.empty()) return;
  clear_ = std::make_unique<gpu::Commands>(device_, gpu::Commands::Options{});
  for (const auto& state : fresh_) clear_->clear(*state);
  clear_->finish();
}

std::shared_ptr<gpu::Buffer> ModelStage::state_for(const Map& map, const ModelStage* before) {
  if (before != nullptr)
    for (const Map& old : before->maps_)
      if (same_map(old.asked, map.asked)) {
        const auto& fresh = before->fresh_;
        const bool is_fresh = std::find(fresh.begin(), fresh.end(), old.state) != fresh.end();
        if (is_fresh && !before->cleared_) fresh_.push_back(old.state);  // no frame has cleared it yet
        return old.state;
      }
  const uint64_t bytes = uint64_t{ops::levels_state(map.rows * map.cols)} * sizeof(float);
  fresh_.push_back(std::make_shared<gpu::Buffer>(device_, bytes, gpu::Memory::device));
  return fresh_.back();
}

size_t ModelStage::index_of(const LiveLayer& layer) const {
  return static_cast<size_t>(
      std::find_if(maps_.begin(), maps_.end(), [&](const Map& m) { return same_map(m.asked, layer); }) -
      maps_.begin());
}

std::vector<gpu::Sequence> ModelStage::map_sequences() {
  std::vector<gpu::Sequence> out;
  if (clear_ && !cleared_) out.push_back({clear_.get()});
  if (!maps_.empty()) out.push_back(program_.part(1));
  return out;
}

}  // namespace fovea
