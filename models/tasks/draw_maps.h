// The task of drawing maps from what a forward pass kept.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "fovea/maps.h"
#include "maps/evidence_terms.h"
#include "models/tasks/forward.h"

namespace fovea {

// Each request is recorded once and replayed on what every pass leaves. Refers to the pass's memory, which
// must outlive it.
class DrawMaps {
 public:
  DrawMaps(const LoadedModel& model, const Forward& pass) : model_(model), pass_(pass) {}

  void pass_has_run() { ++generation_; }  // what was drawn is of an earlier one
  AttentionMap map(const MapRequest& request, uint32_t slot);
  ClassEvidence evidence(uint32_t target, uint32_t slot);

 private:
  struct Recorded {
    MapRequest request;
    maps::Drawn map;
    Program program;
    uint64_t generation;  // the pass that `values` belongs to
    std::vector<float> values;
  };
  Recorded& recorded(const MapRequest& request);

  const LoadedModel& model_;
  const Forward& pass_;
  std::vector<Recorded> recorded_;
  std::optional<maps::EvidenceTerms> evidence_terms_;
  uint64_t generation_ = 0;
};

}  // namespace fovea
