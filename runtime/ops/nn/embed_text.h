// Token ids as vectors: rows of a vocabulary's table, positions added.
#pragma once

#include <fmt/format.h>

#include <span>
#include <string>

#include "generated/shaders.h"
#include "runtime/ops/common/units.h"
#include "shaders/nn/embed_text.h"

namespace fovea::ops {

template <gpu::Family F>
struct EmbedText : UnitKernel<F> {
  static constexpr const gpu::Shader& shader = shaders::embed_text;
  using Push = EmbedTextPush;
  struct Spec {
    UnitGroup group;
    uint32_t has_positions = 1, has_past = 0, counted = 0;
  };
  struct Bind {
    ReadBy<F> table, positions;
    In ids, past;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) { return unit_grid(p.units, p.tokens, p.images, s.group); }
  static std::vector<Spec> variants(const DeviceInfo& device) {
    std::vector<Spec> out;
    for (const UnitGroup& group : unit_variants<F>(device, unit_group))
      for (const uint32_t counted : {0U, 1U}) out.push_back({group, 1, 1, counted});
    return out;
  }
};
inline const BothFamilies<EmbedText> embed_text_kernels;

// Where tokens stand, and the table of what is added for it.
struct TextPositions {
  Tensor table{};        // [positions, width] f32; empty where nothing is added
  uint32_t first = 0;    // the row of position 0; counted: that of pads
  bool counted = false;  // pads have no position, and the others are counted without them
  uint32_t pad = 0;      // the id of pads, where they are counted out
  Tensor past{};         // u32 [images]: tokens in front of the first one; empty for none
};

// ids u32 [images, tokens], table [vocabulary, width], whole or its rows in parts → [images, tokens, width]
// of the table's type: scale · table[ids] + positions.
inline Tensor embed_text(Recorder& r, const Tensor& ids, std::span<const Tensor> table, float scale,
                         const TextPositions& positions) {
  check(!table.empty(), "embed_text", [] { return std::string("there is no table"); });
  const Tensor& first = table.front();
  const auto rows_of_width = [&](const Tensor& t) {
    return t.shape.rank() == 2 && t.shape[0] != 0 && t.shape[1] == first.shape[1];
  };
  uint32_t vocabulary = 0;
  bool fit = ids.shape.rank() == 2 && ids.dtype == DType::u32 && is_real(first.dtype);
  for (const Tensor& part : table) {
    fit = fit && rows_of_width(part) && part.dtype == first.dtype && part.shape.elements() <= UINT32_MAX;
    vocabulary += part.shape[0];
  }
  check(fit &&
            (!positions.table || (rows_of_width(positions.table) && positions.table.dtype == DType::f32 &&
                                  positions.first < positions.table.shape[0])) &&
            (!positions.past ||
             (positions.past.dtype == DType::u32 && positions.past.shape == Shape{ids.shape[0]})),
        "embed_text", [&] {
          return fmt::format("{} {}, {} {}, {} from row {}, {}", shape_of("ids", ids), to_string(ids.dtype),
                             shape_of("table", first), to_string(first.dtype),
                             shape_of("positions", positions.table), positions.first,
                             shape_of("past", positions.past));
        });
  const uint32_t images = ids.shape[0], tokens = ids.shape[1], width = first.shape[1];
  const Tensor y = r.temporary({images, tokens, width}, first.dtype, "embed_text");
  EmbedTextPush push{
      images, tokens, units_of(width), vocabulary,    positions.table ? positions.table.shape[0] : 1,
      0,      0,      positions.first, positions.pad, scale};
  const UnitGroup group = unit_group(r.device().info(), width);
  for (const Tensor& part : table) {
    push.rows = part.shape[0];
    embed_text_kernels.dispatch(r, [&]<class K>(K) {
      return Call<K>{
          {part, positions.table ? positions.table : part, ids, positions.past ? positions.past : ids, y},
          push,
          {group, positions.table ? 1U : 0U, positions.past ? 1U : 0U, positions.counted ? 1U : 0U}};
    });
    push.first_id += push.rows;
  }
  return y;
}

}  // namespace fovea::ops
