#include "models/tasks/generated.h"

#include <utility>

#include "models/tasks/classify.h"

namespace fovea {

Generated::Generated(RawTensors& out, std::string prefix, const ModelInfo& info,
                     std::span<const uint32_t> prompts, uint64_t count, uint32_t most,
                     const IdWriter::Ids& ids)
    : out_(out),
      prefix_(std::move(prefix)),
      info_(info),
      count_(count),
      prompt_(static_cast<uint32_t>(prompts.size() / count)),
      most_(most),
      ids_(ids) {
  const uint64_t width = uint64_t{prompt_} + most_;
  std::vector<int64_t> generated(count * width, ids.pad);
  for (uint64_t image = 0; image < count; ++image)
    std::copy_n(prompts.begin() + static_cast<std::ptrdiff_t>(image * prompt_), prompt_,
                generated.begin() + static_cast<std::ptrdiff_t>(image * width));
  tensor("generated") = {{count, width}, {}, std::move(generated)};
  tensor("generated_length") = {{count}, {}, std::vector<int64_t>(count, prompt_)};
}

void Generated::append(uint64_t image, uint32_t id) {
  int64_t& length = tensor("generated_length").integers[image];
  tensor("generated").integers[image * (uint64_t{prompt_} + most_) + static_cast<uint64_t>(length)] = id;
  ++length;
}

void Generated::put_step(const std::string& name, uint64_t image, uint64_t step,
                         std::span<const float> values) {
  check_finite(info_, values);
  RawTensor& to = tensor(name);
  if (to.shape.empty())
    to = {{count_, most_, values.size()}, std::vector<float>(count_ * most_ * values.size()), {}};
  std::copy(values.begin(), values.end(),
            to.values.begin() + static_cast<std::ptrdiff_t>((image * most_ + step) * values.size()));
}

void Generated::put_steps(const std::string& name, const Chunk& chunk, uint64_t step,
                          const std::vector<bool>& over, const std::vector<float>& values) {
  const size_t width = values.size() / chunk.batch;
  for (uint64_t row = 0; row < chunk.images; ++row)
    if (!over[row]) put_step(name, chunk.first + row, step, std::span(values).subspan(row * width, width));
}

}  // namespace fovea
