// Parameters of the attention_backward kernels, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include "shaders/attention/attention.h"
namespace fovea {
#else
#include "shaders/attention/attention.h"
#endif

// Gradients of q, k and v lie as q, k and v do.
struct AttentionBackwardPush {
  AttentionLayout a;
  LogitTerm bias, mask;
};

#ifdef __cplusplus
}
#endif
