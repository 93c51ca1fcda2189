// Parameters of the attention_relevance kernels, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include "shaders/attention/attention.h"
namespace fovea {
#else
#include "shaders/attention/attention.h"
#endif

struct AttentionRelevancePush {
  AttentionLayout a;  // its queries are the rows that count
  LogitTerm bias, mask;
  uint v_image, v_token;  // v's own steps: one vector an image has no step a token
  uint lse_queries;       // queries an lse row has
  uint weights_image;     // elements from one image's row weights to the next one's
  uint head;              // where one head is wanted
  float factor;
};

#ifdef __cplusplus
}
#endif
