// Class-specific maps of a model against their definitions, from whole matrices and gradients by automatic
// differentiation in double precision.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>

#include "maps/evidence_terms.h"
#include "models/tasks/forward.h"
#include "tests/models/golden.h"
#include "tests/reference/vit.h"
#include "tests/temporary_folder.h"

namespace class_maps {

using fovea::MapMethod;
using Json = nlohmann::json;
using Matrix = std::vector<std::vector<double>>;
namespace fs = std::filesystem;

// A golden model with changes: heads where it has none, other norms and activations.
struct Variant {
  const char* name;
  const char* golden;
  std::function<void(Json&, std::map<std::string, fovea::io::OutputTensor>&)> change = nullptr;
  const char* activation = "gelu";
  double epsilon = 1e-6;
  bool pooled = false;
  // Of a model that a test makes itself: what no weight tells, and the model; else as programs do.
  std::function<void(vit_reference::Style&)> style = nullptr;
  std::function<std::shared_ptr<const fovea::LoadedModel>(const fs::path&, fovea::Precision)> load = nullptr;
  bool linear_branches = true;  // no norm between what the heads give and the stream
};

using Tensors = std::map<std::string, fovea::io::OutputTensor>;

inline void add(Tensors& tensors, const std::string& name, std::vector<uint64_t> shape, double spread,
                double mean) {
  size_t count = 1;
  for (const uint64_t d : shape) count *= d;
  std::mt19937 random(static_cast<uint32_t>(tensors.size()));
  std::vector<float> values(count);
  for (float& v : values)
    v = static_cast<float>(mean + spread * (static_cast<double>(random()) * 0x1p-31 - 1));
  tensors[name] = {name, std::move(shape), std::move(values)};
}

class Folder {
 public:
  explicit Folder(const Variant& v) {
    const fs::path from = golden::folder(v.golden);
    std::ifstream in(from / "config.json");
    Json config = Json::parse(in);
    Tensors tensors;
    const auto file = fovea::io::Safetensors::open(from / "model.safetensors");
    for (const auto& t : file.tensors()) tensors[t.name] = {t.name, t.shape, fovea::io::to_float(t)};
    if (v.change) v.change(config, tensors);
    std::vector<fovea::io::OutputTensor> all;
    for (const auto& entry : tensors) {
      all.push_back(entry.second);
      weights.tensors[entry.first] = {entry.second.values.begin(), entry.second.values.end()};
    }
    fovea::io::write_safetensors(folder_ / "model.safetensors", all);
    std::ofstream(folder_ / "config.json") << config;
  }
  const fs::path& path() const { return folder_.path(); }

  vit_reference::Weights weights;

 private:
  fovea::test::TemporaryFolder folder_;
};

// A variant's files, and what they compute in double precision.
struct Exact {
  explicit Exact(const Variant& variant) : v(variant), folder(variant), reference(golden::folder(v.golden)) {
    const auto input = reference.shape("input");
    const auto& patch = folder.weights.of("patch_embed.proj.weight");
    vit_reference::Style style;
    style.patch = static_cast<uint32_t>(std::lround(std::sqrt(static_cast<double>(patch.size()) / (48 * 3))));
    style.rows = static_cast<uint32_t>(input[2]) / style.patch;
    style.cols = static_cast<uint32_t>(input[3]) / style.patch;
    style.epsilon = v.epsilon;
    style.activation = v.activation;
    style.pooled = v.pooled;
    if (v.style) v.style(style);
    const auto values = reference.values("input");
    const std::vector<double> pixels(values.begin(), values.end());
    for (size_t image = 0; image < 2; ++image) {
      vits.push_back(std::make_unique<vit_reference::Vit>(folder.weights, style));
      vits.back()->run(&pixels[image * pixels.size() / 2]);
    }
  }
  // The derivative of a class's logit by every number.
  const std::vector<double>& derivative(size_t image, uint32_t target) const {
    std::vector<double>& d = derivatives[{image, target}];
    if (d.empty()) d = vits[image]->tape.backwards(vits[image]->logits[target]);
    return d;
  }

  Variant v;
  Folder folder;
  golden::Reference reference;
  std::vector<std::unique_ptr<vit_reference::Vit>> vits;
  mutable std::map<std::pair<size_t, uint32_t>, std::vector<double>> derivatives;
};

// The model on the device.
struct Compared {
  Compared(const Exact& e, fovea::Precision p)
      : exact(e),
        precision(p),
        owner(e.v.load ? nullptr
                       : std::make_unique<fovea::Model>(
                             fovea::Model::load(fovea::Device::open(), e.folder.path(), {precision, 0, 0}))),
        made(e.v.load ? e.v.load(e.folder.path(), precision) : nullptr),
        model(owner ? owner->impl() : *made) {
    fovea::Forward::Options options;
    options.batch = 2;
    options.host_input = options.attention = true;
    options.classify = fovea::Classify(model, 2);
    forward = std::make_unique<fovea::Forward>(model, options);
    forward->write(0, e.reference.values("input"));
    forward->program().run();
  }

  // The map of both images, all tokens.
  std::vector<float> map(const fovea::MapRequest& request) {
    fovea::Recorder r(model.device().impl());
    const auto drawn = fovea::maps::draw(r, forward->kept(), request, model.info());
    r.output(drawn.values);
    auto program = r.finish();
    for (const auto& [tensor, values] : drawn.presets)
      program.write(tensor, std::as_bytes(std::span(values)));
    program.run();
    std::vector<float> out(drawn.values.shape.elements());
    program.read(drawn.values, std::as_writable_bytes(std::span(out)));
    return out;
  }

  const Exact& exact;
  fovea::Precision precision;
  std::unique_ptr<fovea::Model> owner;
  std::shared_ptr<const fovea::LoadedModel> made;
  const fovea::LoadedModel& model;
  std::unique_ptr<fovea::Forward> forward;
};

// One image's map by the definitions, over layers start … last.
inline std::vector<double> expected(const Exact& e, size_t image, uint32_t target, MapMethod method,
                                    size_t start, size_t last) {
  const vit_reference::Vit& vit = *e.vits[image];
  const auto& d = e.derivative(image, target);
  const size_t heads = vit.attention[0].size(), n = vit.attention[0][0].size();
  const auto each = 1 / static_cast<double>(heads);
  const auto a = [&](size_t l, size_t h, size_t i, size_t j) { return vit.attention[l][h][i][j].v; };
  const auto g = [&](size_t l, size_t h, size_t i, size_t j) { return d[vit.attention[l][h][i][j].at]; };
  std::vector<double> out(n);
  if (method == MapMethod::gradcam) {
    for (size_t h = 0; h < heads; ++h) {
      double weight = 0;
      for (size_t j = vit.prefix; j < n; ++j)
        weight += g(last, h, 0, j) / static_cast<double>(n - vit.prefix);
      for (size_t j = 0; j < n; ++j) out[j] += each * weight * a(last, h, 0, j);
    }
    for (double& value : out) value = std::max(value, 0.0);
    return out;
  }
  if (method == MapMethod::gradsum) {
    for (size_t l = start; l <= last; ++l)
      for (size_t h = 0; h < heads; ++h)
        for (size_t i = 0; i < n; ++i)
          for (size_t j = 0; j < n; ++j)
            out[j] += each / static_cast<double>(n) * std::max(g(l, h, i, j), 0.0);
    return out;
  }
  // R ← R + C R, matrix by matrix from the first layer on.
  Matrix r(n, std::vector<double>(n));
  for (size_t i = 0; i < n; ++i) r[i][i] = 1;
  for (size_t l = start; l <= last; ++l) {
    Matrix next = r;
    for (size_t i = 0; i < n; ++i)
      for (size_t k = 0; k < n; ++k) {
        double weight = 0;
        for (size_t h = 0; h < heads; ++h) weight += each * std::max(g(l, h, i, k) * a(l, h, i, k), 0.0);
        for (size_t j = 0; j < n; ++j) next[i][j] += weight * r[k][j];
      }
    r = next;
  }
  if (!e.v.pooled) return r[0];
  for (size_t i = vit.prefix; i < n; ++i)
    for (size_t j = 0; j < n; ++j) out[j] += r[i][j] / static_cast<double>(n - vit.prefix);
  return out;
}

// w_c of a token that the head reads: (γ ⊙ W) / σ minus its mean, for the norm's actual σ.
inline std::vector<double> direction(const Exact& e, const vit_reference::Vit& vit, uint32_t target,
                                     size_t token) {
  const auto& w = e.folder.weights;
  const size_t width = vit.last[0].size(), patches = vit.last.size() - vit.prefix;
  const bool two = w.has("head_dist.weight"), after = w.has("fc_norm.weight");
  const auto& head = w.of(token == 1 && two ? "head_dist.weight" : "head.weight");
  const auto& gamma = w.of(after ? "fc_norm.weight" : "norm.weight");
  std::vector<double> x(width), out(width);
  for (size_t t = vit.prefix; after && t < vit.last.size(); ++t)
    for (size_t k = 0; k < width; ++k) x[k] += vit.last[t][k].v / static_cast<double>(patches);
  double mean = 0, variance = 0, centre = 0;
  const auto count = static_cast<double>(width);
  for (size_t k = 0; k < width; ++k) {
    if (!after) x[k] = vit.last[token][k].v;
    mean += x[k] / count;
    out[k] = gamma[k] * head[target * width + k];
    centre += out[k] / count;
  }
  for (size_t k = 0; k < width; ++k) variance += (x[k] - mean) * (x[k] - mean) / count;
  const double share = e.v.pooled ? 1 / static_cast<double>(patches) : two ? 0.5 : 1;
  for (double& value : out) value = share * (value - centre) / std::sqrt(variance + e.v.epsilon);
  return out;
}

// E[l,h,i] = Σ over tokens q that the head reads of A_l[h,q,i] · (V_l[h,i] · W_O,hᵀ (scale ⊙ w_q)).
inline std::vector<double> expected_evidence(const Exact& e, size_t image, uint32_t target) {
  const vit_reference::Vit& vit = *e.vits[image];
  const auto& weights = e.folder.weights;
  const size_t n = vit.last.size(), width = vit.last[0].size(), heads = vit.attention[0].size();
  std::vector<double> out;
  std::vector<std::vector<double>> directions(n);
  const size_t begin = e.v.pooled ? vit.prefix : 0;
  const size_t end = e.v.pooled ? n : weights.has("head_dist.weight") ? 2 : 1;
  for (size_t q = begin; q < end; ++q) directions[q] = direction(e, vit, target, q);
  for (size_t l = 0; l < vit.attention.size(); ++l) {
    const std::string name = fmt::format("blocks.{}.", l);
    const auto& projection = weights.of(name + "attn.proj.weight");
    const std::string scale = name + (weights.has(name + "gamma_1") ? "gamma_1" : "ls1.gamma");
    for (size_t h = 0; h < heads; ++h)
      for (size_t i = 0; i < n; ++i) {
        double sum = 0;
        for (size_t q = begin; q < end; ++q) {
          const auto& w = directions[q];
          double moved = 0;
          for (size_t k = 0; k < width / heads; ++k)
            for (size_t o = 0; o < width; ++o)
              moved += vit.values[l][i][h * width / heads + k].v *
                       projection[o * width + h * width / heads + k] * w[o] *
                       (weights.has(scale) ? weights.of(scale)[o] : 1);
          sum += vit.attention[l][h][q][i].v * moved;
        }
        out.push_back(sum);
      }
  }
  return out;
}

// Whether any patch has a value; all of a Grad-CAM can be negative and cut off.
inline bool compare(Compared& c, const fovea::MapRequest& request, double tolerance) {
  CAPTURE(std::string(fovea::to_string(request.method)));
  CAPTURE(request.start_layer);
  CAPTURE(request.layer);
  const size_t layers = c.model.info().attention.size();
  const size_t last = request.layer < 0 ? layers - 1 : static_cast<size_t>(request.layer);
  const auto got = c.map(request);
  const size_t n = got.size() / 2, first = c.exact.vits[0]->prefix;
  bool any = false;
  for (size_t image = 0; image < 2; ++image) {
    CAPTURE(image);
    const auto& logits = c.exact.vits[image]->logits;
    uint32_t target = request.target.value_or(0);
    if (!request.target) {
      std::vector<uint32_t> order(logits.size());
      for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
      std::sort(order.begin(), order.end(),
                [&](uint32_t a, uint32_t b) { return logits[a].v > logits[b].v; });
      target = order[request.rank];
    }
    const auto want =
        expected(c.exact, image, target, request.method, static_cast<size_t>(request.start_layer), last);
    // Patches, as a map shows them: the class token's own part of gae would hide theirs.
    double largest = 0, worst = 0;
    for (size_t j = first; j < n; ++j) {
      largest = std::max(largest, std::abs(want[j]));
      worst = std::max(worst, std::abs(double{got[image * n + j]} - want[j]));
    }
    any = any || largest > 0;
    CHECK(worst <= tolerance * largest);
  }
  return any;
}

inline bool draws(const Compared& c, MapMethod method) {
  const auto& maps = c.model.info().maps;
  return std::find(maps.begin(), maps.end(), method) != maps.end();
}

inline const std::initializer_list<MapMethod> gradient_maps{MapMethod::gradcam, MapMethod::gradsum,
                                                            MapMethod::gae};

inline void check_gradient_maps(Compared& c, double tolerance) {
  const auto logits = c.forward->floats(c.forward->answer().given);
  const size_t classes = logits.size() / 2;
  const bool half = c.precision == fovea::Precision::fp16;
  for (size_t i = 0; i < logits.size(); ++i)
    REQUIRE(std::abs(double{logits[i]} - c.exact.vits[i / classes]->logits[i % classes].v) <=
            (half ? 2e-2 : 1e-4));
  for (const MapMethod method : gradient_maps) {
    CHECK(draws(c, method) == (method != MapMethod::gradcam || !c.exact.v.pooled));
    if (!draws(c, method)) continue;
    fovea::MapRequest request;
    request.method = method;
    bool any = false;
    for (const uint32_t target : {7U, 2U, 4U, 5U}) {
      request.target = target;
      any = compare(c, request, tolerance) || any;
      if (any) break;
    }
    CHECK(any);
    if (half) continue;  // the best classes of fp16 may be others
    request.target.reset();
    request.rank = 1;
    compare(c, request, tolerance);
    if (method == MapMethod::gradcam) continue;
    request.start_layer = 1;
    compare(c, request, tolerance);
    request.start_layer = 0;
    request.layer = 0;
    compare(c, request, tolerance);
  }
}

// The sum of all terms is the logit, and a map the sum of its terms.
inline void check_evidence_sums(Compared& c, fovea::maps::EvidenceTerms& terms, double tolerance) {
  const auto logits = c.forward->floats(c.forward->answer().given);
  for (const uint32_t target : {7U, 2U})  // one recording for all classes
    for (const uint32_t image : {0U, 1U}) {
      const auto e = terms.of(target, image);
      CHECK(std::abs(e.total() - double{logits[image * logits.size() / 2 + target]}) <= tolerance);
      for (const int head : {-1, 1}) {
        fovea::MapRequest request;
        request.method = MapMethod::evidence;
        request.target = target;
        request.start_layer = head < 0 ? 0 : 1;
        request.fusion = head < 0 ? fovea::HeadFusion::mean : fovea::HeadFusion::single;
        request.head = head < 0 ? 0 : static_cast<uint32_t>(head);
        std::vector<float> sums(e.tokens);
        for (size_t l = static_cast<size_t>(request.start_layer); l < e.layers; ++l)
          for (size_t h = 0; h < e.heads; ++h)
            for (size_t t = 0; t < e.tokens; ++t)
              if (head < 0 || h == request.head) sums[t] += e.attention[(l * e.heads + h) * e.tokens + t];
        const auto got = c.map(request);
        const auto at = got.begin() + static_cast<std::ptrdiff_t>(size_t{image} * e.tokens);
        CHECK(golden::largest_difference({at, at + e.tokens}, sums) <= 1e-5 * golden::largest(sums));
      }
    }
}

inline void check_evidence_terms(Compared& c, fovea::maps::EvidenceTerms& terms, double tolerance) {
  for (const uint32_t image : {0U, 1U}) {
    const auto e = terms.of(3, image);
    const auto want = expected_evidence(c.exact, image, 3);
    REQUIRE(e.attention.size() == want.size());
    double largest = 0, worst = 0;
    for (size_t k = 0; k < want.size(); ++k) {
      largest = std::max(largest, std::abs(want[k]));
      worst = std::max(worst, std::abs(double{e.attention[k]} - want[k]));
    }
    CHECK(worst <= tolerance * largest);
  }
}

// All of it, at both storage types.
inline void check_variant(const Variant& v) {
  const bool stores_halves = fovea::Device::open().info().fp16_storage;
  if (!stores_halves) MESSAGE("this device does not store fp16: fp16 cases are not run");
  const Exact exact(v);
  for (const auto precision : {fovea::Precision::fp32, fovea::Precision::fp16}) {
    const bool half = precision == fovea::Precision::fp16;
    if (half && !stores_halves) continue;
    CAPTURE(std::string(v.name));
    CAPTURE(std::string(fovea::to_string(precision)));
    Compared c(exact, precision);
    check_gradient_maps(c, half ? 3e-2 : 1e-3);
    REQUIRE(draws(c, MapMethod::evidence));
    fovea::maps::EvidenceTerms terms(c.model.device().impl(), c.forward->kept(), c.model.info());
    check_evidence_sums(c, terms, half ? 2e-2 : 1e-4);
    if (v.linear_branches) check_evidence_terms(c, terms, half ? 1e-2 : 1e-4);
  }
}

}  // namespace class_maps
