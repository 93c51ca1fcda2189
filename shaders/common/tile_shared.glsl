// The inner loop of linear layers and convolutions: tiles of x and W in shared memory, a block of the result in
// registers. Shared bytes: 4 · DEPTH · (TILE_M + PAD + TILE_N). A thread has ROWS rows next to each other and COLUMNS4
// times four columns, ACROSS of these apart.
//
// While a turn's tiles are multiplied the next one's values are on their way: they are loaded before the barrier, all
// of them from clamped places without a branch, so that one wait serves them together, and opened when they are kept.
#extension GL_EXT_control_flow_attributes : require
layout(constant_id = 0) const uint GROUP = 128;
layout(constant_id = 1) const uint TILE_M = 64;
layout(constant_id = 2) const uint TILE_N = 64;
layout(constant_id = 3) const uint ROWS = 8;  // of the result that a thread holds

layout(local_size_x_id = 0) in;
layout(binding = 1) readonly buffer W { PACKED4 w[]; };  // [k, columns4]

const uint TILE_N4 = TILE_N / 4;
const uint ACROSS = GROUP / (TILE_M / ROWS);      // threads along a row of the tile
const uint COLUMNS4 = TILE_N4 / ACROSS;           // of a thread
const uint DEPTH = 16;                            // of the inner dimension in shared memory
const uint LOADS = TILE_M * (DEPTH / 4) / GROUP;  // of x, a thread and tile; exact for every tile used
const uint W_LOADS = DEPTH * TILE_N4 / GROUP;     // the same of W
const uint PAD = 4;                               // rows, so that stores of x meet in fewer banks

shared float x_tile[DEPTH * (TILE_M + PAD)];  // [k, row]
shared vec4 w_tile[DEPTH * TILE_N4];          // [k, column4]

vec4 sum[ROWS * COLUMNS4];  // [row, column4]
PACKED4 w_next[W_LOADS];

uint tile_own_column(uint c) { return gl_LocalInvocationID.x % ACROSS + c * ACROSS; }
uint tile_own_row() { return gl_LocalInvocationID.x / ACROSS * ROWS; }
void tile_clear() {
  for (uint i = 0; i < ROWS * COLUMNS4; ++i) sum[i] = vec4(0);
}

// What a thread loads of x: four values from tile_x_k() on, of row tile_x_row(i) for each i below LOADS. Zeros beyond
// the inner dimension; rows beyond the result are never written.
uint tile_x_row(uint load) { return (gl_LocalInvocationID.x + load * GROUP) / (DEPTH / 4); }
uint tile_x_k() { return gl_LocalInvocationID.x % (DEPTH / 4) * 4; }
void tile_keep_x(uint load, vec4 value) {
  [[unroll]] for (uint c = 0; c < 4; ++c) x_tile[(tile_x_k() + c) * (TILE_M + PAD) + tile_x_row(load)] = value[c];
}

// Columns beyond end_column are never written, and rows beyond k_count meet zeros of x.
void tile_fetch_w(uint first_column, uint end_column, uint k, uint k_count, uint columns4) {
  [[unroll]] for (uint i = 0; i < W_LOADS; ++i) {
    const uint at = gl_LocalInvocationID.x + i * GROUP;
    w_next[i] = w[min(k + at / TILE_N4, k_count - 1) * columns4 + min(first_column + at % TILE_N4, end_column - 1)];
  }
}
void tile_keep_w() {
  [[unroll]] for (uint i = 0; i < W_LOADS; ++i) w_tile[gl_LocalInvocationID.x + i * GROUP] = opened(w_next[i]);
}

void tile_multiply() {
  barrier();
  for (uint kk = 0; kk < DEPTH; ++kk) {
    vec4 w_own[COLUMNS4];
    [[unroll]] for (uint c = 0; c < COLUMNS4; ++c) w_own[c] = w_tile[kk * TILE_N4 + tile_own_column(c)];
    [[unroll]] for (uint r = 0; r < ROWS; ++r) {
      const float x_own = x_tile[kk * (TILE_M + PAD) + tile_own_row() + r];
      [[unroll]] for (uint c = 0; c < COLUMNS4; ++c) sum[r * COLUMNS4 + c] += x_own * w_own[c];
    }
  }
  barrier();
}
