// Channels in units: four where their number allows it (FOURS), else one. Indices and counts are in units, and
// arithmetic is on vec4 either way. A kernel that defines TEXELS (for CPU drivers) reads texels; it needs FOURS.
layout(constant_id = 0) const uint GROUP = 64;
layout(constant_id = 1) const uint GROUP_X = 64;  // lanes along a row's units
layout(constant_id = 2) const bool FOURS = true;
layout(local_size_x_id = 0) in;

// The workgroup has one dimension, because CPU drivers fill vectors along the first only.
const uint GROUP_Y = GROUP / GROUP_X;
uint lane_x() { return gl_LocalInvocationIndex % GROUP_X; }
uint lane_y() { return gl_LocalInvocationIndex / GROUP_X; }
uint global_x() { return gl_WorkGroupID.x * GROUP_X + lane_x(); }
uint global_y() { return gl_WorkGroupID.y * GROUP_Y + lane_y(); }

// NAME(i) is unit i of a buffer of type ONE, whose vectors of four are FOUR.
#ifdef TEXELS
#define UNITS_IN(BINDING, NAME, ONE, FOUR)                   \
  layout(binding = BINDING) uniform textureBuffer NAME##_in; \
  vec4 NAME(uint i) { return texelFetch(NAME##_in, int(i)); }
#else
#define UNITS_IN(BINDING, NAME, ONE, FOUR)                                              \
  layout(binding = BINDING) readonly buffer NAME##_in { ONE NAME##_one[]; };            \
  layout(binding = BINDING) readonly buffer NAME##_in_four { FOUR NAME##_four[]; };     \
  vec4 NAME(uint i) { return FOURS ? vec4(NAME##_four[i]) : vec4(float(NAME##_one[i])); }
#endif

// write_NAME(i, v) stores unit i.
#define UNITS_OUT(BINDING, NAME)                                                         \
  layout(binding = BINDING) writeonly buffer NAME##_out { STORE NAME##_one[]; };         \
  layout(binding = BINDING) writeonly buffer NAME##_out_four { STORE4 NAME##_four[]; };  \
  void write_##NAME(uint i, vec4 v) {                                                    \
    if (FOURS) NAME##_four[i] = STORE4(v);                                               \
    else NAME##_one[i] = STORE(v.x);                                                     \
  }
