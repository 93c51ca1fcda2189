// Which dispatches must wait: reads and writes of memory ranges since the last barrier.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/record/kernel.h"
#include "runtime/vk/commands.h"

namespace fovea {

class HazardTracker {
 public:
  // True when a barrier must precede a dispatch with these bindings; accounts for the dispatch.
  bool needs_barrier(std::span<const gpu::BindingRange> ranges, std::span<const Access> access);
  void clear();  // after a barrier that was needed for another reason

 private:
  std::vector<gpu::BindingRange> read_, written_;
};

}  // namespace fovea
