// Replaces cells farther than sigma standard deviations from a map's mean by the median of their neighbours that
// are not, or by the mean where there are none. One workgroup an image.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/maps/outlier_filter.h"

layout(constant_id = 0) const uint GROUP = 128;  // a power of two

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { OutlierFilterPush p; };
layout(binding = 0) readonly buffer X { float x[]; };   // [images, tokens]
layout(binding = 1) writeonly buffer Y { float y[]; };  // [images, cells]

shared float partial[GROUP];

float sum_of_all(float own) {
  const uint lane = gl_LocalInvocationID.x;
  partial[lane] = own;
  for (uint width = GROUP / 2; width > 0; width /= 2) {
    barrier();
    if (lane < width) partial[lane] += partial[lane + width];
  }
  barrier();
  const float sum = partial[0];
  barrier();  // read by all before it is written again
  return sum;
}

void main() {
  const uint lane = gl_LocalInvocationID.x, cells = p.rows * p.cols;
  const uint at = gl_WorkGroupID.x * p.tokens + p.first;
  float own = 0.0;
  for (uint i = lane; i < cells; i += GROUP) own += x[at + i];
  const float mean = sum_of_all(own) / float(cells);
  own = 0.0;
  for (uint i = lane; i < cells; i += GROUP) {
    const float off = x[at + i] - mean;
    own += off * off;
  }
  const float most = p.sigma * sqrt(sum_of_all(own) / float(cells));

  for (uint i = lane; i < cells; i += GROUP) {
    float value = x[at + i];
    if (abs(value - mean) > most) {
      const int row = int(i / p.cols), col = int(i % p.cols);
      float sorted[8];
      int count = 0;
      for (int r = max(row - 1, 0); r <= min(row + 1, int(p.rows) - 1); ++r)
        for (int c = max(col - 1, 0); c <= min(col + 1, int(p.cols) - 1); ++c) {
          const float neighbour = x[at + uint(r) * p.cols + uint(c)];
          if (abs(neighbour - mean) > most) continue;  // this cell itself as well
          int place = count++;
          for (; place > 0 && sorted[place - 1] > neighbour; --place) sorted[place] = sorted[place - 1];
          sorted[place] = neighbour;
        }
      value = count == 0 ? mean : 0.5 * (sorted[(count - 1) / 2] + sorted[count / 2]);
    }
    y[gl_WorkGroupID.x * cells + i] = value;
  }
}
