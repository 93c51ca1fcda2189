#include "models/tasks/retrace.h"

#include <utility>

namespace fovea {
namespace {

// Other programs read a recording's own tensors; those of others are so already.
void keep(Recorder& r, AttentionTap& tap) {
  for_each_tensor(tap, [&](const Tensor& t) {
    if (t.buffer == nullptr) r.keep(t);
  });
}

AttentionTap shared(const Program& program, AttentionTap tap) {
  for_each_tensor(tap, [&](Tensor& t) {
    if (t.buffer == nullptr) t = program.shared(t);
  });
  return tap;
}

}  // namespace

Retrace::Retrace(const LoadedModel& model, std::span<const Tensor> inputs, uint32_t longest) {
  const Writer& writer = *model.writer();
  std::vector<Tensor> kv;
  {
    Recorder r(model.device().impl());
    AttentionTap tap;
    kv = writer.text().keys_and_values(r, writer.memory(r, inputs, &tap));
    for (const Tensor& t : kv) r.keep(t);
    keep(r, tap);
    below_pass_ = r.finish();
    for (Tensor& t : kv) t = below_pass_.shared(t);
    below_ = shared(below_pass_, std::move(tap));
  }
  Recorder r(model.device().impl());
  ids_ = r.input({1, longest}, DType::u32, "ids");
  AttentionTap tap;
  x_ = writer.text()(r, {.ids = ids_, .self = {.causal = true}, .kv = kv, .tap = &tap});
  keep(r, tap);
  r.output(x_);
  text_pass_ = r.finish();
  text_ = shared(text_pass_, std::move(tap));
}

void Retrace::run(std::span<const uint32_t> ids) {
  if (!std::exchange(seen_, true)) {
    below_pass_.run();
    ++pictures_;
  }
  // Tokens behind the last one are seen by none before them.
  std::vector<uint32_t> padded(ids.begin(), ids.end());
  padded.resize(longest());
  text_pass_.write(ids_, std::as_bytes(std::span(padded)));
  text_pass_.run();
}

std::vector<float> Retrace::at(uint32_t position) const {
  const uint32_t width = x_.shape.last();
  return text_pass_.read_floats(x_.part(uint64_t{position} * width, {width}));
}

}  // namespace fovea
