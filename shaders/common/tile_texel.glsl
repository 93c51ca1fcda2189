// The inner loop of linear layers and convolutions on CPU drivers: no shared memory, every load a texel. A lane
// holds ROWS × 4 columns. The lanes of a subgroup each fetch one row of x and hand it round by shuffles,
// because a load whose address differs between lanes costs a loop there, whatever it loads.
layout(constant_id = 0) const uint GROUP = 8;
layout(constant_id = 1) const uint LANES = 8;    // of a subgroup that fetch different rows: 16 at most, and divide ROWS
layout(constant_id = 2) const uint COLUMNS = 8;  // lanes side by side; below GROUP the others hold further rows
layout(constant_id = 3) const uint ROWS = 16;    // fewer for products of few rows, which would compute with none

layout(local_size_x_id = 0) in;
layout(binding = 1) uniform textureBuffer w;  // [k, columns4]

const uint FETCHES = ROWS / LANES;

vec4 sum[ROWS];

uint tile_lane() { return gl_SubgroupID * gl_SubgroupSize + gl_SubgroupInvocationID; }
// First of the rows of this lane.
uint tile_first_row(uint tile) { return (tile * (GROUP / COLUMNS) + tile_lane() / COLUMNS) * ROWS; }
// Which of them it fetches in fetch f.
uint tile_own_row(uint f) { return f * LANES + gl_SubgroupInvocationID % LANES; }

void tile_clear() {
  for (uint r = 0; r < ROWS; ++r) sum[r] = vec4(0);
}

// Four steps along k: x_own are four values of each row fetched, w_at is the column in the first of four rows of w.
void tile_multiply(vec4 x_own[FETCHES], int w_at, int columns4) {
  const uint first_lane = COLUMNS < GROUP ? gl_SubgroupInvocationID / LANES * LANES : 0;
  vec4 w_own[4];
  for (uint kk = 0; kk < 4; ++kk) w_own[kk] = texelFetch(w, w_at + int(kk) * columns4);
  for (uint r = 0; r < ROWS; ++r)
    for (uint kk = 0; kk < 4; ++kk)
      sum[r] += subgroupShuffle(x_own[r / LANES][kk], first_lane + r % LANES) * w_own[kk];
}
