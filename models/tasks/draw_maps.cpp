#include "models/tasks/draw_maps.h"

#include <span>
#include <utility>

namespace fovea {
namespace {

constexpr size_t most_recorded = 16;  // then all are forgotten and recorded anew when asked for

}  // namespace

DrawMaps::Recorded& DrawMaps::recorded(const MapRequest& request) {
  for (Recorded& m : recorded_)
    if (m.request == request) return m;
  if (recorded_.size() == most_recorded) recorded_.clear();
  Recorder r(model_.device().impl());
  maps::Drawn map = maps::draw(r, pass_.kept(), request, model_.info());
  r.output(map.values);
  Recorded& m = recorded_.emplace_back(Recorded{request, std::move(map), r.finish(), 0, {}});
  for (const auto& [tensor, values] : m.map.presets)
    m.program.write(tensor, std::as_bytes(std::span(values)));
  return m;
}

AttentionMap DrawMaps::map(const MapRequest& request, uint32_t slot) {
  Recorded& m = recorded(request);
  if (m.generation != generation_) {  // every slot at once
    m.program.run();
    m.values.resize(m.map.values.shape.elements());
    m.program.read(m.map.values, std::as_writable_bytes(std::span(m.values)));
    m.generation = generation_;
  }
  const size_t cells = size_t{m.map.rows} * m.map.cols;
  const auto first =
      m.values.begin() + static_cast<std::ptrdiff_t>(slot * m.map.values.shape[1] + m.map.first);
  return {m.map.rows, m.map.cols, {first, first + static_cast<std::ptrdiff_t>(cells)}};
}

ClassEvidence DrawMaps::evidence(uint32_t target, uint32_t slot) {
  if (!evidence_terms_) evidence_terms_.emplace(model_.device().impl(), pass_.kept(), model_.info());
  return evidence_terms_->of(target, slot);
}

}  // namespace fovea
