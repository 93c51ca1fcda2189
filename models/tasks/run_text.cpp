#include "models/tasks/run_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "fovea/error.h"
#include "models/tasks/beams.h"
#include "models/tasks/chunks.h"
#include "models/tasks/classify.h"
#include "models/tasks/generate.h"

namespace fovea {
namespace {

// What is written behind prompts of one length.
class Writing {
 public:
  Writing(const LoadedModel& model, const StepInputs& inputs, std::vector<uint32_t> prompts, uint32_t most,
          const TokenChoice& choice, std::string prefix)
      : model_(model),
        inputs_(inputs),
        prompts_(std::move(prompts)),
        prompt_(static_cast<uint32_t>(prompts_.size() / inputs.count)),
        most_(most),
        choice_(choice),
        prefix_(std::move(prefix)),
        ids_(model.writer()->ids()) {}

  void operator()(RawTensors& out) {
    Generation::Options options{inputs_.batch, prompt_, most_, inputs_.shapes, true, true, {}, choice_};
    for (size_t i = 0; i < options.inputs.size(); ++i)
      if (model_.writer()->reads(i) == Writer::Reads::never) options.inputs[i].reset();
    Generation generation(model_, options);
    model_.device().impl().save_pipeline_cache();
    make_room(generation, out);
    for (uint64_t first = 0; first < inputs_.count; first += inputs_.batch) {
      const uint64_t images = std::min<uint64_t>(inputs_.batch, inputs_.count - first);
      start(generation, options, first, images);
      if (choice_.beams > 1)
        search(generation, first, images, out);
      else
        write(generation, first, images, out);
    }
  }

 private:
  void make_room(const Generation& generation, RawTensors& out) const {
    const uint64_t tokens = uint64_t{prompt_} + most_, vocabulary = model_.writer()->text().vocabulary();
    out[prefix_ + "generated"] = {{inputs_.count, tokens}, {}, std::vector<int64_t>(inputs_.count * tokens)};
    out[prefix_ + "generated_length"] = {{inputs_.count}, {}, std::vector<int64_t>(inputs_.count)};
    const auto zeros = [&](const std::string& name, std::vector<uint64_t> shape) {
      size_t elements = 1;
      for (const uint64_t extent : shape) elements *= extent;
      out[prefix_ + name] = {std::move(shape), std::vector<float>(elements), {}};
    };
    zeros("step_logits", {inputs_.count, most_, vocabulary});
    for (size_t layer = 0; layer < generation.cross_layers(); ++layer) {
      const Shape& one = generation.cross_shape(layer);
      zeros(fmt::format("step_cross_attn.{}", layer), {inputs_.count, one[1], most_, one[3]});
    }
    if (choice_.beams > 1) zeros("generated_score", {inputs_.count});
  }

  void start(Generation& generation, const Generation::Options& options, uint64_t first, uint64_t images) {
    const Chunk chunk{inputs_.count, first, images, inputs_.batch};
    for (size_t i = 0; i < options.inputs.size(); ++i)
      if (options.inputs[i]) write_chunk(generation, i, model_.inputs()[i], *inputs_.tensors[i], chunk);
    generation.start(chunk_of<uint32_t>(prompts_, chunk), static_cast<uint32_t>(images),
                     static_cast<uint32_t>(first));
  }

  void write(Generation& generation, uint64_t first, uint64_t images, RawTensors& out) {
    RawTensor& generated = out[prefix_ + "generated"];
    RawTensor& lengths = out[prefix_ + "generated_length"];
    const uint64_t width = uint64_t{prompt_} + most_;
    std::vector<bool> over(images);
    begin_with_prompts(first, images, out);
    for (uint32_t step = 0; step < most_ && !std::all_of(over.begin(), over.end(), [](bool b) { return b; });
         ++step) {
      const auto chosen = generation.step();
      keep(generation, first, step, over, out);
      for (uint64_t row = 0; row < images; ++row) {
        if (over[row]) continue;
        generated.integers[(first + row) * width + prompt_ + step] = chosen[row];
        ++lengths.integers[first + row];
        over[row] = chosen[row] == ids_.end;
      }
    }
  }

  void begin_with_prompts(uint64_t first, uint64_t images, RawTensors& out) const {
    RawTensor& generated = out[prefix_ + "generated"];
    for (uint64_t image = first; image < first + images; ++image) {
      const auto to =
          generated.integers.begin() + static_cast<std::ptrdiff_t>(image * (uint64_t{prompt_} + most_));
      std::copy_n(prompts_.begin() + static_cast<std::ptrdiff_t>(image * prompt_), prompt_, to);
      std::fill_n(to + prompt_, most_, ids_.pad);
      out[prefix_ + "generated_length"].integers[image] = prompt_;
    }
  }

  // With beams: the tokens of the text that won, and the step that chose each.
  void search(Generation& generation, uint64_t first, uint64_t images, RawTensors& out) {
    begin_with_prompts(first, images, out);
    const auto texts = search_beams(generation, static_cast<uint32_t>(images));
    for (uint64_t row = 0; row < images; ++row) {
      const uint64_t image = first + row;
      const std::vector<BeamText> tokens = tokens_of(texts[row].text);
      out[prefix_ + "generated_score"].values[image] = texts[row].score;
      out[prefix_ + "generated_length"].integers[image] += static_cast<int64_t>(tokens.size());
      for (size_t step = 0; step < tokens.size(); ++step) {
        const BeamToken& token = *tokens[step];
        check_finite(model_.info(), token.logits);
        out[prefix_ + "generated"].integers[image * (uint64_t{prompt_} + most_) + prompt_ + step] = token.id;
        std::copy(token.logits.begin(), token.logits.end(),
                  out[prefix_ + "step_logits"].values.begin() +
                      static_cast<std::ptrdiff_t>((image * most_ + step) * token.logits.size()));
        for (size_t layer = 0; layer < token.cross.size(); ++layer)
          place_heads(token.cross[layer].begin(), generation.cross_shape(layer), image, step,
                      out[fmt::format("{}step_cross_attn.{}", prefix_, layer)]);
      }
    }
  }

  // [heads, keys] of one image's step, into [images, heads, steps, keys].
  void place_heads(std::vector<float>::const_iterator from, const Shape& shape, uint64_t image, uint64_t step,
                   RawTensor& to) const {
    for (uint64_t head = 0; head < shape[1]; ++head)
      std::copy_n(from + static_cast<std::ptrdiff_t>(head * shape[3]), shape[3],
                  to.values.begin() +
                      static_cast<std::ptrdiff_t>(((image * shape[1] + head) * most_ + step) * shape[3]));
  }

  // Of rows that had not ended before this step.
  void keep(const Generation& generation, uint64_t first, uint32_t step, const std::vector<bool>& over,
            RawTensors& out) const {
    const std::vector<float> logits = generation.logits();
    const size_t vocabulary = logits.size() / inputs_.batch;
    for (size_t row = 0; row < over.size(); ++row) {
      if (over[row]) continue;
      const std::span<const float> one(&logits[row * vocabulary], vocabulary);
      check_finite(model_.info(), one);
      const size_t at = ((first + row) * most_ + step) * vocabulary;
      std::copy(one.begin(), one.end(),
                out[prefix_ + "step_logits"].values.begin() + static_cast<std::ptrdiff_t>(at));
    }
    for (size_t layer = 0; layer < generation.cross_layers(); ++layer) {
      const std::vector<float> rows = generation.cross(layer);
      const Shape& shape = generation.cross_shape(layer);  // [rows, heads, 1, keys]
      RawTensor& to = out[fmt::format("{}step_cross_attn.{}", prefix_, layer)];
      for (size_t row = 0; row < over.size(); ++row)
        if (!over[row])
          place_heads(rows.begin() + static_cast<std::ptrdiff_t>(row * shape[1] * shape[3]), shape,
                      first + row, step, to);
    }
  }

  const LoadedModel& model_;
  const StepInputs& inputs_;
  std::vector<uint32_t> prompts_;
  uint32_t prompt_, most_;
  TokenChoice choice_;
  std::string prefix_;
  Writer::Ids ids_;
};

}  // namespace

void run_text(const LoadedModel& model, const StepInputs& inputs, uint32_t most, const TokenChoice& choice,
              RawTensors& out) {
  const Writer* writer = model.writer();
  for (size_t i = 0; i < inputs.tensors.size(); ++i)
    if (writer->reads(i) == Writer::Reads::always && inputs.tensors[i] == nullptr)
      throw Error(ErrorKind::usage, fmt::format("[run] no tensor `{}`: {} writes about it",
                                                model.inputs()[i].name, model.info().architecture));
  Writing(model, inputs, std::vector<uint32_t>(inputs.count, writer->ids().start), most, choice, "")(out);
  const std::optional<size_t> prompt = writer->prompt();
  if (!prompt || inputs.tensors[*prompt] == nullptr) return;
  const std::vector<int64_t>& given = inputs.tensors[*prompt]->integers;
  Writing(model, inputs, {given.begin(), given.end()}, most, choice, "prompt_")(out);
}

}  // namespace fovea
