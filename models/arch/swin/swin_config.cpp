#include "models/arch/swin/swin_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "fovea/error.h"
#include "models/nn/activation.h"
#include "models/nn/relative_position.h"
#include "models/nn/shapes.h"

namespace fovea::swin {
namespace {

using layers::GridSize;

[[noreturn]] void refuse(const io::ModelConfig& config, const std::string& what) {
  throw Error(ErrorKind::model, fmt::format("[load] {}: {}", config.file.string(), what));
}

// Without a configured window the bias table tells it: of a square window, or of one as high or as wide as
// the grid it was trained on.
GridSize trained_window(const io::Weights& attn, const GridSize& trained) {
  const uint32_t offsets = layers::dimension(attn, "relative_position_bias_table", 2, 0);
  if (const uint32_t side = layers::square_window(offsets); side != 0) return {side, side};
  for (const uint32_t axis : {0U, 1U}) {
    const uint32_t known = 2 * trained[axis] - 1, other = offsets / known;
    if (offsets % known != 0 || other % 2 == 0) continue;
    GridSize out{};
    out[axis] = trained[axis];
    out[1 - axis] = (other + 1) / 2;
    return out;
  }
  throw Error(ErrorKind::model,
              fmt::format("[load] tensor {} has {} offsets, those of no window in a grid of {}×{}: set "
                          "window_size in model_args",
                          attn.path("relative_position_bias_table"), offsets, trained[0], trained[1]));
}

// transformers' choice: square windows, which shift in both directions or in none.
layers::WindowChoice square_windows(const io::ModelConfig& config, uint32_t stage, const GridSize& grid) {
  const uint32_t window = io::arg_uint(config.model_args, "window_size", 7, config.file, 1, 1024),
                 side = std::min(grid[0], grid[1]), shift = side == window ? 0 : window / 2;
  if (side < window)
    throw Error(ErrorKind::usage,
                fmt::format("[load] stage {} has a grid of {}×{}, smaller than windows of {}×{} ({}): use a "
                            "larger input",
                            stage, grid[0], grid[1], window, window, config.architecture));
  return {{window, window}, {shift, shift}, /*pads_first=*/true};
}

}  // namespace

Settings settings_of(const io::ModelConfig& config) {
  Settings s;
  if (config.naming == io::Naming::timm) {
    io::check_known_args(config, {"img_size", "patch_size", "in_chans", "num_classes", "global_pool",
                                  "embed_dim", "depths", "num_heads", "head_dim", "window_size",
                                  "always_partition", "strict_img_size", "mlp_ratio", "qkv_bias", "drop_rate",
                                  "proj_drop_rate", "attn_drop_rate", "drop_path_rate", "weight_init"});
    const std::string pool = io::arg_string(config.model_args, "global_pool", "avg", config.file);
    if (pool != "avg") refuse(config, fmt::format("global_pool is '{}', a Swin here has 'avg'", pool));
    return s;
  }
  if (!config.architecture.ends_with("ForImageClassification") && config.architecture != "SwinModel")
    refuse(config, fmt::format("{} answers otherwise than SwinModel and SwinForImageClassification, which "
                               "Fovea has",
                               config.architecture));
  s.epsilon =
      static_cast<float>(io::arg_double(config.model_args, "layer_norm_eps", 1e-5, config.file, 0, 1));
  s.activation = layers::activation_of(config, "hidden_act", "gelu");
  return s;
}

layers::WindowChoice windows_of(const io::ModelConfig& config, uint32_t stage, const io::Weights& attn,
                                const StageGrid& grid) {
  if (config.naming == io::Naming::transformers) return square_windows(config, stage, grid.size);
  const auto configured = layers::configured_window(config, stage);
  return layers::fitted_window(grid.nominal, configured ? *configured : trained_window(attn, grid.trained),
                               io::arg_bool(config.model_args, "always_partition", false, config.file));
}

}  // namespace fovea::swin
