#include "models/tasks/text_evidence.h"

namespace fovea {

bool TextEvidence::exact_for(const LoadedModel& model) {
  const Writer* writer = model.writer();
  return writer != nullptr && writer->task() != TextTask::answer && writer->head().linear() &&
         writer->text().one_norm();
}

TextEvidence::TextEvidence(const LoadedModel& model, Retrace& retrace) : retrace_(retrace), of_score_(model) {
  const layers::TextStack& text = model.writer()->text();
  Recorder r(model.device().impl());
  dy_ = r.input({1, retrace.longest(), text.width()}, DType::f32, "gradient");
  parts_ = text.evidence(r, retrace.text(), dy_);
  r.output(parts_);
  program_ = r.finish();
}

std::vector<float> TextEvidence::operator()(std::span<const uint32_t> ids, uint32_t chosen) {
  retrace_.run(ids);
  const std::vector<float> dy = of_score_(retrace_, ids, chosen);
  program_.write(dy_, std::as_bytes(std::span(dy)));
  program_.run();
  return program_.read_floats(parts_);
}

}  // namespace fovea
