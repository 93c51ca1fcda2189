#include "vision/preprocess.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <list>

#include "fovea/error.h"
#include "runtime/ops/image/normalize_image.h"
#include "runtime/record/recorder.h"
#include "vision/preprocess_plan.h"
#include "vision/resize_recording.h"

namespace fovea {
namespace {

constexpr size_t kept_sizes = 4;      // picture sizes whose programs are kept
constexpr size_t kept_targets = 256;  // slots whose programs are kept

uint32_t round_up(uint32_t value, uint32_t step) {
  return (value + step - 1) / step * step;
}

struct Step {
  Program program;
  Tensor source;
};

// Everything about pictures of one size and format.
struct Job {
  uint32_t width = 0, height = 0;
  PixelFormat format = PixelFormat::rgb8;
  PreprocessPlan plan;
  std::vector<PreprocessStrip> strips;
  uint32_t first_column = 0, row_bytes = 0;  // the part of a row that is uploaded, padded to blocks
  uint32_t used_bytes = 0;                   // of these
  ResizeTables tables;
  std::unique_ptr<gpu::Buffer> band;  // pixels between the passes
  Tensor band_tensor;
  std::unique_ptr<Step> step;  // of a picture that is one strip
};

struct SlotProgram {
  const gpu::Buffer* buffer;
  uint64_t offset;
  uint32_t slot;
  Program program;
};

Tensor on(const gpu::Buffer& buffer, const Shape& shape, DType dtype) {
  Tensor t;
  t.shape = shape;
  t.dtype = dtype;
  t.buffer = &buffer;
  return t;
}

}  // namespace

void check_frame(const ImageView& frame, const char* operation) {
  if (frame.pixels == nullptr || frame.width == 0 || frame.height == 0)
    throw Error(ErrorKind::usage, fmt::format("[{}] the picture is empty: {} × {} pixels", operation,
                                              frame.width, frame.height));
  if (frame.format > PixelFormat::yuyv)
    throw Error(ErrorKind::usage,
                fmt::format("[{}] there is no pixel format {}", operation, static_cast<int>(frame.format)));
  const bool nv12 = frame.format == PixelFormat::nv12;
  if ((nv12 && frame.height % 2 != 0) ||
      ((nv12 || frame.format == PixelFormat::yuyv) && frame.width % 2 != 0))
    throw Error(ErrorKind::usage, fmt::format("[{}] a {} picture of {} × {} pixels: {} must be even",
                                              operation, nv12 ? "nv12" : "yuyv", frame.width, frame.height,
                                              nv12 ? "both sides" : "its width"));
  if (frame.row_bytes < frame.line_bytes())
    throw Error(ErrorKind::usage, fmt::format("[{}] rows of {} pixels need {} bytes, row_bytes is {}",
                                              operation, frame.width, frame.line_bytes(), frame.row_bytes));
}

void check_image(const ImageView& image, const char* operation) {
  if (image.format == PixelFormat::nv12 || image.format == PixelFormat::yuyv)
    throw Error(ErrorKind::usage,
                fmt::format("[{}] {} pixels are for Live: convert them to rgb8, bgr8 or gray8", operation,
                            image.format == PixelFormat::nv12 ? "nv12" : "yuyv"));
  check_frame(image, operation);
}

struct Preprocessor::Impl {
  Impl(gpu::Device& d, const io::PreprocessConfig& c, uint64_t limit)
      : device(d),
        config(c),
        strip_bytes(std::min(limit, d.info().max_storage_range)),
        pitch(round_up(c.width, 4)) {
    plan_preprocess(config, 1, 1);  // a configuration that cannot be followed fails here, not at a picture
    pixel_buffer =
        std::make_unique<gpu::Buffer>(device, uint64_t{config.height} * pitch * 4, gpu::Memory::device);
    pixels = on(*pixel_buffer, {config.height, pitch}, DType::u32);
  }

  gpu::Device& device;
  io::PreprocessConfig config;
  uint64_t strip_bytes;
  uint32_t pitch;  // pixels between rows, whole fours
  std::unique_ptr<gpu::Buffer> pixel_buffer;
  Tensor pixels;
  std::list<Job> jobs;  // latest first
  std::list<SlotProgram> slots;
  std::unique_ptr<Program> readback;
  Tensor readback_tensor;
  std::vector<std::byte> packed;

  Job& job_for(const ImageView& image) {
    const auto found = std::find_if(jobs.begin(), jobs.end(), [&](const Job& j) {
      return j.width == image.width && j.height == image.height && j.format == image.format;
    });
    if (found != jobs.end()) {
      jobs.splice(jobs.begin(), jobs, found);
      return jobs.front();
    }
    Job job;
    job.width = image.width;
    job.height = image.height;
    job.format = image.format;
    job.plan = plan_preprocess(config, image.height, image.width);
    job.first_column = job.plan.columns.begin();
    job.used_bytes = (job.plan.columns.end() - job.first_column) * image.channels();
    job.row_bytes = round_up(job.used_bytes, resize_block_bytes);
    job.tables = {spread_over_blocks(job.plan.columns, job.first_column, image.channels()),
                  in_order(job.plan.rows)};
    job.strips = plan_strips(job.plan, job.row_bytes, uint64_t{pitch} * 4, strip_bytes);
    const uint32_t band_rows = band_rows_of(job.strips);
    job.band = std::make_unique<gpu::Buffer>(device, uint64_t{band_rows} * pitch * 4, gpu::Memory::device);
    job.band_tensor = on(*job.band, {band_rows, pitch}, DType::u32);
    if (jobs.size() == kept_sizes) jobs.pop_back();
    jobs.push_front(std::move(job));
    return jobs.front();
  }

  Step record(const Job& job, const PreprocessStrip& strip) const {
    Recorder r(device);
    const Tensor source = r.input({strip.source_rows, job.row_bytes / 4}, DType::u32, "picture");
    const ResizeInputs inputs(r, job.tables);
    ResizePass(job.plan, inputs, job.format, job.band_tensor, pixels).record(r, strip, source, 0);
    Step step{r.finish(), source};
    inputs.write(step.program, job.tables);
    return step;
  }

  void feed(Step& step, const Job& job, const PreprocessStrip& strip, const ImageView& image) {
    packed.resize(size_t{strip.source_rows} * job.row_bytes);
    for (uint32_t i = 0; i < strip.source_rows; ++i)
      std::memcpy(packed.data() + size_t{i} * job.row_bytes,
                  image.pixels + (size_t{strip.source_first} + i) * image.row_bytes +
                      size_t{job.first_column} * image.channels(),
                  job.used_bytes);
    step.program.write(step.source, packed);
    step.program.submit();
  }

  // Leaves the picture in `pixels`; work may still be under way.
  void resize(const ImageView& image) {
    check_image(image, "preprocess");
    Job& job = job_for(image);
    if (job.strips.size() == 1) {
      if (!job.step) job.step = std::make_unique<Step>(record(job, job.strips.front()));
      feed(*job.step, job, job.strips.front(), image);
      return;
    }
    for (const auto& strip : job.strips) {
      Step step = record(job, strip);
      feed(step, job, strip, image);
      step.program.wait();
    }
  }

  Program& slot_program(const Tensor& target, uint32_t slot) {
    const auto found = std::find_if(slots.begin(), slots.end(), [&](const SlotProgram& s) {
      return s.buffer == target.buffer && s.offset == target.offset && s.slot == slot;
    });
    if (found != slots.end()) return found->program;
    if (slots.size() == kept_targets) slots.pop_front();
    Recorder r(device);
    ops::normalize_image(r, pixels, config.mean, config.std, target, slot);
    slots.push_back({target.buffer, target.offset, slot, r.finish()});
    return slots.back().program;
  }
};

Preprocessor::Preprocessor(gpu::Device& device, const io::PreprocessConfig& config, uint64_t strip_bytes)
    : impl_(std::make_unique<Impl>(device, config, strip_bytes)) {}
Preprocessor::~Preprocessor() = default;
Preprocessor::Preprocessor(Preprocessor&&) noexcept = default;
Preprocessor& Preprocessor::operator=(Preprocessor&&) noexcept = default;

void Preprocessor::run(const ImageView& image, const Tensor& target, uint32_t slot) {
  const auto& c = impl_->config;
  ops::check(target.buffer != nullptr && target.shape.rank() == 4 && target.shape[2] == c.height &&
                 target.shape[3] == c.width,
             "preprocess", [&] {
               return fmt::format("{}, the model takes [B, 3, {}, {}]", ops::shape_of("target", target),
                                  c.height, c.width);
             });
  Program& normalize = impl_->slot_program(target, slot);
  impl_->resize(image);
  normalize.run();
}

void Preprocessor::forget_targets() {
  impl_->slots.clear();
}

std::vector<uint8_t> Preprocessor::pixels(const ImageView& image) {
  const auto& c = impl_->config;
  if (!impl_->readback) {
    Recorder r(impl_->device);
    impl_->readback_tensor = r.temporary({1, 3, c.height, c.width}, DType::f32, "pixels");
    ops::normalize_image(r, impl_->pixels, {0, 0, 0}, {1, 1, 1}, impl_->readback_tensor, 0);
    r.output(impl_->readback_tensor);
    impl_->readback = std::make_unique<Program>(r.finish());
  }
  impl_->resize(image);
  impl_->readback->run();
  std::vector<float> scaled(impl_->readback_tensor.shape.elements());
  impl_->readback->read(impl_->readback_tensor, std::as_writable_bytes(std::span(scaled)));
  std::vector<uint8_t> out(scaled.size());
  std::transform(scaled.begin(), scaled.end(), out.begin(),
                 [](float x) { return static_cast<uint8_t>(std::lround(x * 255)); });
  return out;
}

Region Preprocessor::visible_region(uint32_t width, uint32_t height) const {
  return plan_preprocess(impl_->config, height, width).region;
}

}  // namespace fovea
