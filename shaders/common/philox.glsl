// Philox4x32-10 (Salmon et al. 2011): numbers by chance that depend on nothing but a counter and a key.
uvec4 philox(uvec4 counter, uvec2 key) {
  for (uint round = 0; round < 10; ++round) {
    uint high_x, low_x, high_z, low_z;
    umulExtended(0xD2511F53u, counter.x, high_x, low_x);
    umulExtended(0xCD9E8D57u, counter.z, high_z, low_z);
    counter = uvec4(high_z ^ counter.y ^ key.x, low_z, high_x ^ counter.w ^ key.y, low_x);
    key += uvec2(0x9E3779B9u, 0xBB67AE85u);
  }
  return counter;
}

// In the middle of one of 2^23 equal parts of 0 to 1, exact in fp32.
float fraction(uint word) { return (float(word >> 9) + 0.5) * exp2(-23.0); }
