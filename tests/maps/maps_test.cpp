// Attention maps against naive references computed in double from the reference implementation's matrices.
#include "fovea/maps.h"

#include <algorithm>
#include <numeric>

#include "maps/methods.h"
#include "models/tasks/forward.h"
#include "runtime/ops/maps/channel_dot.h"
#include "tests/models/golden.h"

namespace {

using Matrix = std::vector<std::vector<double>>;  // [tokens, tokens]

// The share of entries that are lowest, by sorting; the class token's attention to itself stays.
void discard_lowest(Matrix& a, double share, bool has_cls) {
  std::vector<double*> entries;
  for (auto& row : a)
    for (double& p : row) entries.push_back(&p);
  std::stable_sort(entries.begin(), entries.end(), [](const double* x, const double* y) { return *x < *y; });
  const auto count = static_cast<size_t>(share * static_cast<double>(entries.size()));
  for (size_t i = 0; i < count; ++i)
    if (!has_cls || entries[i] != &a[0][0]) *entries[i] = 0;
}

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
    forward->write(0, reference.values("input"));
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

  // Caron et al. 2021: ascending, those where the cumulative share exceeds 1 − mass.
  std::vector<float> kept_patches(const fovea::MapRequest& request) const {
    const auto rows = expected(request);  // of the head's raw map
    const uint32_t first = model.info().attention[0].prefix_tokens;
    const size_t tokens = rows.size() / 2, patches = tokens - first;
    std::vector<float> out(2 * patches);
    for (size_t image = 0; image < 2; ++image) {
      const float* row = &rows[image * tokens + first];
      std::vector<size_t> order(patches);
      std::iota(order.begin(), order.end(), size_t{0});
      std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return row[a] < row[b]; });
      double total = 0, sum = 0;
      for (size_t i = 0; i < patches; ++i) total += double{row[i]};
      for (const size_t i : order) {
        sum += double{row[i]};
        out[image * patches + i] = sum > (1 - double{request.mass}) * total ? 1.0F : 0.0F;
      }
    }
    return out;
  }

  std::vector<float> read(const fovea::Tensor& t) {
    fovea::Recorder r(model.device().impl());
    const auto copy =
        fovea::ops::channel_dot(r, t.reshaped({1, static_cast<uint32_t>(t.shape.elements()), 1}), {});
    r.output(copy);
    auto program = r.finish();
    program.run();
    std::vector<float> out(copy.shape.elements());
    program.read(copy, std::as_writable_bytes(std::span(out)));
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

  // Softmaxes of tokens over tokens; an attention pool comes behind them.
  uint32_t layers() const { return static_cast<uint32_t>(forward->kept().steps.size()); }
  bool pools() const { return layers() != model.info().attention.size(); }

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
    const uint32_t last = request.layer < 0 ? layers() - 1 : static_cast<uint32_t>(request.layer);
    for (uint32_t image = 0; image < 2; ++image) {
      Matrix product = fused(image, last, request);
      const size_t n = product.size();
      if (request.method == fovea::MapMethod::rollout) {
        product.assign(n, std::vector<double>(n));
        for (size_t i = 0; i < n; ++i) product[i][i] = 1;
        for (auto l = static_cast<uint32_t>(request.start_layer); l <= last; ++l) {
          Matrix a = fused(image, l, request), next(n, std::vector<double>(n));
          discard_lowest(a, static_cast<double>(request.discard), model.info().attention[l].has_cls);
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
            // The last layer is that of the pool, unless a patch is asked for.
            if (method == fovea::MapMethod::raw && layer < 0 && !query && g.pools()) request.layer = 2;
            const auto expected = g.expected(request);
            CHECK(golden::largest_difference(g.map(request), expected) <= 1e-5 * golden::largest(expected));
          }
  }
}

TEST_CASE("An attention pool has a map of what it read") {
  Golden g("siglip_mini");
  const auto& pool = g.model.info().attention.back();
  CHECK(pool.kind == fovea::AttentionKind::attention_pool);
  CHECK(pool.tensor == "pool_attn.0");
  // softmax(q kᵀ / √width), the query learned and the keys of the normed tokens.
  const auto file = fovea::io::Safetensors::open(golden::folder("siglip_mini") / "model.safetensors");
  const auto numbers = [&](const char* name) { return fovea::io::to_float(*file.find(name)); };
  const auto latent = numbers("attn_pool.latent"), qw = numbers("attn_pool.q.weight"),
             qb = numbers("attn_pool.q.bias"), kw = numbers("attn_pool.kv.weight"),
             kb = numbers("attn_pool.kv.bias"), features = g.reference.values("features");
  const size_t width = latent.size(), head = width / pool.heads, tokens = size_t{pool.rows} * pool.cols;
  const auto row = [&](const std::vector<float>& w, const std::vector<float>& b, size_t i, const float* x) {
    double sum = double{b[i]};
    for (size_t j = 0; j < width; ++j) sum += double{w[i * width + j]} * double{x[j]};
    return sum;
  };
  std::vector<float> expected;
  for (size_t image = 0; image < 2; ++image) {
    std::vector<double> received(tokens);
    for (size_t h = 0; h < pool.heads; ++h) {
      std::vector<double> p(tokens);
      double total = 0;
      for (size_t t = 0; t < tokens; ++t) {
        double score = 0;
        for (size_t c = h * head; c < (h + 1) * head; ++c)
          score += row(qw, qb, c, latent.data()) * row(kw, kb, c, &features[(image * tokens + t) * width]);
        p[t] = std::exp(score / std::sqrt(static_cast<double>(head)));
        total += p[t];
      }
      for (size_t t = 0; t < tokens; ++t) received[t] += p[t] / total / pool.heads;
    }
    expected.insert(expected.end(), received.begin(), received.end());
  }
  CHECK(golden::largest_difference(g.map({}), expected) <= 1e-5 * golden::largest(expected));
}

TEST_CASE("Rollout without the lowest entries, from a later layer on") {
  for (const char* name : {"vit_mini", "vit_mini_rect", "dinov2_mini_reg4", "siglip_mini"}) {
    Golden g(name);
    for (const auto fusion : {fovea::HeadFusion::mean, fovea::HeadFusion::min})
      for (const float discard : {0.0F, 0.25F, 0.5F, 0.90625F})  // shares that floats hold exactly
        for (const int start : {0, 1})
          for (const bool query : {false, true}) {
            fovea::MapRequest request;
            request.method = fovea::MapMethod::rollout;
            request.fusion = fusion;
            request.discard = discard;
            request.start_layer = start;
            if (query) request.query = fovea::PatchIndex{1, 3};
            CAPTURE(name);
            CAPTURE(static_cast<int>(fusion));
            CAPTURE(discard);
            CAPTURE(start);
            CAPTURE(query);
            const auto expected = g.expected(request);
            CHECK(golden::largest_difference(g.map(request), expected) <= 1e-5 * golden::largest(expected));
          }
  }
}

TEST_CASE("Masks hold the top of each head's mass") {
  for (const char* name : {"vit_mini", "vit_mini_rect", "dinov2_mini_reg4", "siglip_mini"}) {
    Golden g(name);
    const auto& grid = g.model.info().attention[0];
    for (const float mass : {0.125F, 0.6F, 1.0F})
      for (const int layer : {-1, 0})
        for (const bool query : {false, true}) {
          fovea::MapRequest request;
          request.method = fovea::MapMethod::mask;
          request.mass = mass;
          request.layer = layer;
          if (query) request.query = fovea::PatchIndex{1, 3};
          CAPTURE(name);
          CAPTURE(mass);
          CAPTURE(layer);
          CAPTURE(query);
          std::vector<float> share(size_t{2} * grid.rows * grid.cols), any = share, every = share;
          for (uint32_t head = 0; head < grid.heads; ++head) {
            request.fusion = fovea::HeadFusion::single;
            request.head = head;
            const auto kept = g.kept_patches(request);
            CHECK(g.map(request) == kept);
            for (size_t i = 0; i < kept.size(); ++i) {
              share[i] += kept[i] / static_cast<float>(grid.heads);
              any[i] = std::max(any[i], kept[i]);
              every[i] = head == 0 ? kept[i] : std::min(every[i], kept[i]);
            }
          }
          request.fusion = fovea::HeadFusion::mean;
          CHECK(golden::largest_difference(g.map(request), share) <= 1e-6);
          request.fusion = fovea::HeadFusion::max;
          CHECK(g.map(request) == any);
          request.fusion = fovea::HeadFusion::min;
          CHECK(g.map(request) == every);
        }
  }
}

TEST_CASE(
    "Similarity is the cosine of the features, which a model with registers gives for its last tokens") {
  Golden g("dinov2_mini_reg4");
  const auto shape = g.reference.shape("features");  // [2, tokens, width], behind the final norm
  const auto features = g.reference.values("features");
  const auto& grid = g.model.info().attention[0];
  const size_t tokens = shape.at(1), width = shape.at(2);
  for (const bool query : {false, true}) {
    CAPTURE(query);
    fovea::MapRequest request;
    request.method = fovea::MapMethod::similarity;
    if (query) request.query = fovea::PatchIndex{1, 3};
    const size_t with = query ? grid.prefix_tokens + grid.cols + 3 : 0;
    std::vector<float> expected;
    for (size_t image = 0; image < 2; ++image)
      for (size_t i = 0; i < tokens; ++i) {
        double a = 0, b = 0, both = 0;
        for (size_t c = 0; c < width; ++c) {
          const double x = double{features[(image * tokens + i) * width + c]},
                       y = double{features[(image * tokens + with) * width + c]};
          a += x * x;
          b += y * y;
          both += x * y;
        }
        expected.push_back(static_cast<float>(both / std::sqrt(a * b)));
      }
    CHECK(golden::largest_difference(g.map(request), expected) <= 1e-4);
    request.layer = 0;  // other tokens, another map
    CHECK(golden::largest_difference(g.map(request), expected) > 1e-2);
  }
}

TEST_CASE("Norms are the lengths of a block's output, which no final norm has evened out") {
  Golden g("vit_mini");  // its features are normed tokens: γ (x − mean) / σ + β
  const auto kept = g.forward->kept();
  fovea::MapRequest request;
  request.method = fovea::MapMethod::norms;
  for (const int layer : {0, -1}) {
    request.layer = layer;
    const auto lengths = g.map(request);
    const auto x = g.read(kept.steps.at(layer < 0 ? kept.steps.size() - 1 : 0).y);
    REQUIRE(x.size() % lengths.size() == 0);
    const size_t width = x.size() / lengths.size();
    for (size_t i = 0; i < lengths.size(); ++i) {
      double sum = 0;
      for (size_t c = 0; c < width; ++c) sum += double{x[i * width + c]} * double{x[i * width + c]};
      CHECK(double{lengths[i]} == doctest::Approx(std::sqrt(sum)).epsilon(1e-5));
    }
  }
}

TEST_CASE("The outlier filter smooths any method's map, and leaves it alone where nothing stands out") {
  Golden g("vit_mini_rect");
  const auto& grid = g.model.info().attention[0];
  const uint32_t cells = grid.rows * grid.cols;
  for (const auto method : {fovea::MapMethod::raw, fovea::MapMethod::rollout, fovea::MapMethod::norms}) {
    CAPTURE(static_cast<int>(method));
    fovea::MapRequest request;
    request.method = method;
    const auto whole = g.map(request);
    std::vector<float> plain;
    for (uint32_t image = 0; image < 2; ++image)
      for (uint32_t i = 0; i < cells; ++i)
        plain.push_back(whole[image * (whole.size() / 2) + grid.prefix_tokens + i]);
    request.sigma = 100;
    CHECK(g.map(request) == plain);
    request.sigma = 1;
    const auto smooth = g.map(request);
    REQUIRE(smooth.size() == plain.size());
    for (uint32_t image = 0; image < 2; ++image) {
      double mean = 0, variance = 0;
      const float* map = &plain[size_t{image} * cells];
      for (uint32_t i = 0; i < cells; ++i) mean += double{map[i]} / cells;
      for (uint32_t i = 0; i < cells; ++i)
        variance += (double{map[i]} - mean) * (double{map[i]} - mean) / cells;
      uint32_t outliers = 0;
      for (uint32_t i = 0; i < cells; ++i) {
        const bool outlier = std::abs(double{map[i]} - mean) > std::sqrt(variance);
        outliers += outlier ? 1 : 0;
        CHECK((smooth[image * cells + i] != map[i]) == outlier);
      }
      CHECK(outliers > 0);
    }
  }
}

TEST_CASE("A map that cannot be drawn says why") {
  Golden g("vit_mini");
  fovea::MapRequest request;
  request.layer = 3;
  CHECK_THROWS_WITH_AS(g.map(request), doctest::Contains("has layers 0 to 2"), fovea::Error);
  request.layer = -4;
  CHECK_THROWS_WITH_AS(g.map(request), doctest::Contains("layer -4"), fovea::Error);
  request = {};
  request.fusion = fovea::HeadFusion::single;
  request.head = 3;
  CHECK_THROWS_WITH_AS(g.map(request), doctest::Contains("has heads 0 to 2"), fovea::Error);
  request = {};
  request.query = fovea::PatchIndex{4, 0};
  CHECK_THROWS_WITH_AS(g.map(request), doctest::Contains("4×4 grid"), fovea::Error);

  request = {};
  for (const float mass : {0.0F, -0.5F, 1.01F, NAN, INFINITY}) {
    request.mass = mass;
    CHECK_THROWS_WITH_AS(g.map(request), doctest::Contains("[map] mass "), fovea::Error);
  }
  request = {};
  for (const float discard : {-0.1F, 1.0F, NAN, INFINITY}) {
    request.discard = discard;
    CHECK_THROWS_WITH_AS(g.map(request), doctest::Contains("[map] discard "), fovea::Error);
  }
  request = {};
  for (const float sigma : {-1.0F, NAN, INFINITY}) {
    request.sigma = sigma;
    CHECK_THROWS_WITH_AS(g.map(request), doctest::Contains("[map] sigma "), fovea::Error);
  }
  request = {};
  request.method = fovea::MapMethod::rollout;
  for (const int start : {-1, 2}) {
    request.layer = 1;
    request.start_layer = start;
    CHECK_THROWS_WITH_AS(g.map(request), doctest::Contains("want 0 to 1"), fovea::Error);
  }
  request = {};
  request.method = fovea::MapMethod::similarity;
  CHECK_THROWS_WITH_AS(Golden("siglip_mini").map(request), doctest::Contains("give a query"), fovea::Error);
}
