#include <fmt/format.h>

#include "fovea/error.h"
#include "models/arch/seq2seq/parts.h"

namespace fovea::seq2seq {
namespace {

uint32_t size_of(const io::ModelConfig& config, const char* key) {
  if (!config.model_args.gives(key))
    throw Error(ErrorKind::file, fmt::format("[config] {}: has no {}", config.file.string(), key));
  return io::arg_uint(config.model_args, key, 0, config.file, 1, 1U << 18);
}

}  // namespace

Seq2SeqShape shape_of(const io::ModelConfig& config, const char* inputs) {
  const IdWriter::Ids ids = ids_of(config);
  return {config.architecture == "seq2seq_lstm", size_of(config, inputs),
          size_of(config, "encoder_hidden"),     size_of(config, "decoder_hidden"),
          size_of(config, "embedding_size"),     size_of(config, "vocab_size"),
          size_of(config, "attention_size"),     ids.pad};
}

IdWriter::Ids ids_of(const io::ModelConfig& config) {
  const uint32_t vocabulary = size_of(config, "vocab_size");
  const auto id = [&](const char* key, uint32_t fallback) {
    return io::arg_uint(config.model_args, key, fallback, config.file, 0, vocabulary - 1);
  };
  return {id("start_id", 1), id("end_id", 2), id("pad_id", 0)};
}

}  // namespace fovea::seq2seq
