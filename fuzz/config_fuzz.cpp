// Any text as config.json, and what follows the first NUL as preprocessor_config.json.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "fovea/error.h"
#include "models/config/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t split = text.find('\0');
  std::optional<std::string_view> preprocessor;
  if (split != std::string_view::npos) preprocessor = text.substr(split + 1);
  try {
    const fovea::io::ModelConfig config =
        fovea::io::parse_config(text.substr(0, split), preprocessor, "fuzz/config.json");
    const fovea::io::PreprocessConfig& preprocess = config.preprocess;
    const double resized = std::floor(preprocess.height / preprocess.crop_pct);
    if (preprocess.height == 0 || preprocess.width == 0 || !(resized >= preprocess.height)) std::abort();
    if (!(preprocess.std[0] > 0 && preprocess.std[1] > 0 && preprocess.std[2] > 0)) std::abort();
    fovea::io::arg_size(config.model_args, "img_size", {1, 1}, config.file);
    fovea::io::arg_uint(config.model_args, "depth", 12, config.file);
    fovea::io::arg_double(config.model_args, "mlp_ratio", 4, config.file);
    fovea::io::arg_bool(config.model_args, "qkv_bias", true, config.file);
    fovea::io::arg_string(config.model_args, "act_layer", "gelu", config.file);
  } catch (const fovea::Error&) {  // the only exception that may leave the parser
  }
  return 0;
}
