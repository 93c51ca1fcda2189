#include "models/tasks/token_gradient.h"

#include <algorithm>
#include <utility>

#include "core/floats.h"

namespace fovea {

TokenGradient::TokenGradient(const LoadedModel& model) : size_(model.writer()->head().scores().part_size()) {
  const Writer& writer = *model.writer();
  for (uint32_t i = 0; i < writer.head().scores().parts(); ++i) {
    Recorder r(model.device().impl());
    Part part;
    part.x = r.input({1, 1, writer.text().width()}, model.storage(), "read");
    part.token = r.input({1, 1}, DType::u32, "token");
    part.gradient = writer.head().gradient(r, part.x, i, part.token);
    r.output(part.gradient);
    part.program = r.finish();
    parts_.push_back(std::move(part));
  }
}

std::vector<float> TokenGradient::operator()(const Retrace& retrace, std::span<const uint32_t> ids,
                                             uint32_t chosen) {
  Part& part = parts_.at(chosen / size_);
  const std::vector<uint32_t> token = {chosen % size_};
  const size_t last = ids.size() - 1;
  part.program.write(part.x, from_floats(retrace.at(static_cast<uint32_t>(last)), part.x.dtype));
  part.program.write(part.token, std::as_bytes(std::span(token)));
  part.program.run();
  const std::vector<float> row = part.program.read_floats(part.gradient);
  std::vector<float> out(retrace.longest() * row.size());
  std::copy(row.begin(), row.end(), out.begin() + static_cast<std::ptrdiff_t>(last * row.size()));
  return out;
}

}  // namespace fovea
