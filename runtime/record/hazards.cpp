#include "runtime/record/hazards.h"

#include <algorithm>

namespace fovea {
namespace {

bool overlaps(const gpu::BindingRange& a, const gpu::BindingRange& b) {
  return a.buffer == b.buffer && a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
}

bool overlaps_any(const std::vector<gpu::BindingRange>& list, const gpu::BindingRange& range) {
  return std::any_of(list.begin(), list.end(), [&](const auto& other) { return overlaps(other, range); });
}

}  // namespace

bool HazardTracker::needs_barrier(std::span<const gpu::BindingRange> ranges, std::span<const Access> access) {
  bool needed = false;
  for (size_t i = 0; i < ranges.size(); ++i) {
    if (overlaps_any(written_, ranges[i])) needed = true;  // read or write after write
    if (access[i] != Access::read && overlaps_any(read_, ranges[i])) needed = true;  // write after read
  }
  if (needed) clear();
  for (size_t i = 0; i < ranges.size(); ++i) {
    if (access[i] != Access::write) read_.push_back(ranges[i]);
    if (access[i] != Access::read) written_.push_back(ranges[i]);
  }
  return needed;
}

void HazardTracker::clear() {
  read_.clear();
  written_.clear();
}

}  // namespace fovea
