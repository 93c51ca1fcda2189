#include "models/arch/efficientnet/design.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

#include "core/pattern.h"
#include "core/text.h"
#include "fovea/error.h"
#include "models/config/text.h"
#include "models/nn/activation.h"

namespace fovea::efficientnet {
namespace {

using ops::Activation;

enum class Head { convolution_first, pooling_first };
enum class Gate { sigmoid, hard, hard_relu };  // the last with a ReLU whatever its block has

// Blocks in timm's notation, without what weights show: kernels, widths, expansion, gates. A space ends a
// stage.
struct Named {
  const char* names;
  const char* stages;
  const char* activation;
  Head head = Head::convolution_first;
  Gate gate = Gate::sigmoid;
};

constexpr const char* usual = "ds_s1 ir_s2 ir_s2 ir_s2 ir_s1 ir_s2 ir_s1";
constexpr const char* large = "ds_s1_nre ir_s2_nre ir_s2_nre ir_s2 ir_s1 ir_s2 cn_s1";
constexpr const char* small = "ds_s2_nre ir_s2_nre ir_s2 ir_s1 ir_s2 cn_s1";

const std::array designs = {
    Named{"(tf_)?efficientnet_(b[0-8]|l2)|efficientnet_b0_g16_evos|tinynet_[a-e]", usual, "silu"},
    Named{"(tf_)?efficientnet_lite[0-4]|mobilenetv2_[0-9]+d?", usual, "relu6"},
    Named{"mnasnet_small", usual, "relu"},
    Named{"semnasnet_[0-9]+", "ds_s1_noskip ir_s2 ir_s2 ir_s2 ir_s1 ir_s2 ir_s1", "relu"},
    Named{"mnasnet_[0-9]+|spnasnet_100", "ds_s1_noskip ir_s2 ir_s2 ir_s2 ir_s1 ir_s2 ir_s1_noskip", "relu"},
    Named{"mobilenetv1_[0-9]+h?", "dsa_s1 dsa_s2 dsa_s2 dsa_s2 dsa_s2", "relu6"},
    Named{"(tf_)?efficientnet_e[sml]|efficientnet_e[sl]_pruned", "er_s1_noskip er_s2 er_s2 ir_s2 ir_s1 ir_s2",
          "relu"},
    Named{"(tf_)?efficientnetv2_(s|b[0-3])|efficientnetv2_rw_t", "cn_s1_skip er_s2 er_s2 ir_s2 ir_s1 ir_s2",
          "silu"},
    Named{"(tf_)?efficientnetv2_(m|l|xl)", "cn_s1_skip er_s2 er_s2 ir_s2 ir_s1 ir_s2 ir_s1", "silu"},
    Named{"efficientnetv2_rw_[sm]", "er_s1 er_s2 er_s2 ir_s2 ir_s1 ir_s2", "silu"},
    Named{"test_efficientnet", "cn_s1_skip er_s2 er_s2 ir_s2 ir_s2", "silu"},
    Named{"mobilenet_edgetpu_100", "cn_s1 er_s2 er_s2 ir_s2 ir_r1_s1_noskip+ir_r3_s1 ir_s2 ir_s1", "relu"},
    Named{"mobilenet_edgetpu_v2_(xs|s|m|l)", "cn_s1 er_s2 er_s2 er_r1_s2+ir_r3_s1 ir_s1 ir_s2 ir_s1", "relu"},
    Named{"(tf_)?mobilenetv3_large_[0-9]+d?", large, "hard_swish", Head::pooling_first, Gate::hard_relu},
    Named{"(tf_)?mobilenetv3_small_[0-9]+", small, "hard_swish", Head::pooling_first, Gate::hard_relu},
    Named{"tf_mobilenetv3_large_minimal_100", large, "relu", Head::pooling_first, Gate::hard_relu},
    Named{"tf_mobilenetv3_small_minimal_100", small, "relu", Head::pooling_first, Gate::hard_relu},
    Named{"mobilenetv3_rw", "ds_s1_nre_noskip ir_s2_nre ir_s2_nre ir_s2 ir_s1 ir_s2 cn_s1", "hard_swish",
          Head::pooling_first, Gate::hard},
    Named{"fbnetv3_[bdg]", "ds_s1 ir_s2 ir_s2 ir_s2 ir_s1 ir_s2 cn_s1", "hard_swish", Head::pooling_first,
          Gate::hard},
    Named{"lcnet_[0-9]+", "dsa_s1 dsa_s2 dsa_s2 dsa_s2 dsa_s1 dsa_s2", "hard_swish", Head::pooling_first,
          Gate::hard_relu},
};

const Named* find(const std::string& architecture) {
  static const std::vector<Pattern> names = [] {
    std::vector<Pattern> out;
    for (const Named& n : designs) out.emplace_back(fmt::format("({})(\\..*)?", n.names));
    return out;
  }();
  for (size_t i = 0; i < names.size(); ++i)
    if (names[i].matches(architecture)) return &designs.at(i);
  return nullptr;
}

// Of "nre" and its like.
std::optional<Activation> activation_coded(std::string_view code) {
  if (code == "re") return Activation::relu;
  if (code == "r6") return Activation::relu6;
  if (code == "hs") return Activation::hardswish;
  if (code == "sw") return Activation::silu;
  return std::nullopt;
}

std::vector<std::string_view> split(std::string_view text, char by) {
  std::vector<std::string_view> out;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(by, at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

[[noreturn]] void refuse(const io::ModelConfig& config, std::string_view block, std::string_view part,
                         std::string_view what) {
  throw Error(ErrorKind::model, fmt::format("[load] {}: '{}' of the block '{}' {}", config.file.string(),
                                            printable(part), printable(block), what));
}

// "r2" as 2, where `letter` is r.
bool read_count(std::string_view part, char letter, uint32_t& value) {
  if (part.size() < 2 || part[0] != letter) return false;
  const auto [end, error] = std::from_chars(part.data() + 1, part.data() + part.size(), value);
  return error == std::errc() && end == part.data() + part.size();
}

// Kernels, expansion, width, gate, size of groups, forced input: shapes tell them.
bool shows_in_weights(std::string_view part) {
  const size_t digit = part.find_first_of("0123456789");
  const std::string_view key = part.substr(0, digit);
  return digit != std::string_view::npos && (key == "k" || key == "e" || key == "c" || key == "se" ||
                                             key == "gs" || key == "a" || key == "p" || key == "fc");
}

// One block of timm's notation, such as ir_r2_k3_s2_e6_c24_se0.25_nre.
BlockRule parse_block(std::string_view text, const io::ModelConfig& config) {
  const std::vector<std::string_view> parts = split(text, '_');
  BlockRule rule;
  const std::string_view kind = parts.front();
  if (kind == "ds" || kind == "dsa")
    rule.kind = BlockKind::separable;
  else if (kind == "ir")
    rule.kind = BlockKind::inverted;
  else if (kind == "er")
    rule.kind = BlockKind::edge;
  else if (kind != "cn")
    refuse(config, text, kind, "is unknown; there are ds, dsa, ir, er and cn");
  rule.ends_active = kind == "cn" || kind == "dsa";
  rule.skips = !rule.ends_active;
  for (const std::string_view part : std::span(parts).subspan(1)) {
    if (part == "noskip") {
      rule.skips = false;
    } else if (part == "skip") {
      rule.skips = kind != "dsa";
    } else if (part.starts_with('n')) {
      rule.activation = activation_coded(part.substr(1));
      if (!rule.activation) refuse(config, text, part, "is unknown; there are nre, nr6, nhs and nsw");
    } else if (read_count(part, 's', rule.stride)) {
      if (rule.stride != 1 && rule.stride != 2)
        refuse(config, text, part, "is no stride; there are s1 and s2");
    } else if (!read_count(part, 'r', rule.repeats) && !shows_in_weights(part)) {
      refuse(config, text, part, "is not supported");
    }
  }
  return rule;
}

std::vector<StageRules> named_stages(const char* text, const io::ModelConfig& config) {
  std::vector<StageRules> out;
  for (const std::string_view stage : split(text, ' ')) {
    out.emplace_back();
    for (const std::string_view block : split(stage, '+')) out.back().push_back(parse_block(block, config));
  }
  return out;
}

// arch_def of a configuration: a list of texts a stage.
std::vector<StageRules> told_stages(const nlohmann::json& told, const io::ModelConfig& config) {
  const auto fail = [&] {
    throw Error(ErrorKind::file, fmt::format("[config] {}: arch_def is {}, not a list of lists of texts",
                                             config.file.string(), io::value_text(told)));
  };
  if (!told.is_array() || told.empty()) fail();
  std::vector<StageRules> out;
  for (const auto& stage : told) {
    if (!stage.is_array() || stage.empty()) fail();
    out.emplace_back();
    for (const auto& block : stage) {
      if (!block.is_string()) fail();
      out.back().push_back(parse_block(block.get<std::string>(), config));
    }
  }
  return out;
}

// These change the mathematics and leave no trace in the weights.
void check_settings(const io::ModelConfig& c) {
  io::check_known_args(
      c, {"arch_def",         "in_chans",  "num_classes",        "num_features",     "stem_size",
          "stem_kernel_size", "fix_stem",  "channel_multiplier", "depth_multiplier", "channel_divisor",
          "group_size",       "head_bias", "act_layer",          "pad_type",         "bn_eps",
          "bn_momentum",      "aa_layer",  "se_layer",           "norm_layer",       "global_pool",
          "output_stride",    "pruned",    "se_from_exp",        "drop_rate",        "drop_path_rate"});
  const nlohmann::json& args = c.model_args;
  for (const char* setting : {"aa_layer", "se_layer", "norm_layer"})
    if (c.model_args.gives(setting))
      throw Error(ErrorKind::model,
                  fmt::format("[load] {}: {} is {}; an {} here has none of its own", c.file.string(), setting,
                              io::value_text(args[setting]), c.architecture));
  const std::string pool = io::arg_string(c.model_args, "global_pool", "avg", c.file);
  const uint32_t output_stride = io::arg_uint(c.model_args, "output_stride", 32, c.file);
  const bool pruned = io::arg_bool(c.model_args, "pruned", false, c.file);
  if (pool != "avg" || output_stride != 32 || pruned)
    throw Error(
        ErrorKind::model,
        fmt::format("[load] {}: global_pool '{}', output_stride {}, pruned {}; {} here has 'avg', 32 and "
                    "false",
                    c.file.string(), pool, output_stride, pruned, c.architecture));
}

bool same_padding(const io::ModelConfig& c, bool usual_same) {
  const std::string pad = io::arg_string(c.model_args, "pad_type", usual_same ? "same" : "", c.file);
  if (!pad.empty() && pad != "same")
    throw Error(ErrorKind::model, fmt::format("[load] {}: pad_type '{}' is unknown; there are '' and 'same'",
                                              c.file.string(), printable(pad)));
  return pad == "same";
}

}  // namespace

bool is_known(const std::string& architecture) {
  return find(architecture) != nullptr;
}

Design design_of(const io::ModelConfig& config) {
  check_settings(config);
  const Named& named = *find(config.architecture);
  const bool tensorflow = config.architecture.starts_with("tf_");

  Design d;
  const nlohmann::json& args = config.model_args;
  d.stages = config.model_args.gives("arch_def") ? told_stages(args["arch_def"], config)
                                                 : named_stages(named.stages, config);
  d.activation = layers::activation_of(config, "act_layer", named.activation);
  if (named.gate == Gate::hard_relu) d.gate_activation = Activation::relu;
  if (named.gate != Gate::sigmoid) d.gate = Activation::hard_sigmoid;
  d.pools_first = named.head == Head::pooling_first;
  d.same_padding = same_padding(config, tensorflow);
  const double epsilon = tensorflow || config.architecture.starts_with("mobilenetv3_rw") ? 1e-3 : 1e-5;
  d.epsilon = static_cast<float>(io::arg_double(config.model_args, "bn_eps", epsilon, config.file, 1e-20, 1));
  return d;
}

const BlockRule& rule_of(const StageRules& rules, size_t i, size_t blocks, const io::ModelConfig& config) {
  size_t repeats = 0;
  for (const BlockRule& rule : rules) repeats += rule.repeats;
  if (repeats == blocks) {
    for (const BlockRule& rule : rules) {
      if (i < rule.repeats) return rule;
      i -= rule.repeats;
    }
  }
  // A network of another depth: it does not matter whose block this is where all are alike.
  const auto alike = [&](BlockRule rule) {
    rule.repeats = rules.front().repeats;
    rule.stride = rules.front().stride;
    return rule == rules.front();
  };
  if (!std::all_of(rules.begin(), rules.end(), alike))
    throw Error(ErrorKind::model,
                fmt::format("[load] {}: a stage has {} blocks, and arch_def {} of several kinds",
                            config.file.string(), blocks, repeats));
  return rules.front();
}

}  // namespace fovea::efficientnet
