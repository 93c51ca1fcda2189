// Scores of a vocabulary, one workgroup a row; rows are padded to fours. Binding 0. Best is what is largest; of equal
// scores the one of the lower id. NaN is below everything.
layout(constant_id = 0) const uint GROUP = 64;
layout(local_size_x_id = 0) in;

#ifdef TEXELS
layout(binding = 0) uniform textureBuffer scores;  // [rows, stride4]
vec4 scores_at(uint four) { return texelFetch(scores, int(four)); }
#else
layout(binding = 0) readonly buffer Scores { STORE4 scores[]; };
vec4 scores_at(uint four) { return vec4(scores[four]); }
#endif

struct Row {
  uint first;       // four of the row's first scores
  uint count;       // scores
  uint fours;       // that hold them
  uint begin, end;  // those of this lane, where order matters
};

shared uvec2 found[GROUP];
shared uint own_ties[GROUP];
shared uint bins[256];
shared uvec2 picked;

Row row_of(uint index, uint classes, uint stride4) {
  const uint fours = (classes + 3) / 4, each = (fours + GROUP - 1) / GROUP;
  const uint begin = min(gl_LocalInvocationID.x * each, fours);
  return Row(index * stride4, classes, fours, begin, min(begin + each, fours));
}

uint row_index() { return gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x; }

// Grows with x; NaN, recognised by its bits because isnan() may be optimised away, is below everything.
uint order_of(float x) {
  const uint bits = floatBitsToUint(x), magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return 0;
  if (magnitude == 0) return 0x80000000u;  // -0 equals 0
  return bits != magnitude ? ~bits : bits | 0x80000000u;
}

bool better(uvec2 a, uvec2 b) { return a.x > b.x || (a.x == b.x && a.y < b.y); }

// Order and id of the row's best score, in every lane.
uvec2 best_of(Row row) {
  const uint lane = gl_LocalInvocationID.x;
  uvec2 own = uvec2(0, 0xffffffffu);
  for (uint i = lane; i < row.fours; i += GROUP) {
    const vec4 x = scores_at(row.first + i);
    for (uint c = 0; c < 4; ++c) {
      const uvec2 candidate = uvec2(order_of(x[c]), 4 * i + c);
      if (candidate.y < row.count && better(candidate, own)) own = candidate;
    }
  }
  found[lane] = own;
  for (uint width = GROUP / 2; width > 0; width /= 2) {
    barrier();
    if (lane < width && better(found[lane + width], found[lane])) found[lane] = found[lane + width];
  }
  barrier();
  return found[0];
}

float score_of(Row row, uint id) { return scores_at(row.first + id / 4)[id % 4]; }

// Order of the k-th best score, found byte by byte from how many scores have each, and how many of those that equal it
// are among the k best.
uvec2 last_of_best(Row row, uint k) {
  const uint lane = gl_LocalInvocationID.x;
  uint order = 0, known = 0, left = k;
  for (uint shift = 32; shift > 0;) {
    shift -= 8;
    for (uint i = lane; i < 256; i += GROUP) bins[i] = 0;
    barrier();
    for (uint i = lane; i < row.fours; i += GROUP) {
      const vec4 x = scores_at(row.first + i);
      for (uint c = 0; c < 4; ++c) {
        const uint one = order_of(x[c]);
        if (4 * i + c < row.count && (one & known) == order) atomicAdd(bins[(one >> shift) & 255u], 1u);
      }
    }
    barrier();
    if (lane == 0) {
      uint bin = 255;
      for (; bin > 0 && bins[bin] < left; --bin) left -= bins[bin];
      picked = uvec2(bin, left);
    }
    barrier();
    order |= picked.x << shift;
    known |= 255u << shift;
    left = picked.y;
    barrier();  // picked and bins are read until here
  }
  return uvec2(order, left);
}

// Of the scores that equal the last of the best, how many in front of each lane's; own_ties has those of each lane.
uint ties_before(Row row, uvec2 last) {
  const uint lane = gl_LocalInvocationID.x;
  uint count = 0;
  for (uint i = row.begin; i < row.end; ++i) {
    const vec4 x = scores_at(row.first + i);
    for (uint c = 0; c < 4; ++c) count += 4 * i + c < row.count && order_of(x[c]) == last.x ? 1 : 0;
  }
  own_ties[lane] = count;
  barrier();
  uint before = 0;
  for (uint other = 0; other < lane; ++other) before += own_ties[other];
  return before;
}

// Whether a score is among the best, for one that asks in the order of ids: ties counts those equal to the last.
bool is_among(float x, uvec2 last, inout uint ties) {
  const uint order = order_of(x);
  if (order != last.x) return order > last.x;
  return ties++ < last.y;
}
