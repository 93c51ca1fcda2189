// The embedded models' files, byte for byte, among the library's constants.
#define FILE_AS(symbol, path) \
  .globl symbol; .hidden symbol; .globl symbol##_end; .hidden symbol##_end; \
  symbol: .incbin path; \
  symbol##_end:

  .section .rodata
FILE_AS(fovea_embedded_config, "models/registry/embedded/config.json")
FILE_AS(fovea_embedded_weights, "models/registry/embedded/model.safetensors")
FILE_AS(fovea_reader_config, "models/registry/embedded_reader/config.json")
FILE_AS(fovea_reader_weights, "models/registry/embedded_reader/model.safetensors")

  .section .note.GNU-stack, "", %progbits
