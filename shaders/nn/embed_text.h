// Parameters of embed_text.comp, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct EmbedTextPush {
  uint images, tokens;
  uint units;                  // of a row
  uint vocabulary, positions;  // rows of the tables
  uint first_id, rows;         // the part of the vocabulary's that is here: other ids are left to others
  uint first;                  // row of position 0; COUNTED: the row of pads
  uint pad;                    // COUNTED: the id of pads
  float scale;                 // of the vocabulary's rows
};

#ifdef __cplusplus
}
#endif
