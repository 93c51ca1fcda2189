#include "stream/live_slot.h"

#include <cstring>

#include "core/floats.h"

namespace fovea {
namespace {

// One before and one after each of upload, preprocess, model, maps, overlay and download.
constexpr uint32_t stamps = 7;
constexpr uint64_t alignment = 64;

// Keeps a buffer that is large enough and not more than four times as large.
void fit(gpu::Device& device, std::unique_ptr<gpu::Buffer>& buffer, uint64_t bytes, gpu::Memory memory) {
  if (buffer && buffer->size() >= bytes && buffer->size() / 4 <= bytes) return;
  buffer.reset();  // its memory first
  buffer = std::make_unique<gpu::Buffer>(device, bytes, memory);
}

}  // namespace

LiveSlot::LiveSlot(gpu::Device& device) : device_(device), stamps_(device, stamps) {
  for (uint32_t i = 2; i + 2 < stamps && stamps_.handles() != nullptr; ++i) {
    between_.emplace_back(device, gpu::Commands::Options{});
    between_.back().stamp(stamps_, i);
    between_.back().finish();
  }
}

LiveSlot::Copied LiveSlot::place(const Tensor& t, uint64_t& bytes) const {
  const Copied out{t, bytes};
  bytes = (bytes + t.bytes() + alignment - 1) / alignment * alignment;
  return out;
}

void LiveSlot::record(const LiveStages& stages) {
  if (stages == stages_) return;
  stages_ = {};
  before_.reset();
  after_.reset();
  maps_.clear();
  pictures_.clear();

  const gpu::Buffer& pixels = stages.frame->uploaded();
  fit(device_, upload_, pixels.size(), gpu::Memory::upload);
  auto before = std::make_unique<gpu::Commands>(device_, gpu::Commands::Options{});
  before->reset(stamps_);
  before->stamp(stamps_, 0);
  before->copy(*upload_, 0, pixels, 0, pixels.size());
  before->stamp(stamps_, 1);
  before->finish();

  uint64_t bytes = 0;
  const Classify::Answer& answer = stages.model->answer();
  answer_ = place(answer.given, bytes);
  probabilities_ = place(answer.probabilities, bytes);
  indices_ = place(answer.indices, bytes);
  for (const ModelStage::Map& map : stages.model->maps()) maps_.push_back(place(map.values, bytes));
  for (const PictureStage::Picture& picture : stages.pictures->pictures()) {
    auto& strips = pictures_.emplace_back();
    for (const Tensor& strip : picture.strips) strips.push_back(place(strip, bytes));
  }
  fit(device_, readback_, bytes, gpu::Memory::readback);
  auto after = std::make_unique<gpu::Commands>(device_, gpu::Commands::Options{});
  after->stamp(stamps_, stamps - 2);
  const auto copy = [&](const Copied& c) {
    after->copy(*c.tensor.buffer, c.tensor.offset, *readback_, c.offset, c.tensor.bytes());
  };
  copy(answer_);
  if (indices_.tensor) {
    copy(probabilities_);
    copy(indices_);
  }
  for (const Copied& map : maps_) copy(map);
  for (const auto& picture : pictures_)
    for (const Copied& strip : picture) copy(strip);
  after->stamp(stamps_, stamps - 1);
  after->finish();

  before_ = std::move(before);
  after_ = std::move(after);
  stages_ = stages;  // last: a failure leaves nothing that looks recorded
}

void LiveSlot::submit(gpu::Timeline& timeline, const LiveStages& stages, const ImageView& frame,
                      uint64_t number) {
  start_ = Clock::now();
  record(stages);
  stages_.frame->pack(frame, upload_->mapped());
  std::vector<gpu::Sequence> sequences{{before_.get()}, stages_.frame->program().all()};
  size_t next = 0;
  const auto stamp = [&] {
    if (next < between_.size()) sequences.push_back({&between_[next++]});
  };
  stamp();
  sequences.push_back(stages_.model->model_sequence());
  stamp();
  for (const gpu::Sequence& sequence : stages_.model->map_sequences()) sequences.push_back(sequence);
  stamp();
  if (Program* program = stages_.pictures->program()) sequences.push_back(program->all());
  sequences.push_back({after_.get()});
  submission_ = timeline.submit(sequences);
  stages_.model->has_run();
  number_ = number;
}

LiveFrame LiveSlot::collect(gpu::Timeline& timeline, const ModelInfo& info) {
  timeline.wait(submission_);
  LiveFrame out;
  out.number = number_;
  out.width = stages_.frame->width();
  out.height = stages_.frame->height();
  const auto answer = floats(answer_);
  check_finite(info, answer);
  if (indices_.tensor) out.topk = predictions(answer, floats(probabilities_), words(indices_));
  for (size_t view = 0; view < pictures_.size(); ++view) out.pictures.push_back(picture(view));
  out.device_ms = times();
  out.latency_ms = std::chrono::duration<double, std::milli>(Clock::now() - start_).count();
  return out;
}

LivePicture LiveSlot::picture(size_t view) const {
  LivePicture out;
  const size_t used = size_t{stages_.frame->width()} * 3, row_bytes = stages_.pictures->row_bytes();
  out.bgr.reserve(used * stages_.frame->height());
  for (const Copied& strip : pictures_[view]) {
    const auto* row = reinterpret_cast<const uint8_t*>(readback_->mapped() + strip.offset);
    for (uint32_t i = 0; i < strip.tensor.shape[0]; ++i, row += row_bytes)
      out.bgr.insert(out.bgr.end(), row, row + used);
  }
  const ModelStage& maps = *stages_.model;
  for (const LiveLayer& layer : maps.views()[view].layers) {
    const size_t i = maps.index_of(layer);
    out.maps.push_back({maps.maps()[i].rows, maps.maps()[i].cols, floats(maps_[i])});
  }
  return out;
}

std::vector<float> LiveSlot::floats(const Copied& c) const {
  return to_floats({readback_->mapped() + c.offset, c.tensor.bytes()}, c.tensor.dtype);
}

std::vector<uint32_t> LiveSlot::words(const Copied& c) const {
  std::vector<uint32_t> out(c.tensor.shape.elements());
  std::memcpy(out.data(), readback_->mapped() + c.offset, c.tensor.bytes());
  return out;
}

StageTimes LiveSlot::times() const {
  const std::vector<double> ms = stamps_.ms();
  return {ms[0], ms[1], ms[2], ms[3], ms[4], ms[5]};
}

}  // namespace fovea
