#include "models/weights/naming.h"

#include <doctest/doctest.h>

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tests/models/weights/files.h"

using fovea::io::detect_dialect;
using fovea::io::Dialect;
using fovea::io::Naming;
using fovea::io::Safetensors;
using fovea::io::source_of;

namespace {

using Names = std::vector<std::string>;

Dialect dialect_of(const std::string& tensor, Naming naming) {
  const std::string bytes = fovea::test::safetensors_bytes(
      "{\"" + tensor + R"(":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "x");
  return detect_dialect(Safetensors::parse(std::as_bytes(std::span(bytes)), "f"), naming);
}

}  // namespace

TEST_CASE("timm's names are themselves") {
  const Dialect dialect = dialect_of("vit.embeddings.cls_token", Naming::timm);
  CHECK(source_of("blocks.0.attn.qkv.weight", dialect).parts == Names{"blocks.0.attn.qkv.weight"});
  CHECK(source_of("anything", dialect).parts == Names{"anything"});
}

TEST_CASE("transformers' ViT names") {
  const Dialect dialect = dialect_of("vit.embeddings.cls_token", Naming::transformers);
  const std::vector<std::pair<std::string, Names>> expected = {
      {"cls_token", {"vit.embeddings.cls_token"}},
      {"pos_embed", {"vit.embeddings.position_embeddings"}},
      {"patch_embed.proj.weight", {"vit.embeddings.patch_embeddings.projection.weight"}},
      {"patch_embed.proj.bias", {"vit.embeddings.patch_embeddings.projection.bias"}},
      {"blocks.0.norm1.weight", {"vit.encoder.layer.0.layernorm_before.weight"}},
      {"blocks.3.norm2.bias", {"vit.encoder.layer.3.layernorm_after.bias"}},
      {"blocks.11.attn.proj.weight", {"vit.encoder.layer.11.attention.output.dense.weight"}},
      {"blocks.11.mlp.fc1.bias", {"vit.encoder.layer.11.intermediate.dense.bias"}},
      {"blocks.11.mlp.fc2.weight", {"vit.encoder.layer.11.output.dense.weight"}},
      {"blocks.2.attn.qkv.bias",
       {"vit.encoder.layer.2.attention.attention.query.bias",
        "vit.encoder.layer.2.attention.attention.key.bias",
        "vit.encoder.layer.2.attention.attention.value.bias"}},
      {"norm.weight", {"vit.layernorm.weight"}},
      {"head.weight", {"classifier.weight"}},
      {"head.bias", {"classifier.bias"}},
  };
  for (const auto& entry : expected) {
    const auto& timm = entry.first;  // Clang < 16 captures no structured bindings
    CAPTURE(timm);
    CHECK(source_of(timm, dialect).parts == entry.second);
  }
  for (const char* absent :
       {"reg_token", "fc_norm.weight", "blocks.0.ls1.gamma", "blocks.0.attn.q_norm.weight",
        "head_dist.weight", "blocks.0", "blocks.", "", ".weight"}) {
    CAPTURE(absent);
    CHECK(source_of(absent, dialect).parts.empty());
  }
}

TEST_CASE("transformers' DeiT has two heads when it was distilled, and its own prefix") {
  const Dialect bare = dialect_of("embeddings.cls_token", Naming::transformers);
  CHECK(source_of("norm.bias", bare).parts == Names{"layernorm.bias"});
  const Dialect deit = dialect_of("deit.embeddings.cls_token", Naming::transformers);
  CHECK(source_of("dist_token", deit).parts == Names{"deit.embeddings.distillation_token"});
  CHECK(source_of("head.weight", deit).parts == Names{"classifier.weight"});
  const Dialect distilled = dialect_of("cls_classifier.weight", Naming::transformers);
  CHECK(source_of("head.weight", distilled).parts == Names{"cls_classifier.weight"});
  CHECK(source_of("head_dist.bias", distilled).parts == Names{"distillation_classifier.bias"});
}
