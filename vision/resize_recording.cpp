#include "vision/resize_recording.h"

#include <algorithm>

#include "runtime/ops/image/resize.h"

namespace fovea {
namespace {

Tensor spans_input(Recorder& r, const ResizeTable& table, const char* name) {
  return r.input({static_cast<uint32_t>(table.spans.size() / 4), 4}, DType::u32, name);
}

Tensor weights_input(Recorder& r, const ResizeTable& table, const char* name) {
  return r.input({static_cast<uint32_t>(table.weights.size())}, DType::u32, name);
}

}  // namespace

ResizeTable spread_over_blocks(const AxisTable& axis, uint32_t first_column, uint32_t channels) {
  constexpr uint32_t block = resize_block_bytes;
  ResizeTable table;
  for (const auto& span : axis.spans) {
    const uint32_t begin = (span.first - first_column) * channels, end = begin + span.count * channels;
    const uint32_t first = begin / block, blocks = (end + block - 1) / block - first;
    const size_t at = table.weights.size();
    table.spans.insert(table.spans.end(), {first, blocks, static_cast<uint32_t>(at / 4), 0});
    table.weights.resize(at + size_t{blocks} * block);
    for (uint32_t byte = begin; byte < end; ++byte)
      table.weights[at + byte - first * block] = axis.weights[span.offset + (byte - begin) / channels];
  }
  return table;
}

ResizeTable in_order(const AxisTable& axis) {
  ResizeTable table{{}, axis.weights};
  for (const auto& span : axis.spans)
    table.spans.insert(table.spans.end(), {span.first, span.count, span.offset, 0});
  return table;
}

ResizeInputs::ResizeInputs(Recorder& r, const ResizeTables& tables)
    : column_spans_(spans_input(r, tables.columns, "columns")),
      column_weights_(weights_input(r, tables.columns, "columns")),
      row_spans_(spans_input(r, tables.rows, "rows")),
      row_weights_(weights_input(r, tables.rows, "rows")) {}

void ResizeInputs::write(Program& program, const ResizeTables& tables) const {
  program.write(column_spans_, std::as_bytes(std::span(tables.columns.spans)));
  program.write(column_weights_, std::as_bytes(std::span(tables.columns.weights)));
  program.write(row_spans_, std::as_bytes(std::span(tables.rows.spans)));
  program.write(row_weights_, std::as_bytes(std::span(tables.rows.weights)));
}

void ResizePass::record(Recorder& r, const PreprocessStrip& strip, const Tensor& source,
                        uint32_t first_row) const {
  const auto& plan = plan_;
  ops::resize_horizontal(r, source, first_row, strip.source_rows, inputs_.column_spans_,
                         inputs_.column_weights_, band_, strip.source_first - strip.band_first, plan.left,
                         static_cast<uint32_t>(format_));
  if (strip.out_rows == 0) return;
  // Filled rows above and below belong to the first and the last result row.
  const bool at_top = strip.out_first == 0, at_bottom = strip.out_first + strip.out_rows == plan.inner_height;
  const uint32_t first = at_top ? 0 : plan.top + strip.out_first;
  const uint32_t end = at_bottom ? plan.height : plan.top + strip.out_first + strip.out_rows;
  const uint32_t fill = plan.fill[0] | uint32_t{plan.fill[1]} << 8 | uint32_t{plan.fill[2]} << 16;
  ops::resize_vertical(
      r, band_, strip.band_first, inputs_.row_spans_, inputs_.row_weights_, target_, first, end - first,
      {plan.top, plan.top + plan.inner_height, plan.left, plan.left + plan.inner_width, fill});
}

uint32_t band_rows_of(const std::vector<PreprocessStrip>& strips) {
  uint32_t rows = 0;
  for (const auto& s : strips) rows = std::max(rows, s.source_first - s.band_first + s.source_rows);
  return rows;
}

}  // namespace fovea
