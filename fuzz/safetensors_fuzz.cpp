// Any bytes as a safetensors file: either every tensor can be read, or an Error says why not.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>
#include <utility>

#include "fovea/error.h"
#include "models/weights/safetensors.h"
#include "models/weights/weights.h"

namespace {

constexpr fovea::io::Renaming rows[] = {
    {"blocks.*.attn.qkv", "encoder.layer.*.attention.attention.{query,key,value}"}};
constexpr std::string_view prefixes[] = {"vit."};
constexpr fovea::io::NameTable names = {prefixes, rows};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    fovea::io::Safetensors file = fovea::io::Safetensors::parse(std::as_bytes(std::span(data, size)), "fuzz");
    for (const fovea::io::TensorEntry& tensor : file.tensors()) {
      if (fovea::io::to_float(tensor).size() != tensor.elements()) std::abort();
      if (file.find(tensor.name) != &tensor) std::abort();
    }
    fovea::io::WeightFile weights(std::move(file), &names);
    const fovea::io::Weights qkv = weights.root() / "blocks" / 0 / "attn" / "qkv";
    if (qkv.has("weight")) qkv.take("weight", qkv.shape("weight"));
    weights.check_all_used();
  } catch (const fovea::Error&) {  // the only exception that may leave the parser
  }
  return 0;
}
