#include "apps/cli/raw_inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "apps/text/typed.h"
#include "core/text.h"

namespace fovea::apps {
namespace {

// What a reference file holds besides inputs: outputs, the attention of layers, what was generated.
bool is_result(const std::string& name, const std::vector<TensorInfo>& outputs) {
  if (find(outputs, name) != nullptr) return true;
  for (const std::string_view prefix : {"generated", "step_", "prompt_generated", "prompt_step_"})
    if (name.starts_with(prefix)) return true;
  const size_t dot = name.find('.');
  const std::string_view kind = std::string_view(name).substr(0, dot);
  uint32_t layer = 0;
  return dot != std::string::npos && parse_number(std::string_view(name).substr(dot + 1), layer) &&
         (kind.ends_with("attn") || kind == "gate" || kind == "applied");
}

}  // namespace

RawTensors inputs_in(const io::Safetensors& file, const Model& model) {
  const std::vector<TensorInfo> inputs = inputs_of(model), outputs = outputs_of(model);
  RawTensors out;
  for (const io::TensorEntry& tensor : file.tensors()) {
    const bool taken = find(inputs, tensor.name) != nullptr;
    if (!taken && is_result(tensor.name, outputs)) continue;
    RawTensor& raw = out[printable(tensor.name)];
    raw.shape = tensor.shape;
    if (!taken) continue;
    if (io::is_integer(tensor.dtype))
      raw.integers = io::to_integers(tensor);
    else
      raw.values = io::to_float(tensor);
  }
  return out;
}

ModelFlags sized(ModelFlags flags, const io::Safetensors& file) {
  constexpr uint64_t most = 16384;
  for (const char* name : {"input", "pixel_values"}) {
    const io::TensorEntry* pictures = file.find(name);
    if (!flags.size.empty() || pictures == nullptr || pictures->shape.size() != 4) continue;
    const uint64_t height = pictures->shape[2], width = pictures->shape[3];
    if (std::min(height, width) > 0 && std::max(height, width) <= most)
      flags.size = fmt::format("{}x{}", height, width);
  }
  return flags;
}

}  // namespace fovea::apps
