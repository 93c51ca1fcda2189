// A model's inputs in a recording.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "models/model/model.h"

namespace fovea {

// Of some images, from the shape of one; empty tensors where there is none. The host writes those of which
// from_host(i) says so, another program the others.
template <class FromHost>
std::vector<Tensor> record_inputs(Recorder& r, const LoadedModel& model, uint32_t images,
                                  const std::vector<std::optional<Shape>>& shapes, FromHost from_host) {
  std::vector<Tensor> out;
  for (size_t i = 0; i < model.inputs().size(); ++i) {
    if (!shapes.at(i)) {
      out.emplace_back();
      continue;
    }
    const Port& port = model.inputs()[i];
    const Shape shape = of_images(images, *shapes[i]);
    const DType type = model.device_type(port);
    out.push_back(from_host(i) ? r.input(shape, type, port.name.c_str())
                               : r.temporary(shape, type, port.name.c_str()));
    if (!from_host(i)) r.keep(out.back());
  }
  return out;
}

}  // namespace fovea
