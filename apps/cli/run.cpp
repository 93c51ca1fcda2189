// `fovea run`: raw tensors in, raw tensors out.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/cli/choice_flags.h"
#include "apps/cli/commands.h"
#include "apps/cli/raw_inputs.h"
#include "apps/hub/model_flags.h"
#include "apps/text/typed.h"
#include "apps/util/terminal.h"
#include "core/atomic_file.h"
#include "core/text.h"
#include "fovea/error.h"
#include "fovea/run.h"
#include "fovea/session.h"
#include "models/weights/safetensors.h"

namespace fovea::apps {
namespace {

struct Flags {
  ModelFlags model;
  std::string input, output, outputs, attention;
  uint32_t batch = 0, generate = 0;
  ChoiceFlags choice;
  bool gradients = false;
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
                  layers == 0 ? fmt::format("--attention {}: the model has no attention", printable(text))
                              : fmt::format("--attention {}: want all, or layers 0 to {} with commas between",
                                            printable(text), layers - 1));
    chosen.push_back(layer);
    at = comma + 1;
  }
  std::sort(chosen.begin(), chosen.end());
  chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
  return chosen;
}

// "logits,features", each one that the model gives.
std::vector<std::string> parse_outputs(const std::string& text, const Model& model) {
  std::vector<std::string> chosen;
  const std::vector<TensorInfo> outputs = outputs_of(model);
  for (size_t at = 0; at <= text.size() && !text.empty();) {
    const size_t comma = std::min(text.find(',', at), text.size());
    chosen.push_back(text.substr(at, comma - at));
    at = comma + 1;
    if (find(outputs, chosen.back()) != nullptr) continue;
    std::string names;
    for (const TensorInfo& info : outputs) names += (names.empty() ? "" : ", ") + info.name;
    throw Error(ErrorKind::usage, fmt::format("--outputs {}: {} gives {}", printable(chosen.back()),
                                              model.info().architecture, names));
  }
  return chosen;
}

void require_abilities(const Flags& flags, const Model& model) {
  const std::string& name = model.info().architecture;
  if (flags.generate != 0 && !writes_ids(model))
    throw Error(ErrorKind::usage, fmt::format("--generate {}: {} writes nothing", flags.generate, name));
  if (flags.gradients && !has_loss(model))
    throw Error(ErrorKind::usage, fmt::format("--gradients: {} has no loss", name));
}

int run(const Flags& flags) {
  flags.choice.check();
  refuse_same_file("--output", flags.output, flags.input);
  const io::Safetensors file = io::Safetensors::open(flags.input);
  const Model model = load_model(sized(flags.model, file));
  require_abilities(flags, model);
  RunOptions options;
  options.attention_layers =
      parse_layers(flags.attention, static_cast<uint32_t>(model.info().attention.size()));
  options.outputs = parse_outputs(flags.outputs, model);
  // A few at a time: the batch of a file is no reason to run out of device memory.
  if (flags.batch > 0) options.batch = flags.batch;
  options.gradients = flags.gradients;
  options.generate = flags.generate;
  options.choice = flags.choice.choice;

  std::vector<io::OutputTensor> results;
  try {
    for (auto& [name, tensor] : fovea::run(model, inputs_in(file, model), options))
      results.push_back(
          {name, std::move(tensor.shape), std::move(tensor.values), std::move(tensor.integers)});
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::usage) throw;
    throw Error(ErrorKind::file,
                fmt::format("{}: {}", printable(file.file()), error.what()));  // flags are good
  }
  io::write_safetensors(flags.output, results);
  return exit_good;
}

}  // namespace

void add_run(const Command& program) {
  const auto flags = std::make_shared<Flags>();
  const Command command = program.command("run", "Raw tensors in, raw tensors out (safetensors)");
  add_model_flags(command, flags->model);
  command
      .option("--input", flags->input,
              "File with the model's inputs by name, pictures already normalised: `input` or `pixel_values` "
              "[B, 3, H, W]; outputs in it are ignored")
      .type_name("FILE")
      .required();
  command
      .option(
          "--output", flags->output,
          "File for the model's outputs: `logits` and `features` of timm's models, `logits`, "
          "`last_hidden_state` (also as `features`) and `pooler_output` of transformers', and the attention "
          "asked for")
      .type_name("FILE")
      .required();
  command.option("--outputs", flags->outputs, "Which of them, with commas between (default: all)")
      .type_name("NAMES");
  command
      .option("--attention", flags->attention,
              "Layers whose attention to write: all, or I,J..., as `attn.<i>` [B, heads, tokens, tokens] or "
              "`gate.<i>`; of models that write, `encoder_attn.<i>`, `decoder_attn.<i>` and `cross_attn.<i>`")
      .type_name("LAYERS");
  command
      .option("--generate", flags->generate,
              "Let the model write up to N ids: adds `generated`, `generated_length`, `step_logits`, and "
              "`step_weights` or `step_cross_attn.<i>`")
      .type_name("N")
      .between(1, 1U << 16);
  add_choice_flags(command, flags->choice, "--generate");
  command.flag("--gradients", flags->gradients,
               "Write `loss` and `grad.<parameter>` too, of a model that has a loss");
  command.option("--batch", flags->batch, "Images in one forward pass (default: up to 8)")
      .between(1, largest_batch);
  command.runs([flags] { return run(*flags); });
}

}  // namespace fovea::apps
