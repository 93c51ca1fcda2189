// Attention maps against naive references computed in double from the reference implementation's matrices.
#include "fovea/maps.h"

#include "models/forward.h"
#include "models/maps/methods.h"
#include "tests/models/golden.h"

namespace {

using Matrix = std::vector<std::vector<double>>;  // [tokens, tokens]

struct Golden {
  explicit Golden(const std::string& name)
      : model(
            fovea::Model::load(fovea::Device::open(), golden::folder(name), {fovea::Precision::fp32, 0, 0})),
        reference(golden::folder(name)) {
    fovea::Forward::Options options;
    options.batch = 2;
    options.host_input = true;
    options.attention = true;
    forward = std::make_unique<fovea::Forward>(model.impl(), options);
    forward->write_input(reference.values("input"));
    forward->program().run();
  }

  // Attention of one image and layer, fused over heads.
  Matrix fused(uint32_t image, uint32_t layer, const fovea::MapRequest& request) const {
    const auto values = reference.values("attn." + std::to_string(layer));
    const auto shape = reference.shape("attn." + std::to_string(layer));
    const size_t heads = shape[1], n = shape[2];
    Matrix out(n, std::vector<double>(n));
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j < n; ++j) {
        double sum = 0, low = 2, high = -1, one = 0;
        for (size_t h = 0; h < heads; ++h) {
          const double p = double{values[((image * heads + h) * n + i) * n + j]};
          sum += p / static_cast<double>(heads);
          low = std::min(low, p);
          high = std::max(high, p);
          if (h == request.head) one = p;
        }
        using F = fovea::HeadFusion;
        out[i][j] = request.fusion == F::mean  ? sum
                    : request.fusion == F::max ? high
                    : request.fusion == F::min ? low
                                               : one;
      }
    return out;
  }

  std::vector<float> map(const fovea::MapRequest& request) {
    fovea::Recorder r(model.device().impl());
    const auto t = fovea::maps::draw(r, forward->kept(), request, model.info()).values;
    r.output(t);
    auto program = r.finish();
    program.run();
    std::vector<float> out(t.shape.elements());
    program.read(t, std::as_writable_bytes(std::span(out)));
    return out;
  }

  // Row vector the walk begins with.
  std::vector<double> start(const fovea::MapRequest& request, size_t n) const {
    std::vector<double> v(n);
    const auto& info = model.info().attention[0];
    if (request.query)
      v[info.prefix_tokens + request.query->row * info.cols + request.query->col] = 1;
    else if (info.has_cls)
      v[0] = 1;
    else
      v.assign(n, 1.0 / static_cast<double>(n));
    return v;
  }

  // Abnar & Zuidema's definition, matrix by matrix: R = Â_L … Â_1, then the start row of it.
  std::vector<float> expected(const fovea::MapRequest& request) const {
    std::vector<float> out;
    const uint32_t last = request.layer < 0 ? static_cast<uint32_t>(model.info().attention.size()) - 1
                                            : static_cast<uint32_t>(request.layer);
    for (uint32_t image = 0; image < 2; ++image) {
      Matrix product = fused(image, last, request);
      const size_t n = product.size();
      if (request.method == fovea::MapMethod::rollout) {
        product.assign(n, std::vector<double>(n));
        for (size_t i = 0; i < n; ++i) product[i][i] = 1;
        for (uint32_t l = 0; l <= last; ++l) {
          Matrix a = fused(image, l, request), next(n, std::vector<double>(n));
          for (size_t i = 0; i < n; ++i) {
            a[i][i] += 1;
            double sum = 0;
            for (const double p : a[i]) sum += p;
            for (double& p : a[i]) p /= sum;
          }
          for (size_t i = 0; i < n; ++i)
            for (size_t k = 0; k < n; ++k)
              for (size_t j = 0; j < n; ++j) next[i][j] += a[i][k] * product[k][j];
          product = next;
        }
      }
      const auto row = start(request, n);
      for (size_t j = 0; j < n; ++j) {
        double sum = 0;
        for (size_t i = 0; i < n; ++i) sum += row[i] * product[i][j];
        out.push_back(static_cast<float>(sum));
      }
    }
    return out;
  }

  fovea::Model model;
  golden::Reference reference;
  std::unique_ptr<fovea::Forward> forward;
};

}  // namespace

TEST_CASE("Raw maps and rollout equal their definitions") {
  for (const char* name : {"vit_mini", "vit_mini_rect", "dinov2_mini_reg4", "siglip_mini"}) {
    Golden g(name);
    for (const auto method : {fovea::MapMethod::raw, fovea::MapMethod::rollout})
      for (const auto fusion : {fovea::HeadFusion::mean, fovea::HeadFusion::max, fovea::HeadFusion::min,
                                fovea::HeadFusion::single})
        for (const int layer : {-1, 0, 1})
          for (const bool query : {false, true}) {
            fovea::MapRequest request;
            request.method = method;
            request.fusion = fusion;
            request.layer = layer;
            request.head = 2;
            if (query) request.query = fovea::PatchIndex{1, 3};
            CAPTURE(name);
            CAPTURE(static_cast<int>(method));
            CAPTURE(static_cast<int>(fusion));
            CAPTURE(layer);
            CAPTURE(query);
            const auto expected = g.expected(request);
            CHECK(golden::largest_difference(g.map(request), expected) <= 1e-5 * golden::largest(expected));
          }
  }
}

TEST_CASE("A map that cannot be drawn says why") {
  Golden g("vit_mini");
  fovea::MapRequest request;
  request.layer = 3;
  CHECK_THROWS_WITH_AS(g.map(request), doctest::Contains("layers 0…2"), fovea::Error);
  request.layer = -4;
  CHECK_THROWS_WITH_AS(g.map(request), doctest::Contains("layer -4"), fovea::Error);
  request = {};
  request.fusion = fovea::HeadFusion::single;
  request.head = 3;
  CHECK_THROWS_WITH_AS(g.map(request), doctest::Contains("heads 0…2"), fovea::Error);
  request = {};
  request.query = fovea::PatchIndex{4, 0};
  CHECK_THROWS_WITH_AS(g.map(request), doctest::Contains("4×4 grid"), fovea::Error);
}
