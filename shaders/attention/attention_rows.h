// Parameters of attention_rows.comp, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include "shaders/attention/attention.h"
namespace fovea {
#else
#include "shaders/attention/attention.h"
#endif

struct AttentionRowsPush {
  AttentionLayout a;
  LogitTerm bias, mask;
  KeyLimits limits;
  uint first_row, rows;  // the queries whose rows are wanted
  uint head;             // where one head is wanted
};

#ifdef __cplusplus
}
#endif
