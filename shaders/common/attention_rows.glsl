// The body of the attention_rows kernels, after their bindings and q_fours(), k_fours(): four channels at an index.
// A lane owns a key and eight rows; q is the same for all lanes.
const uint ROWS = 8;

void main() {
  const uint key = gl_GlobalInvocationID.x;
  const uint first = gl_WorkGroupID.y * ROWS;
  const uint outputs = FUSION == 0 ? p.a.heads : 1;
  const uint image = gl_WorkGroupID.z / outputs, output_head = gl_WorkGroupID.z % outputs;
  const uint head_begin = FUSION == 0 ? output_head : FUSION == 4 ? ONE_HEAD : 0;
  const uint head_end = FUSION == 0 || FUSION == 4 ? head_begin + 1 : p.a.heads;
  const int width4 = int(p.a.width / 4);

  float fused[ROWS];
  for (uint r = 0; r < ROWS; ++r) fused[r] = FUSION == 3 ? 1e30 : 0.0;
  for (uint head = head_begin; head < head_end; ++head) {
    const int k_at = int(p.a.k_first + image * p.a.kv_image + min(key, p.a.keys - 1) * p.a.kv_token + head * p.a.width) / 4;
    int q_at[ROWS];
    float score[ROWS];
    for (uint r = 0; r < ROWS; ++r) {
      const uint row = p.first_row + min(first + r, p.rows - 1);
      q_at[r] = int(p.a.q_first + image * p.a.q_image + row * p.a.q_token + head * p.a.width) / 4;
      score[r] = 0.0;
    }
    for (int c = 0; c < width4; ++c) {
      const vec4 k_own = k_fours(k_at + c);
      for (uint r = 0; r < ROWS; ++r) score[r] += dot(q_fours(q_at[r] + c), k_own);
    }
    for (uint r = 0; r < ROWS; ++r) {
      const uint row = p.first_row + min(first + r, p.rows - 1);
      const float value = exp(score[r] * p.a.scale - lse[(image * p.a.heads + head) * p.a.queries + row]);
      fused[r] = FUSION == 2 ? max(fused[r], value) : FUSION == 3 ? min(fused[r], value) : fused[r] + value;
    }
  }
  if (key >= p.a.keys) return;
  const float weight = FUSION == 1 ? 1.0 / float(p.a.heads) : 1.0;
  for (uint r = 0; r < ROWS && first + r < p.rows; ++r)
    probability[((image * outputs + output_head) * p.rows + first + r) * p.a.keys + key] = fused[r] * weight;
}
