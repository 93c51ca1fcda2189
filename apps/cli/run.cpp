// `fovea run`: raw tensors in, raw tensors out.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/cli/commands.h"
#include "apps/hub/model_flags.h"
#include "apps/text/typed.h"
#include "apps/util/terminal.h"
#include "core/atomic_file.h"
#include "core/text.h"
#include "fovea/error.h"
#include "fovea/session.h"
#include "models/weights/safetensors.h"

namespace fovea::apps {
namespace {

struct Flags {
  ModelFlags model;
  std::string input, output, attention;
  uint32_t batch = 0;
};

// "all" or "0,3,11".
std::vector<uint32_t> parse_layers(const std::string& text, uint32_t layers) {
  std::vector<uint32_t> chosen;
  if (text == "all") {
    chosen.resize(layers);
    std::iota(chosen.begin(), chosen.end(), 0U);
    return chosen;
  }
  for (size_t at = 0; at <= text.size() && !text.empty();) {
    const size_t comma = std::min(text.find(',', at), text.size());
    uint32_t layer = 0;
    if (!parse_number(std::string_view(text).substr(at, comma - at), layer) || layer >= layers)
      throw Error(ErrorKind::usage,
                  fmt::format("--attention {}: want all, or layers 0 to {} with commas between",
                              printable(text), layers - 1));
    chosen.push_back(layer);
    at = comma + 1;
  }
  std::sort(chosen.begin(), chosen.end());
  chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
  return chosen;
}

const io::TensorEntry& input_tensor(const io::Safetensors& file, const ModelInfo& info) {
  const io::TensorEntry* input = file.find("input");
  if (input == nullptr)
    throw Error(ErrorKind::file, fmt::format("{}: no tensor `input`", printable(file.file())));
  const auto& shape = input->shape;
  if (input->dtype != io::DType::f32 && input->dtype != io::DType::f16 && input->dtype != io::DType::bf16)
    throw Error(ErrorKind::file, fmt::format("{}: `input` is {}, want F32, F16 or BF16",
                                             printable(file.file()), io::to_string(input->dtype)));
  if (shape.size() != 4 || shape[0] == 0 || shape[0] > UINT32_MAX || shape[1] != 3 ||
      shape[2] != info.height || shape[3] != info.width)
    throw Error(
        ErrorKind::file,
        fmt::format("{}: `input` is [{}], {} takes [B, 3, {}, {}]; --size gives another height and width",
                    printable(file.file()), fmt::join(shape, ", "), info.architecture, info.height,
                    info.width));
  return *input;
}

int run(const Flags& flags) {
  refuse_same_file("--output", flags.output, flags.input);
  const io::Safetensors file = io::Safetensors::open(flags.input);
  const Model model = load_model(flags.model);
  const std::vector<uint32_t> layers =
      parse_layers(flags.attention, static_cast<uint32_t>(model.info().attention.size()));
  const io::TensorEntry& input = input_tensor(file, model.info());
  const auto count = static_cast<uint32_t>(input.shape[0]);

  // A few at a time: the batch of a file is no reason to run out of device memory.
  constexpr uint32_t usual_batch = 8;
  SessionOptions options;
  options.batch = std::min(count, flags.batch > 0 ? flags.batch : usual_batch);
  options.attention = !layers.empty();
  Session session(model, options);
  std::vector<io::OutputTensor> outputs;
  for (auto& [name, tensor] : session.run(io::to_float(input), count, layers))
    outputs.push_back({name, std::move(tensor.shape), std::move(tensor.values)});
  io::write_safetensors(flags.output, outputs);
  return exit_good;
}

}  // namespace

void add_run(CLI::App& program, int& exit_code) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* command = program.add_subcommand("run", "Raw tensors in, raw tensors out (safetensors)");
  add_model_flags(*command, flags->model);
  command->add_option("--input", flags->input, "File with `input` [B, 3, H, W], already normalised")
      ->type_name("FILE")
      ->required();
  command
      ->add_option("--output", flags->output,
                   "File for `logits`, `features` and `attn.<i>` [B, heads, tokens, tokens]")
      ->type_name("FILE")
      ->required();
  command->add_option("--attention", flags->attention, "Layers whose attention to write: all, or I,J...")
      ->type_name("LAYERS");
  command->add_option("--batch", flags->batch, "Images in one forward pass (default: up to 8)")
      ->check(CLI::Range(1, 4096));
  command->callback([flags, &exit_code] { exit_code = run(*flags); });
}

}  // namespace fovea::apps
