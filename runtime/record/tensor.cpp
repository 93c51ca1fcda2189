#include "runtime/record/tensor.h"

#include <fmt/format.h>

#include "fovea/error.h"
#include "runtime/record/layer_scope.h"

namespace fovea {

Tensor Tensor::reshaped(const Shape& to) const {
  if (to.elements() != shape.elements())
    throw Error(ErrorKind::usage,
                error_prefix("reshape") + fmt::format("{} does not fit {}", to_string(shape), to_string(to)));
  Tensor out = *this;
  out.shape = to;
  return out;
}

Tensor Tensor::part(uint64_t first, const Shape& to) const {
  const uint64_t all = shape.elements(), wanted = to.elements();
  if (wanted == 0 || wanted > all || first > all - wanted)
    throw Error(ErrorKind::usage,
                error_prefix("part") + fmt::format("{} from element {} on does not lie in {}", to_string(to),
                                                   first, to_string(shape)));
  Tensor out = *this;
  out.shape = to;
  out.offset += first * element_bytes(dtype);
  return out;
}

Tensor Tensor::slice(uint32_t first, uint32_t count) const {
  if (count == 0 || count > shape[0] || first > shape[0] - count)
    throw Error(ErrorKind::usage,
                error_prefix("slice") + fmt::format("{} from {} on of {}", count, first, to_string(shape)));
  const uint64_t entry = shape.elements() / shape[0];
  return part(first * entry, shape.with_first(count));
}

void check_owner(const Tensor& t, uint32_t serial, const char* operation) {
  if (t.owner != serial)
    throw Error(ErrorKind::usage,
                error_prefix(operation) + "a tensor of another recording: use Program::shared");
}

void check_capacity(const Tensor& t, uint64_t capacity, const char* operation) {
  if (t.offset > capacity || t.bytes() > capacity - t.offset)
    throw Error(
        ErrorKind::usage,
        error_prefix(operation) + fmt::format("{} {} from byte {} on, where there are {} bytes",
                                              to_string(t.shape), to_string(t.dtype), t.offset, capacity));
}

}  // namespace fovea
