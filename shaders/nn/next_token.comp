// A decoder's state after a step: the chosen token goes on, a row that chose the end is finished, and finished rows
// give pads and stay where they are.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/nn/next_token.h"
layout(constant_id = 0) const uint GROUP = 64;
layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { NextTokenPush p; };
layout(binding = 0) readonly buffer Best { uint best[]; };        // [rows]
layout(binding = 1) buffer Token { uint token[]; };               // [rows]: what the next step reads
layout(binding = 2) buffer Past { uint past[]; };                 // [rows]: tokens behind which it stands
layout(binding = 3) buffer Seen { uint seen[]; };                 // [rows]: keys that it sees, its own among them
layout(binding = 4) buffer Finished { uint finished[]; };         // [rows]
layout(binding = 5) writeonly buffer Chosen { uint chosen[]; };   // [rows]

void main() {
  const uint row = gl_GlobalInvocationID.x;
  if (row >= p.rows) return;
  const bool over = finished[row] != 0;
  const uint next = over ? p.pad : best[row];
  chosen[row] = next;
  if (over) return;
  token[row] = next;
  past[row] += 1;
  seen[row] += 1;
  if (next == p.end) finished[row] = 1;
}
