#include "fovea/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "core/boundary.h"
#include "fovea/error.h"
#include "maps/evidence_terms.h"
#include "maps/methods.h"
#include "models/tasks/answers.h"
#include "models/tasks/bench.h"
#include "models/tasks/forward.h"
#include "vision/overlay.h"
#include "vision/preprocess.h"

namespace fovea {
namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

constexpr size_t most_recorded_maps = 16;  // then all are forgotten and recorded anew when asked for

// A map's program: recorded once per request, replayed on what each forward pass leaves.
struct RecordedMap {
  MapRequest request;
  maps::Drawn map;
  Program program;
  uint64_t generation = 0;  // the pass that `values` belongs to
  std::vector<float> values;
};

}  // namespace

struct Session::Impl {
  Impl(const Model& m, const SessionOptions& o)
      : model(m),
        options(o),
        preprocessor(m.device().impl(), m.impl().preprocess()),
        overlay(m.device().impl()) {}

  Model model;
  SessionOptions options;
  std::unique_ptr<Forward> forward;  // recorded when first needed; what follows refers to its buffers
  bool host_input = false;           // of that pass
  std::vector<RecordedMap> maps;
  std::optional<maps::EvidenceTerms> evidence_terms;
  Preprocessor preprocessor;
  Overlay overlay;
  uint32_t filled_slots = 0;  // pictures of the last classify()
  uint64_t generation = 0;    // counts forward passes

  Forward& recorded_forward(bool from_host) {
    if (forward && host_input != from_host) {
      maps.clear();
      evidence_terms.reset();
      preprocessor.forget_targets();
      forward.reset();
    }
    if (!forward) {
      host_input = from_host;
      Forward::Options f;
      f.batch = options.batch;
      f.host_input = from_host;
      f.classify = true;
      f.top_k = options.top_k;
      f.attention = options.attention;
      forward = std::make_unique<Forward>(model.impl(), f);
      model.device().impl().save_pipeline_cache();
    }
    return *forward;
  }

  RecordedMap& recorded_map(const MapRequest& request) {
    for (RecordedMap& m : maps)
      if (m.request == request) return m;
    if (maps.size() == most_recorded_maps) maps.clear();
    Recorder r(model.device().impl());
    maps::Drawn map = maps::draw(r, forward->kept(), request, model.info());
    r.output(map.values);
    maps.push_back({request, std::move(map), r.finish(), 0, {}});
    RecordedMap& m = maps.back();
    for (const auto& [tensor, values] : m.map.presets)
      m.program.write(tensor, std::as_bytes(std::span(values)));
    return m;
  }

  // The map of every slot, drawn once a forward pass.
  const RecordedMap& current_map(const MapRequest& request) {
    RecordedMap& m = recorded_map(request);
    if (m.generation == generation) return m;
    m.program.run();
    m.values.resize(m.map.values.shape.elements());
    m.program.read(m.map.values, std::as_writable_bytes(std::span(m.values)));
    m.generation = generation;
    return m;
  }

  ClassEvidence evidence(uint32_t target, uint32_t slot) {
    if (!evidence_terms) evidence_terms.emplace(model.device().impl(), forward->kept(), model.info());
    return evidence_terms->of(target, slot);
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

  std::vector<Classification> classify(std::span<const ImageView> images) {
    if (images.empty() || images.size() > options.batch)
      throw Error(ErrorKind::usage,
                  fmt::format("[classify] {} images, the session takes 1…{}", images.size(), options.batch));
    Forward& f = recorded_forward(false);
    std::vector<Classification> out(images.size());
    filled_slots = 0;
    ++generation;
    for (size_t i = 0; i < images.size(); ++i) {
      const auto start = Clock::now();
      preprocessor.run(images[i], f.input(), static_cast<uint32_t>(i));
      out[i].preprocess_ms = ms_since(start);
    }
    const auto start = Clock::now();
    f.program().run();
    const double model_ms = ms_since(start) / static_cast<double>(images.size());

    const auto logits = f.logits(), probabilities = f.probabilities();
    const auto indices = f.indices();
    const size_t k = options.top_k, classes = model.info().classes;
    check_finite(model.info(), std::span(logits).first(images.size() * classes));
    for (size_t i = 0; i < images.size(); ++i) {
      out[i].model_ms = model_ms;
      out[i].topk =
          predictions(std::span(logits).subspan(i * classes, classes),
                      std::span(probabilities).subspan(i * k, k), std::span(indices).subspan(i * k, k));
    }
    filled_slots = static_cast<uint32_t>(images.size());
    return out;
  }

  std::vector<float> logits(std::span<const float> input, uint32_t count) {
    const ModelInfo& info = model.info();
    const size_t image = size_t{3} * info.height * info.width;
    if (count == 0 || count > options.batch || input.size() != image * count)
      throw Error(ErrorKind::usage,
                  fmt::format("[logits] {} values as {} images of [3, {}, {}]; the session takes 1…{}",
                              input.size(), count, info.height, info.width, options.batch));
    Forward& f = recorded_forward(true);
    filled_slots = 0;
    ++generation;
    if (count == options.batch) {
      f.write_input(input);
    } else {
      std::vector<float> padded(image * options.batch);
      std::copy(input.begin(), input.end(), padded.begin());
      f.write_input(padded);
    }
    f.program().run();
    std::vector<float> out = f.logits();
    out.resize(size_t{count} * info.classes);
    check_finite(info, out);
    filled_slots = count;
    return out;
  }

  std::map<std::string, RawTensor> run(std::span<const float> input, uint32_t count,
                                       std::span<const uint32_t> attention_layers) {
    const ModelInfo& info = model.info();
    const size_t image = size_t{3} * info.height * info.width;
    if (count == 0 || input.size() / image != count || input.size() % image != 0)
      throw Error(ErrorKind::usage, fmt::format("[run] {} values are not {} images of [3, {}, {}]",
                                                input.size(), count, info.height, info.width));
    for (const uint32_t layer : attention_layers)
      if (layer >= info.attention.size())
        throw Error(ErrorKind::usage, fmt::format("[run] attention of layer {}, the model has layers 0…{}",
                                                  layer, info.attention.size() - 1));

    Forward::Options f;
    f.batch = std::min(count, options.batch);
    f.host_input = true;
    const std::vector<Port>& outputs = model.impl().outputs();
    for (size_t i = 0; i < outputs.size(); ++i) f.outputs.push_back(i);
    f.full_attention.assign(attention_layers.begin(), attention_layers.end());
    Forward pass(model.impl(), f);
    model.device().impl().save_pipeline_cache();

    std::map<std::string, RawTensor> out;
    const auto append = [&](const std::string& name, const Shape& shape, const std::vector<float>& values,
                            uint32_t images) {
      RawTensor& t = out[name];
      if (t.shape.empty()) {
        t.shape.push_back(shape[0] / f.batch * count);
        for (uint32_t i = 1; i < shape.rank(); ++i) t.shape.push_back(shape[i]);
      }
      t.values.insert(t.values.end(), values.begin(),
                      values.begin() + static_cast<std::ptrdiff_t>(values.size() / f.batch * images));
    };
    std::vector<float> chunk(image * f.batch);
    for (uint32_t first = 0; first < count; first += f.batch) {
      const uint32_t images = std::min(f.batch, count - first);
      std::fill(chunk.begin(), chunk.end(), 0.0F);
      std::copy_n(input.begin() + static_cast<std::ptrdiff_t>(first * image), images * image, chunk.begin());
      pass.write_input(chunk);
      pass.program().run();
      const auto logits = pass.logits();
      check_finite(model.info(), std::span(logits).first(size_t{images} * info.classes));
      for (size_t i = 0; i < outputs.size(); ++i)
        append(outputs[i].name, pass.output_shape(i), pass.output(i), images);
      for (size_t i = 0; i < attention_layers.size(); ++i)
        append(info.attention[attention_layers[i]].tensor, pass.attention_shape(i), pass.attention(i),
               images);
    }
    return out;
  }
};

Session::Session(const Model& model, const SessionOptions& options) {
  SessionOptions o = options;
  if (o.batch == 0 || o.batch > largest_batch)
    throw Error(ErrorKind::usage,
                fmt::format("[session] a batch of {} images, it takes 1…{}", o.batch, largest_batch));
  o.top_k = std::clamp(o.top_k, 1U, model.info().classes);
  impl_ = std::make_unique<Impl>(model, o);
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
  return at_boundary("map", [&] {
    const RecordedMap& m = impl_->current_map(request);
    const size_t cells = size_t{m.map.rows} * m.map.cols;
    const auto first =
        m.values.begin() + static_cast<std::ptrdiff_t>(slot * m.map.values.shape[1] + m.map.first);
    return AttentionMap{m.map.rows, m.map.cols, {first, first + static_cast<std::ptrdiff_t>(cells)}};
  });
}

ClassEvidence Session::evidence(uint32_t target, uint32_t slot) {
  impl_->check_slot("evidence", slot);
  return at_boundary("evidence", [&] { return impl_->evidence(target, slot); });
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

std::map<std::string, RawTensor> Session::run(std::span<const float> input, uint32_t count,
                                              std::span<const uint32_t> attention_layers) {
  return at_boundary("run", [&] { return impl_->run(input, count, attention_layers); });
}

BenchReport Session::bench(uint32_t runs) {
  return at_boundary("bench", [&] {
    return bench_forward(impl_->model.impl(), impl_->options.batch, runs, impl_->options.attention);
  });
}

std::string Session::memory_plan() const {
  return impl_->recorded_forward(impl_->host_input).program().memory_plan();
}

}  // namespace fovea
