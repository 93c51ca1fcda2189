#include "fovea/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "core/boundary.h"
#include "fovea/error.h"
#include "models/tasks/classify.h"
#include "models/tasks/draw_maps.h"
#include "models/tasks/patch_under.h"
#include "vision/overlay.h"
#include "vision/preprocess.h"

namespace fovea {
namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

}  // namespace

// A pass recorded when first needed, and the tasks that read it.
struct Session::Impl {
  Impl(const Model& m, const SessionOptions& o)
      : model(m),
        options(o),
        classes(m.impl(), o.top_k),
        preprocessor(m.device().impl(), m.impl().preprocess()),
        overlay(m.device().impl()) {}

  Model model;
  SessionOptions options;
  Classify classes;
  std::unique_ptr<Forward> forward;
  bool host_input = false;         // of that pass
  std::optional<DrawMaps> drawer;  // of that pass
  Preprocessor preprocessor;
  MapOverlay overlay;
  uint32_t filled_slots = 0;  // pictures of the last classify()

  Forward& recorded_forward(bool from_host) {
    if (forward && host_input != from_host) {
      drawer.reset();
      preprocessor.forget_targets();
      forward.reset();
    }
    if (!forward) {
      host_input = from_host;
      Forward::Options f;
      f.batch = options.batch;
      f.host_input = from_host;
      f.classify = classes;
      f.attention = options.attention;
      forward = std::make_unique<Forward>(model.impl(), f);
      drawer.emplace(model.impl(), *forward);
      model.device().impl().save_pipeline_cache();
    }
    return *forward;
  }

  // What map() and evidence() need.
  void check_slot(const char* operation, uint32_t slot) const {
    if (!options.attention)
      throw Error(
          ErrorKind::usage,
          fmt::format("[{}] this session keeps no attention: set SessionOptions::attention", operation));
    if (slot >= filled_slots)
      throw Error(ErrorKind::usage,
                  fmt::format("[{}] slot {} of {} classified images", operation, slot, filled_slots));
  }

  // What a pass that has run answers for the first images: logits, where the model has them.
  std::vector<float> answer(const Forward& f, size_t images) {
    drawer->pass_has_run();
    std::vector<float> out = f.floats(f.answer().given);
    out.resize(out.size() / options.batch * images);
    check_finite(model.info(), out);
    filled_slots = static_cast<uint32_t>(images);
    return out;
  }

  std::vector<Classification> classify(std::span<const ImageView> images) {
    if (images.empty() || images.size() > options.batch)
      throw Error(ErrorKind::usage,
                  fmt::format("[classify] {} images, the session takes 1…{}", images.size(), options.batch));
    Forward& f = recorded_forward(false);
    std::vector<Classification> out(images.size());
    filled_slots = 0;
    for (size_t i = 0; i < images.size(); ++i) {
      const auto start = Clock::now();
      preprocessor.run(images[i], f.input(0), static_cast<uint32_t>(i));
      out[i].preprocess_ms = ms_since(start);
    }
    const auto start = Clock::now();
    f.program().run();
    const double model_ms = ms_since(start) / static_cast<double>(images.size());
    for (Classification& c : out) c.model_ms = model_ms;
    const std::vector<float> logits = answer(f, images.size());
    if (!classes.has_logits()) return out;

    const auto probabilities = f.floats(f.answer().probabilities);
    const auto indices = f.words(f.answer().indices);
    const size_t k = classes.top_k(), width = logits.size() / images.size();
    for (size_t i = 0; i < images.size(); ++i)
      out[i].topk =
          predictions(std::span(logits).subspan(i * width, width), std::span(probabilities).subspan(i * k, k),
                      std::span(indices).subspan(i * k, k));
    return out;
  }

  std::vector<float> logits(std::span<const float> input, uint32_t count) {
    const ModelInfo& info = model.info();
    if (!classes.has_logits())
      throw Error(ErrorKind::usage, fmt::format("[logits] {} has no logits", info.architecture));
    const size_t image = size_t{3} * info.height * info.width;
    if (count == 0 || count > options.batch || input.size() != image * count)
      throw Error(ErrorKind::usage,
                  fmt::format("[logits] {} values as {} images of [3, {}, {}]; the session takes 1…{}",
                              input.size(), count, info.height, info.width, options.batch));
    Forward& f = recorded_forward(true);
    filled_slots = 0;
    if (count == options.batch) {
      f.write(0, input);
    } else {
      std::vector<float> padded(image * options.batch);
      std::copy(input.begin(), input.end(), padded.begin());
      f.write(0, padded);
    }
    f.program().run();
    return answer(f, count);
  }
};

Session::Session(const Model& model, const SessionOptions& options) {
  model.impl().demand_pictures("session");
  if (options.batch == 0 || options.batch > largest_batch)
    throw Error(ErrorKind::usage,
                fmt::format("[session] a batch of {} images, it takes 1…{}", options.batch, largest_batch));
  impl_ = std::make_unique<Impl>(model, options);
}
Session::~Session() = default;
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;

const Model& Session::model() const {
  return impl_->model;
}

void Session::prepare() {
  at_boundary("prepare", [&] { impl_->recorded_forward(impl_->host_input); });
}

std::vector<Classification> Session::classify(std::span<const ImageView> images) {
  return at_boundary("classify", [&] { return impl_->classify(images); });
}

Region Session::visible_region(uint32_t width, uint32_t height) const {
  return impl_->preprocessor.visible_region(width, height);
}

PatchIndex Session::patch_at(uint32_t width, uint32_t height, double x, double y, int layer) const {
  return patch_under(impl_->model.info(), visible_region(width, height), width, height, x, y, layer);
}

AttentionMap Session::map(const MapRequest& request, uint32_t slot) {
  impl_->check_slot("map", slot);
  return at_boundary("map", [&] { return impl_->drawer->map(request, slot); });
}

ClassEvidence Session::evidence(uint32_t target, uint32_t slot) {
  impl_->check_slot("evidence", slot);
  return at_boundary("evidence", [&] { return impl_->drawer->evidence(target, slot); });
}

std::vector<float> Session::logits(std::span<const float> input, uint32_t count) {
  return at_boundary("logits", [&] { return impl_->logits(input, count); });
}

std::vector<uint8_t> Session::overlay(const ImageView& image, const AttentionMap& map,
                                      const OverlayOptions& options) {
  return at_boundary("overlay", [&] {
    return impl_->overlay.draw(image, map, visible_region(image.width, image.height), options);
  });
}

std::vector<uint8_t> Session::preprocessed_pixels(const ImageView& image) {
  return at_boundary("preprocess", [&] { return impl_->preprocessor.pixels(image); });
}

std::string Session::memory_plan() const {
  return impl_->recorded_forward(impl_->host_input).program().memory_plan();
}

}  // namespace fovea
