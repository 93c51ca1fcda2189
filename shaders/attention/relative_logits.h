// Parameters of relative_logits.comp, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include "shaders/attention/attention.h"
namespace fovea {
#else
#include "shaders/attention/attention.h"
#endif

struct RelativeLogitsPush {
  AttentionLayout a;
  uint rows, cols;  // of the grid that queries and keys lie on
};

#ifdef __cplusplus
}
#endif
