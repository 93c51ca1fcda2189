#include "models/tasks/run_steps.h"

#include <fmt/format.h>

#include <algorithm>

#include "fovea/error.h"
#include "models/tasks/chunks.h"
#include "models/tasks/generated.h"
#include "models/tasks/write_steps.h"

namespace fovea {

void run_steps(const LoadedModel& model, const StepInputs& inputs, uint32_t most, RawTensors& out) {
  if (const uint32_t longest = model.step_writer()->most(); most > longest)
    throw Error(ErrorKind::usage, fmt::format("[run] generate {}: {} writes {} ids at most", most,
                                              model.info().architecture, longest));
  const IdWriter::Ids own = model.step_writer()->ids();
  Generated generated(out, "", model.info(), std::vector<uint32_t>(inputs.count, own.start), inputs.count,
                      most, own);
  WriteSteps steps(model, inputs.batch, inputs.shapes);
  for (uint64_t first = 0; first < inputs.count; first += inputs.batch) {
    const Chunk chunk{inputs.count, first, std::min<uint64_t>(inputs.batch, inputs.count - first),
                      inputs.batch};
    for (size_t i = 0; i < inputs.tensors.size(); ++i)
      if (const RawTensor* tensor = inputs.tensors[i])
        write_chunk(steps, i, model.inputs()[i], *tensor, chunk);
    steps.start();
    std::vector<uint32_t> ids(inputs.batch, own.start);
    generated.write(chunk, [&](uint32_t step, const std::vector<bool>& over) {
      const std::span<const uint32_t> best = steps.step(ids);
      generated.put_steps("step_logits", chunk, step, over, steps.logits());
      generated.put_steps("step_weights", chunk, step, over, steps.weights());
      for (uint64_t row = 0; row < chunk.images; ++row) ids[row] = over[row] ? own.pad : best[row];
      return best;
    });
  }
}

}  // namespace fovea
