#include "models/tasks/run_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "fovea/error.h"
#include "models/tasks/beams.h"
#include "models/tasks/chunks.h"
#include "models/tasks/generate.h"
#include "models/tasks/generated.h"

namespace fovea {
namespace {

// What is written behind prompts of one length.
class Writing {
 public:
  Writing(const LoadedModel& model, const StepInputs& inputs, std::vector<uint32_t> prompts, uint32_t most,
          const TokenChoice& choice, const std::string& prefix, RawTensors& out)
      : model_(model),
        inputs_(inputs),
        prompts_(std::move(prompts)),
        most_(most),
        prefix_(prefix),
        out_(out),
        generated_(out, prefix, model.info(), prompts_, inputs.count, most, model.writer()->ids()),
        options_(options_for(choice)),
        generation_(model, options_) {
    for (size_t layer = 0; layer < generation_.cross_layers(); ++layer) {
      const Shape& one = generation_.cross_shape(layer);
      make_zeros(cross_name(layer), {inputs.count, one[1], most, one[3]});
    }
    if (choice.beams > 1) make_zeros(prefix + "generated_score", {inputs.count});
  }

  void operator()() {
    model_.device().impl().save_pipeline_cache();
    for (uint64_t first = 0; first < inputs_.count; first += inputs_.batch) {
      const Chunk chunk{inputs_.count, first, std::min<uint64_t>(inputs_.batch, inputs_.count - first),
                        inputs_.batch};
      start(chunk);
      if (options_.choice.beams > 1)
        search(chunk);
      else
        write(chunk);
    }
  }

 private:
  Generation::Options options_for(const TokenChoice& choice) const {
    Generation::Options out;
    out.pictures = inputs_.batch;
    out.prompt = static_cast<uint32_t>(prompts_.size() / inputs_.count);
    out.most = most_;
    out.inputs = inputs_.shapes;
    for (size_t i = 0; i < out.inputs.size(); ++i)
      if (model_.writer()->reads(i) == Writer::Reads::never) out.inputs[i].reset();
    out.details = out.logits = true;
    out.choice = choice;
    return out;
  }

  std::string cross_name(size_t layer) const { return fmt::format("{}step_cross_attn.{}", prefix_, layer); }

  void make_zeros(const std::string& name, std::vector<uint64_t> shape) {
    size_t elements = 1;
    for (const uint64_t extent : shape) elements *= extent;
    out_[name] = {std::move(shape), std::vector<float>(elements), {}};
  }

  void start(const Chunk& chunk) {
    for (size_t i = 0; i < options_.inputs.size(); ++i)
      if (options_.inputs[i]) write_chunk(generation_, i, model_.inputs()[i], *inputs_.tensors[i], chunk);
    generation_.start(chunk_of<uint32_t>(prompts_, chunk), static_cast<uint32_t>(chunk.images),
                      static_cast<uint32_t>(chunk.first));
  }

  void write(const Chunk& chunk) {
    generated_.write(chunk, [&](uint32_t step, const std::vector<bool>& over) {
      const std::span<const uint32_t> chosen = generation_.step();
      generated_.put_steps("step_logits", chunk, step, over, generation_.logits());
      for (size_t layer = 0; layer < generation_.cross_layers(); ++layer) {
        const std::vector<float> rows = generation_.cross(layer);
        const size_t each = rows.size() / chunk.batch;  // [heads, 1, keys]
        for (uint64_t row = 0; row < chunk.images; ++row)
          if (!over[row])
            put_cross(layer, chunk.first + row, step, std::span(rows).subspan(row * each, each));
      }
      return chosen;
    });
  }

  // With beams: the tokens of the text that won, and the step that chose each.
  void search(const Chunk& chunk) {
    const auto texts = search_beams(generation_, static_cast<uint32_t>(chunk.images));
    for (uint64_t row = 0; row < chunk.images; ++row) {
      const uint64_t image = chunk.first + row;
      out_[prefix_ + "generated_score"].values[image] = texts[row].score;
      uint64_t step = 0;
      for (const BeamText& token : tokens_of(texts[row].text)) {
        generated_.append(image, token->id);
        generated_.put_step("step_logits", image, step, token->logits);
        for (size_t layer = 0; layer < token->cross.size(); ++layer)
          put_cross(layer, image, step, token->cross[layer]);
        ++step;
      }
    }
  }

  // [heads, keys] of one image's step, into [images, heads, steps, keys].
  void put_cross(size_t layer, uint64_t image, uint64_t step, std::span<const float> from) {
    RawTensor& to = out_[cross_name(layer)];
    const uint64_t heads = to.shape[1], keys = to.shape[3];
    for (uint64_t head = 0; head < heads; ++head)
      std::copy_n(
          from.begin() + static_cast<std::ptrdiff_t>(head * keys), keys,
          to.values.begin() + static_cast<std::ptrdiff_t>(((image * heads + head) * most_ + step) * keys));
  }

  const LoadedModel& model_;
  const StepInputs& inputs_;
  std::vector<uint32_t> prompts_;
  uint32_t most_;
  std::string prefix_;
  RawTensors& out_;
  Generated generated_;
  Generation::Options options_;
  Generation generation_;
};

}  // namespace

void run_text(const LoadedModel& model, const StepInputs& inputs, uint32_t most, const TokenChoice& choice,
              RawTensors& out) {
  const Writer* writer = model.writer();
  for (size_t i = 0; i < inputs.tensors.size(); ++i)
    if (writer->reads(i) == Writer::Reads::always && inputs.tensors[i] == nullptr)
      throw Error(ErrorKind::usage, fmt::format("[run] no tensor `{}`: {} writes about it",
                                                model.inputs()[i].name, model.info().architecture));
  Writing(model, inputs, std::vector<uint32_t>(inputs.count, writer->ids().start), most, choice, "", out)();
  const std::optional<size_t> prompt = writer->prompt();
  if (!prompt || inputs.tensors[*prompt] == nullptr) return;
  const std::vector<int64_t>& given = inputs.tensors[*prompt]->integers;
  Writing(model, inputs, {given.begin(), given.end()}, most, choice, "prompt_", out)();
}

}  // namespace fovea
