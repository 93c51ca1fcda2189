// Parameters of the recurrent kernels, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct RecurrentPush {
  uint batch, steps, directions;
  // Channels: a row's states of direction d begin at row * state_row + state_first + d * hidden.
  uint hidden, state_row, state_first;
};

// One step of one direction.
struct RecurrentStepPush {
  RecurrentPush all;
  uint direction, step;  // steps in the order in which the direction takes them
};

#ifdef __cplusplus
}
#endif
