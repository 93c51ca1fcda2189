// The inner loop of linear layers and convolutions: tiles of x and W in shared memory, a block of the result in
// registers. Shared bytes: 4 · DEPTH · (TILE_M + TILE_N); threads: TILE_N / 4 × TILE_M / ROWS.
layout(constant_id = 0) const uint GROUP = 128;
layout(constant_id = 1) const uint TILE_M = 64;
layout(constant_id = 2) const uint TILE_N = 64;
layout(constant_id = 3) const uint ROWS = 8;  // of the result a thread holds, times four columns

layout(local_size_x_id = 0) in;
layout(binding = 1) readonly buffer W { STORE4 w[]; };  // [k, columns4]

const uint DEPTH = 16;  // of the inner dimension in shared memory
const uint TILE_N4 = TILE_N / 4;
const uint LOADS = TILE_M * (DEPTH / 4) / GROUP;  // of x, a thread and tile; exact for every tile used

shared float x_tile[DEPTH * TILE_M];  // [k, row]
shared vec4 w_tile[DEPTH * TILE_N4];  // [k, column4]

vec4 sum[ROWS];

uint tile_own_column() { return gl_LocalInvocationID.x % TILE_N4; }
uint tile_own_row() { return gl_LocalInvocationID.x / TILE_N4 * ROWS; }
void tile_clear() {
  for (uint r = 0; r < ROWS; ++r) sum[r] = vec4(0);
}

// What a thread loads of x: four values from tile_x_k() on, of row tile_x_row(i) for each i below LOADS.
uint tile_x_row(uint load) { return (gl_LocalInvocationID.x + load * GROUP) / (DEPTH / 4); }
uint tile_x_k() { return gl_LocalInvocationID.x % (DEPTH / 4) * 4; }
void tile_keep_x(uint load, vec4 value) {
  for (uint c = 0; c < 4; ++c) x_tile[(tile_x_k() + c) * TILE_M + tile_x_row(load)] = value[c];
}

// Columns beyond end_column and rows beyond k_count are zero.
void tile_load_w(uint first_column, uint end_column, uint k, uint k_count, uint columns4) {
  for (uint i = gl_LocalInvocationID.x; i < DEPTH * TILE_N4; i += GROUP) {
    const uint kk = k + i / TILE_N4, column = first_column + i % TILE_N4;
    w_tile[i] = kk < k_count && column < end_column ? vec4(w[kk * columns4 + column]) : vec4(0);
  }
}

void tile_multiply() {
  barrier();
  for (uint kk = 0; kk < DEPTH; ++kk) {
    const vec4 w_own = w_tile[kk * TILE_N4 + tile_own_column()];
    for (uint r = 0; r < ROWS; ++r) sum[r] += x_tile[kk * TILE_M + tile_own_row() + r] * w_own;
  }
  barrier();
}
