#include "models/tasks/run_steps.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "fovea/error.h"
#include "models/tasks/chunks.h"
#include "models/tasks/classify.h"
#include "models/tasks/write_steps.h"

namespace fovea {
namespace {

class Writing {
 public:
  Writing(const LoadedModel& model, const StepInputs& inputs, uint32_t most, RawTensors& out)
      : model_(model),
        inputs_(inputs),
        most_(most),
        ids_(model.step_writer()->ids()),
        steps_(model, inputs.batch, inputs.shapes),
        out_(out) {
    out_["generated"] = {{inputs.count, uint64_t{most} + 1},
                         {},
                         std::vector<int64_t>(inputs.count * (size_t{most} + 1), ids_.pad)};
    out_["generated_length"] = {{inputs.count}, {}, std::vector<int64_t>(inputs.count, 1)};
  }

  void operator()() {
    for (uint64_t first = 0; first < inputs_.count; first += inputs_.batch) {
      const uint64_t images = std::min<uint64_t>(inputs_.batch, inputs_.count - first);
      start(first, images);
      write(first, images);
    }
  }

 private:
  void start(uint64_t first, uint64_t images) {
    for (size_t i = 0; i < inputs_.tensors.size(); ++i)
      if (const RawTensor* tensor = inputs_.tensors[i])
        write_chunk(steps_, i, model_.inputs()[i], *tensor, {inputs_.count, first, images, inputs_.batch});
    steps_.start();
  }

  void write(uint64_t first, uint64_t images) {
    auto& generated = out_["generated"].integers;
    auto& lengths = out_["generated_length"].integers;
    std::vector<uint32_t> ids(inputs_.batch, ids_.start);
    std::vector<bool> over(images);
    for (uint64_t row = 0; row < images; ++row) generated[(first + row) * (size_t{most_} + 1)] = ids_.start;
    for (uint32_t s = 0; s < most_ && std::find(over.begin(), over.end(), false) != over.end(); ++s) {
      const std::span<const uint32_t> best = steps_.step(ids);
      keep("step_logits", steps_.logits(), first, s, over);
      keep("step_weights", steps_.weights(), first, s, over);
      for (uint64_t row = 0; row < images; ++row) {
        ids[row] = over[row] ? ids_.pad : best[row];
        if (over[row]) continue;
        generated[(first + row) * (size_t{most_} + 1) + s + 1] = best[row];
        ++lengths[first + row];
        over[row] = best[row] == ids_.end;
      }
    }
  }

  // Of rows that had not ended before this step.
  void keep(const char* name, const std::vector<float>& values, uint64_t first, uint32_t step,
            const std::vector<bool>& over) {
    const size_t width = values.size() / inputs_.batch;
    RawTensor& to = out_[name];
    if (to.shape.empty())
      to = {{inputs_.count, most_, width}, std::vector<float>(inputs_.count * most_ * width), {}};
    for (size_t row = 0; row < over.size(); ++row) {
      if (over[row]) continue;
      const std::span<const float> one(&values[row * width], width);
      check_finite(model_.info(), one);
      std::copy(one.begin(), one.end(),
                to.values.begin() + static_cast<std::ptrdiff_t>(((first + row) * most_ + step) * width));
    }
  }

  const LoadedModel& model_;
  const StepInputs& inputs_;
  uint32_t most_;
  IdWriter::Ids ids_;
  WriteSteps steps_;
  RawTensors& out_;
};

}  // namespace

void run_steps(const LoadedModel& model, const StepInputs& inputs, uint32_t most, RawTensors& out) {
  if (model.step_writer() == nullptr)
    throw Error(ErrorKind::usage,
                fmt::format("[run] {} writes nothing: it cannot generate", model.info().architecture));
  if (const uint32_t longest = model.step_writer()->most(); most > longest)
    throw Error(ErrorKind::usage, fmt::format("[run] generate {}: {} writes {} ids at most", most,
                                              model.info().architecture, longest));
  Writing(model, inputs, most, out)();
}

}  // namespace fovea
