#include "models/weights/naming.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

namespace fovea::io {

namespace {

using Row = std::pair<std::string_view, std::string_view>;  // timm, transformers

// Outside the blocks, after the dialect's prefix.
constexpr std::array<Row, 5> stem_rows = {{{"cls_token", "embeddings.cls_token"},
                                           {"dist_token", "embeddings.distillation_token"},
                                           {"pos_embed", "embeddings.position_embeddings"},
                                           {"patch_embed.proj", "embeddings.patch_embeddings.projection"},
                                           {"norm", "layernorm"}}};
// Inside a block, after prefix + "encoder.layer.<i>."
constexpr std::array<Row, 5> block_rows = {{{"norm1", "layernorm_before"},
                                            {"attn.proj", "attention.output.dense"},
                                            {"norm2", "layernorm_after"},
                                            {"mlp.fc1", "intermediate.dense"},
                                            {"mlp.fc2", "output.dense"}}};

std::optional<std::string_view> lookup(std::span<const Row> rows, std::string_view timm) {
  const auto found =
      std::find_if(rows.begin(), rows.end(), [&](const Row& row) { return row.first == timm; });
  if (found == rows.end()) return std::nullopt;
  return found->second;
}

// "attn.proj.weight" -> {"attn.proj", ".weight"}; a name without such an ending stays whole.
std::pair<std::string_view, std::string_view> split_kind(std::string_view name) {
  for (const std::string_view kind : {".weight", ".bias"}) {
    if (name.ends_with(kind)) return {name.substr(0, name.size() - kind.size()), kind};
  }
  return {name, {}};
}

SourceTensor transformers_source(std::string_view timm_name, const Dialect& dialect) {
  const auto [module, kind] = split_kind(timm_name);
  if (module == "head") {
    return {{fmt::format("{}{}", dialect.two_heads ? "cls_classifier" : "classifier", kind)}};
  }
  if (module == "head_dist" && dialect.two_heads) return {{fmt::format("distillation_classifier{}", kind)}};
  if (const auto name = lookup(stem_rows, module))
    return {{fmt::format("{}{}{}", dialect.prefix, *name, kind)}};

  constexpr std::string_view blocks = "blocks.";
  if (!module.starts_with(blocks)) return {};
  const size_t dot = module.find('.', blocks.size());
  if (dot == std::string_view::npos) return {};
  const std::string layer =
      fmt::format("{}encoder.layer.{}.", dialect.prefix, module.substr(blocks.size(), dot - blocks.size()));
  const std::string_view part = module.substr(dot + 1);
  if (part == "attn.qkv") {
    SourceTensor source;
    for (const char* projection : {"query", "key", "value"}) {
      source.parts.push_back(fmt::format("{}attention.attention.{}{}", layer, projection, kind));
    }
    return source;
  }
  if (const auto name = lookup(block_rows, part)) return {{fmt::format("{}{}{}", layer, *name, kind)}};
  return {};
}

}  // namespace

Dialect detect_dialect(const Safetensors& file, Naming naming) {
  Dialect dialect{naming, "", false};
  if (naming == Naming::timm) return dialect;
  for (const std::string_view prefix : {"vit.", "deit."}) {
    const auto has_prefix = [&](const TensorEntry& tensor) { return tensor.name.starts_with(prefix); };
    if (std::any_of(file.tensors().begin(), file.tensors().end(), has_prefix)) dialect.prefix = prefix;
  }
  dialect.two_heads = file.find("cls_classifier.weight") != nullptr;
  return dialect;
}

SourceTensor source_of(std::string_view timm_name, const Dialect& dialect) {
  if (dialect.naming == Naming::timm) return {{std::string(timm_name)}};
  return transformers_source(timm_name, dialect);
}

}  // namespace fovea::io
