// transformers' names of an encoder of pictures and a decoder of text.
#pragma once

#include "models/weights/naming.h"

namespace fovea {

// `encoder` as a ViT's own names, and `text`, `head` and `memory` as the decoder's layers have them.
const io::NameTable& vision_encoder_decoder_names();

}  // namespace fovea
