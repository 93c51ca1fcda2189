#include "models/weights/naming.h"

#include <doctest/doctest.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/models/weights/files.h"

using fovea::io::Dialect;
using fovea::io::Safetensors;

namespace {

using Sources = std::vector<std::vector<std::string>>;

constexpr std::string_view prefixes[] = {"vit.", "deit."};
constexpr fovea::io::Renaming rows[] = {
    {"cls_token", "embeddings.cls_token"},
    {"blocks.*.norm1", "encoder.layer.*.layernorm_before"},
    {"blocks.*.attn.q_bias", "encoder.layer.*.attention.query.bias"},
    {"blocks.*.attn.qkv", "encoder.layer.*.attention.{query,key,value}"},
    {"layers.*.blocks.*.mlp.fc1", "stages.*.*.dense"},
    {"head", "classifier"},
    {"head", "cls_classifier"},
};
constexpr fovea::io::NameTable names = {prefixes, rows};

Safetensors file_with(const std::string& tensor) {
  static std::string bytes;
  bytes = fovea::test::safetensors_bytes(
      "{\"" + tensor + R"(":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "x");
  return Safetensors::parse(std::as_bytes(std::span(bytes)), "f");
}

}  // namespace

TEST_CASE("timm's names are themselves") {
  CHECK(Dialect().sources_of("blocks.0.attn.qkv.weight") == Sources{{"blocks.0.attn.qkv.weight"}});
  CHECK(Dialect().sources_of("anything") == Sources{{"anything"}});
}

TEST_CASE("A table renames modules and parameters, and keeps numbers") {
  const Dialect bare(file_with("embeddings.cls_token"), names);
  CHECK(bare.prefix().empty());
  CHECK(bare.sources_of("cls_token") == Sources{{"embeddings.cls_token"}});
  CHECK(bare.sources_of("blocks.0.norm1.weight") == Sources{{"encoder.layer.0.layernorm_before.weight"}});
  CHECK(bare.sources_of("blocks.11.norm1.bias") == Sources{{"encoder.layer.11.layernorm_before.bias"}});
  CHECK(bare.sources_of("blocks.2.attn.q_bias") == Sources{{"encoder.layer.2.attention.query.bias"}});
  CHECK(bare.sources_of("layers.1.blocks.23.mlp.fc1.weight") == Sources{{"stages.1.23.dense.weight"}});
  for (const char* absent : {"reg_token", "blocks.0.norm2.weight", "blocks.0", "blocks.", "", ".weight",
                             "blocks..norm1.weight", "blocks.x.norm1.weight", "blocks.0.norm1.weight.0"}) {
    CAPTURE(absent);
    CHECK(bare.sources_of(absent).empty());
  }
}

TEST_CASE("The rows of several tensors make one") {
  const Dialect bare(file_with("embeddings.cls_token"), names);
  CHECK(bare.sources_of("blocks.3.attn.qkv.bias") ==
        Sources{{"encoder.layer.3.attention.query.bias", "encoder.layer.3.attention.key.bias",
                 "encoder.layer.3.attention.value.bias"}});
}

TEST_CASE("The prefix is that of the file, and heads need none") {
  const Dialect deit(file_with("deit.embeddings.cls_token"), names);
  CHECK(deit.prefix() == "deit.");
  CHECK(deit.sources_of("cls_token").front() == Sources::value_type{"deit.embeddings.cls_token"});
  CHECK(deit.sources_of("head.weight") == Sources{{"deit.classifier.weight"},
                                                  {"classifier.weight"},
                                                  {"deit.cls_classifier.weight"},
                                                  {"cls_classifier.weight"}});
}
