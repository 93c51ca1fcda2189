// What a model that writes a text is to those who let it write.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "models/model/id_writer.h"
#include "models/nn/text_stack.h"
#include "models/nn/vocabulary_head.h"

namespace fovea {

class Writer : public IdWriter {
 public:
  virtual const layers::TextStack& text() const = 0;
  virtual const layers::VocabularyHead& head() const = 0;
  // Whether what the text is about is made from the model's input i; an input of prompts, where there is one.
  enum class Reads { never, if_given, always };
  virtual Reads reads(size_t input) const = 0;
  virtual std::optional<size_t> prompt() const { return std::nullopt; }
  // What the text is about, [images, keys, width], from the model's inputs. The tap hears all attention on
  // the way, that of a text which looked at the picture last.
  virtual Tensor memory(Recorder& r, std::span<const Tensor> inputs, AttentionTap* tap) const = 0;
  // What such a pass did for a number, from the number's gradient by memory, f32.
  struct MemoryGradient {
    std::optional<layers::TextGradient> text;  // of a text that looked at the picture
    Tensor stream;                             // by the end of the encoder's stream: StreamBackward's
  };
  virtual MemoryGradient memory_gradient(Recorder& r, const AttentionTap& tap, const Tensor& dy) const = 0;
};

}  // namespace fovea
