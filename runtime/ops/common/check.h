// Shape checks of operations: the message begins with the operation and the layer and gives the actual
// shapes.
#pragma once

#include <string>

#include "fovea/error.h"
#include "runtime/record/layer_scope.h"
#include "runtime/record/tensor.h"

namespace fovea::ops {

// `what` describes the shapes, e.g. "x is [197, 192], gamma is [384]"; built only when the check fails.
template <class Describe>
void check(bool fits, const char* operation, Describe&& describe) {
  if (!fits) throw Error(ErrorKind::usage, error_prefix(operation) + describe());
}

inline std::string shape_of(const char* name, const Tensor& t) {
  return std::string(name) + " is " + to_string(t.shape);
}

// Work items in groups, rounded up.
constexpr uint32_t groups(uint64_t items, uint32_t group) {
  return static_cast<uint32_t>((items + group - 1) / group);
}

}  // namespace fovea::ops
