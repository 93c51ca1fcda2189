#include "models/arch/swin_v2/swin_v2_config.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>

#include "core/pattern.h"
#include "fovea/error.h"
#include "models/nn/activation.h"

namespace fovea::swin_v2 {
namespace {

// Window, or window of the pretraining "to" that of the model; likewise the picture's side.
const Pattern& names() {
  static const Pattern pattern(
      "swinv2_(?:tiny|small|base|large)_window(\\d{1,3})(?:to(\\d{1,3}))?_(\\d{1,4})(?:to(\\d{1,4}))?");
  return pattern;
}

// What timm gives to each architecture: a window that was larger than its grid in pretraining was the grid.
void set_from_name(Settings& s, const std::vector<std::string>& match) {
  const auto number = [&](size_t i) { return static_cast<uint32_t>(std::stoul(match.at(i))); };
  const bool resized = !match.at(1).empty();
  const uint32_t window = number(resized ? 1 : 0);
  s.window = {window, window};
  if (!resized) return;
  constexpr uint32_t stages = 4, patch = 4;
  for (uint32_t i = 0; i < stages; ++i)
    s.trained_windows.push_back(std::min(number(0), number(2) / patch >> i));
}

void set_trained_windows(Settings& s, const io::ModelConfig& config) {
  if (!config.model_args.gives("pretrained_window_sizes")) return;
  const nlohmann::json& args = config.model_args;
  const nlohmann::json& sizes = args["pretrained_window_sizes"];
  if (!sizes.is_array())
    throw Error(ErrorKind::file,
                fmt::format("[config] {}: pretrained_window_sizes is no list of a number a stage",
                            config.file.string()));
  s.trained_windows.clear();
  for (const nlohmann::json& value : sizes)
    s.trained_windows.push_back(io::arg_uint({{"pretrained_window_sizes", value}}, "pretrained_window_sizes",
                                             0, config.file, 0, 1024));
}

}  // namespace

bool is_name(const std::string& architecture) {
  return names().matches(architecture);
}

Settings settings_of(const io::ModelConfig& config) {
  io::check_known_args(config, {"img_size", "patch_size", "in_chans", "num_classes", "global_pool",
                                "embed_dim", "depths", "num_heads", "window_size", "always_partition",
                                "strict_img_size", "mlp_ratio", "qkv_bias", "drop_rate", "proj_drop_rate",
                                "attn_drop_rate", "drop_path_rate", "act_layer", "pretrained_window_sizes"});
  Settings s;
  if (const auto match = names().groups(config.architecture)) set_from_name(s, *match);
  s.window = io::arg_size(config.model_args, "window_size", s.window, config.file, 1, 1024);
  set_trained_windows(s, config);
  s.always_partition = io::arg_bool(config.model_args, "always_partition", false, config.file);
  s.activation = layers::activation_of(config, "act_layer", "gelu");
  const std::string pool = io::arg_string(config.model_args, "global_pool", "avg", config.file);
  if (pool != "avg")
    throw Error(ErrorKind::model, fmt::format("[load] {}: global_pool is '{}', a Swin v2 here has 'avg'",
                                              config.file.string(), pool));
  return s;
}

}  // namespace fovea::swin_v2
