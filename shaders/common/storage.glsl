// Storage type of activations and weights: a shader that includes this is compiled for fp32 and for fp16.
// Arithmetic is fp32 in both: load with float(x) or vec4(x), store with STORE(x) or STORE4(x).
#ifdef STORAGE_F16
#extension GL_EXT_shader_16bit_storage : require
#define STORE float16_t
#define STORE4 f16vec4
#else
#define STORE float
#define STORE4 vec4
#endif

// Four values as they lie in memory, which a register may hold whether or not the device computes in fp16.
#ifdef STORAGE_F16
#define PACKED4 uvec2
vec4 opened(PACKED4 four) { return vec4(unpackHalf2x16(four.x), unpackHalf2x16(four.y)); }
#else
#define PACKED4 vec4
vec4 opened(PACKED4 four) { return four; }
#endif
