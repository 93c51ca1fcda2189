// Tensors of many images, as many of them at a time as a pass takes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "fovea/run.h"
#include "models/model/pass.h"

namespace fovea {

// Which images of how many, and the slots of a pass.
struct Chunk {
  uint64_t count = 0, first = 0, images = 0;
  uint32_t batch = 1;
};

// Images from `first` on, as the device has them, zeros in the slots behind them. `outer`: entries of a
// tensor before its axis of images.
template <class To, class From>
std::vector<To> chunk_of(const std::vector<From>& all, const Chunk& chunk, uint64_t outer = 1) {
  const size_t inner = all.size() / chunk.count / outer;
  std::vector<To> out(inner * outer * chunk.batch);
  for (uint64_t i = 0; i < chunk.images; ++i)
    for (uint64_t o = 0; o < outer; ++o) {
      const auto from =
          all.begin() + static_cast<std::ptrdiff_t>((o * chunk.count + chunk.first + i) * inner);
      std::transform(from, from + static_cast<std::ptrdiff_t>(inner),
                     out.begin() + static_cast<std::ptrdiff_t>((i * outer + o) * inner),
                     [](From v) { return static_cast<To>(v); });
    }
  return out;
}

// Into input i of `to`, which has write(i, values) of floats and of words.
template <class Pass>
void write_chunk(Pass& to, size_t i, const Port& port, const RawTensor& tensor, const Chunk& chunk) {
  uint64_t outer = 1;
  for (uint32_t d = 0; d < port.images_axis; ++d) outer *= tensor.shape[d];
  if (port.type == DType::f32)
    to.write(i, std::span<const float>(chunk_of<float>(tensor.values, chunk, outer)));
  else
    to.write(i, std::span<const uint32_t>(chunk_of<uint32_t>(tensor.integers, chunk, outer)));
}

}  // namespace fovea
