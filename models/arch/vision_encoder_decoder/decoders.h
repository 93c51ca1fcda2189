// What the configurations of decoders of text say.
#pragma once

#include "models/model/model.h"
#include "models/nn/text_stack.h"

namespace fovea::decoders {

// Throw Error(model) for what there is none of. w: the weights of the decoder's layers.
layers::TextStackShape trocr(const io::ModelConfig& config, const io::Weights& w);
layers::TextStackShape gpt2(const io::ModelConfig& config, const io::Weights& w);

// Channels of what the decoder looks at, where its configuration says it; else 0.
uint32_t cross_width(const io::ModelConfig& config);

}  // namespace fovea::decoders
