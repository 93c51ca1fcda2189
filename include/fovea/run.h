// A model's named tensors, in and out, as its reference implementation has them: for parity checks.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/model.h"
#include "fovea/token_choice.h"

namespace fovea {

// Row-major. Integers stand in `integers`, everything else in `values`.
struct RawTensor {
  std::vector<uint64_t> shape;
  std::vector<float> values;
  std::vector<int64_t> integers;
};
using RawTensors = std::map<std::string, RawTensor>;

// An input or output of a model: [B, shape...], or with B at another place.
struct TensorInfo {
  std::string name;   // in the library that the model's files are of
  std::string alias;  // in the other one, or empty: timm says `input`, transformers `pixel_values`
  bool integer = false;
  std::vector<uint64_t> shape;    // of one image; 0 where any extent will do
  std::vector<std::string> axes;  // the names of those: extents of one name are equal in a run
  size_t images_axis = 0;         // where B stands: 1 for [shape[0], B, shape[1]...]
  bool optional = false;          // an input that may be left out
  bool extra = false;             // an output for those alone who ask for it: a loss, a gradient
  bool whole = false;             // an output of all images together: `shape` is all there is, without B
  bool shared = false;            // one for all images: [shape...] without B
};
std::vector<TensorInfo> inputs_of(const Model& model);
std::vector<TensorInfo> outputs_of(const Model& model);
// The tensor of that name or alias, nullptr where there is none.
const TensorInfo* find(const std::vector<TensorInfo>& tensors, std::string_view name);
// "input f32 [B, 3, 224, 224]", with commas between; optional ones in brackets.
std::string to_string(const std::vector<TensorInfo>& tensors);
std::string to_string(const TensorInfo& tensor);

// Whether RunOptions::generate is for it, and RunOptions::gradients.
bool writes_ids(const Model& model);
bool has_loss(const Model& model);

struct RunOptions {
  uint32_t batch = 8;                      // images in a forward pass; more are split
  std::vector<std::string> outputs;        // by name or alias; each under both where empty
  std::vector<uint32_t> attention_layers;  // whose whole attention is an output too
  // Of a model that writes: ids that it writes at most, chosen as `choice` says. 0: none. Adds `generated`
  // [B, 1 + generate], which begins with the start id and is filled up with pads behind the end id;
  // `generated_length` [B], both of them counted; `step_logits` [B, generate, vocabulary]; and `step_weights`
  // [B, generate, keys] or `step_cross_attn.<layer>` [B, heads, generate, keys]; zeros where a row has ended.
  // With beams also `generated_score` [B], by which the text won, and steps are those that chose its tokens.
  // A model that takes `prompt_ids` adds the same behind them, with `prompt_` in front of the names.
  uint32_t generate = 0;
  TokenChoice choice{};  // a picture's number is its place among the inputs; recurrent models take the best
  // `loss` and `grad.<parameter>` too, of a model that has a loss; all images in one forward pass.
  bool gradients = false;
};

// Forward pass of already normalised inputs of any number of images. Returns outputs under the names that
// were asked for and, for the listed layers, AttentionLayer::tensor, all in the shapes that the reference
// implementation gives them: attention of windows as [B * windows, heads, tokens, tokens]. Throws
// Error(usage) for names, types and shapes that the model does not have, saying what it takes.
RawTensors run(const Model& model, const RawTensors& inputs, const RunOptions& options = {});

}  // namespace fovea
