// The real ViT-Tiny on photographs, from file to logits and maps, against the reference implementation's
// numbers.
#include <fmt/format.h>

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "apps/util/decode.h"
#include "tests/models/golden.h"

namespace {

namespace fs = std::filesystem;

const fs::path shared = FOVEA_SHARED;
const fs::path vit_tiny = shared / "models" / "vit_tiny_patch16_224.augreg_in21k_ft_in1k";

std::vector<cv::Mat> photographs() {
  std::ifstream in(vit_tiny / "reference_images.json");
  std::vector<cv::Mat> out;
  for (const auto& name : nlohmann::json::parse(in))
    out.push_back(
        fovea::apps::decode_image(fovea::apps::read_file(shared / "images" / name.get<std::string>())));
  REQUIRE(out.size() == 40);
  return out;
}

fovea::Session session_with(fovea::Precision precision, uint32_t batch, bool attention) {
  const auto model = fovea::Model::load(fovea::Device::open(), vit_tiny, {precision, 0, 0});
  fovea::SessionOptions options;
  options.batch = batch;
  options.top_k = 1000;
  options.attention = attention;
  return fovea::Session(model, options);
}

std::vector<float> logits_of(const fovea::Classification& c) {
  std::vector<float> out(1000, NAN);
  for (const auto& p : c.topk) out.at(p.index) = p.logit;
  return out;
}

// Classes by falling logit.
std::vector<uint32_t> ranking(const std::vector<float>& logits, size_t count) {
  std::vector<uint32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return logits[a] > logits[b]; });
  order.resize(count);
  return order;
}

void compare_logits(fovea::Precision precision, uint32_t batch, double tolerance, size_t same_ranks) {
  const golden::Reference reference(vit_tiny);
  const auto expected = reference.values("logits");
  const auto images = photographs();
  auto session = session_with(precision, batch, false);
  double worst = 0;
  for (size_t first = 0; first < images.size(); first += batch) {
    std::vector<fovea::ImageView> views;
    for (size_t i = first; i < std::min(images.size(), first + batch); ++i)
      views.push_back(fovea::apps::view_of(images[i]));
    const auto results = session.classify(views);
    for (size_t i = 0; i < results.size(); ++i) {
      CAPTURE(first + i);
      const auto got = logits_of(results[i]);
      const auto at = expected.begin() + static_cast<std::ptrdiff_t>((first + i) * 1000);
      const std::vector<float> wanted(at, at + 1000);
      const double difference = golden::largest_difference(got, wanted);
      worst = std::max(worst, difference);
      CHECK(difference <= tolerance);
      CHECK(ranking(got, same_ranks) == ranking(wanted, same_ranks));
      // Reported best first, probabilities from the same logits.
      for (size_t k = 1; k < 5; ++k)
        CHECK(results[i].topk[k - 1].probability >= results[i].topk[k].probability);
      double sum = 0;
      for (const auto& p : results[i].topk) sum += double{p.probability};
      CHECK(sum == doctest::Approx(1).epsilon(1e-5));
    }
  }
  MESSAGE("largest difference of logits: ", worst);
}

}  // namespace

TEST_CASE("Pixels after resize and crop equal PIL's exactly") {
  const golden::Reference reference(vit_tiny);
  const auto images = photographs();
  const auto* expected = reference.file.find("pixels_u8_nchw.first8");
  REQUIRE(expected != nullptr);
  auto session = session_with(fovea::Precision::fp32, 1, false);
  const size_t image_bytes = size_t{3} * 224 * 224;
  for (size_t i = 0; i < 8; ++i) {
    const auto pixels = session.preprocessed_pixels(fovea::apps::view_of(images[i]));
    REQUIRE(pixels.size() == image_bytes);
    CHECK(std::memcmp(pixels.data(), expected->bytes.data() + i * image_bytes, image_bytes) == 0);
  }
}

TEST_CASE("fp32 logits of 40 photographs, one by one") {
  compare_logits(fovea::Precision::fp32, 1, 1e-3, 5);
}
TEST_CASE("fp32 logits of 40 photographs in batches of 7") {
  compare_logits(fovea::Precision::fp32, 7, 1e-3, 5);
}

TEST_CASE("fp16 storage keeps logits and the best class") {
  if (!fovea::Device::open().info().fp16_storage) {
    MESSAGE("this device does not store fp16");
    return;
  }
  compare_logits(fovea::Precision::fp16, 1, 5e-2, 1);
}

TEST_CASE("Class-token rows of every layer and head, and rollout") {
  const golden::Reference reference(vit_tiny);
  const auto images = photographs();
  auto session = session_with(fovea::Precision::fp32, 1, true);
  for (size_t i = 0; i < 4; ++i) {
    CAPTURE(i);
    const auto view = fovea::apps::view_of(images[i]);
    session.classify({&view, 1});
    const std::string prefix = "x" + std::to_string(i) + ".";
    const auto rows = reference.values(prefix + "cls_attention");  // [12, 3, 196]
    for (uint32_t layer = 0; layer < 12; ++layer)
      for (uint32_t head = 0; head < 3; ++head) {
        fovea::MapRequest request;
        request.layer = static_cast<int>(layer);
        request.fusion = fovea::HeadFusion::single;
        request.head = head;
        const auto at = rows.begin() + static_cast<std::ptrdiff_t>((layer * 3 + head) * 196);
        CHECK(golden::largest_difference(session.map(request).values, {at, at + 196}) <= 1e-5);
      }
    for (const auto& entry :
         {std::pair{"mean", fovea::HeadFusion::mean}, std::pair{"max", fovea::HeadFusion::max},
          std::pair{"min", fovea::HeadFusion::min}}) {
      const char* name = entry.first;  // Clang < 16 captures no structured bindings
      CAPTURE(name);
      fovea::MapRequest request;
      request.method = fovea::MapMethod::rollout;
      request.fusion = entry.second;
      const auto expected = reference.values(prefix + "rollout_" + name);
      CHECK(golden::largest_difference(session.map(request).values, expected) <=
            1e-4 * golden::largest(expected));
    }
  }
}

TEST_CASE("DINO's masks of 0.6 are equal") {
  const golden::Reference reference(vit_tiny);
  const auto images = photographs();
  auto session = session_with(fovea::Precision::fp32, 1, true);
  for (size_t i = 0; i < 4; ++i) {
    CAPTURE(i);
    const auto view = fovea::apps::view_of(images[i]);
    session.classify({&view, 1});
    const auto masks = reference.values("x" + std::to_string(i) + ".dino_mask60");  // [3, 196]
    for (uint32_t head = 0; head < 3; ++head) {
      CAPTURE(head);
      fovea::MapRequest request;
      request.method = fovea::MapMethod::mask;
      request.fusion = fovea::HeadFusion::single;
      request.head = head;
      const auto at = masks.begin() + static_cast<std::ptrdiff_t>(head * 196);
      CHECK(session.map(request).values == std::vector<float>(at, at + 196));
    }
  }
}

TEST_CASE("Class evidence of the two best classes, and its sum") {
  const golden::Reference reference(vit_tiny);
  const auto images = photographs();
  const auto logits = reference.values("logits");
  auto session = session_with(fovea::Precision::fp32, 1, true);
  for (size_t i = 0; i < 4; ++i) {
    const auto view = fovea::apps::view_of(images[i]);
    session.classify({&view, 1});
    for (const uint32_t rank : {0U, 1U}) {
      const std::string name = fmt::format("x{}.evidence_top{}", i, rank + 1);
      CAPTURE(name);
      const auto expected = reference.values(name);  // [12, 3, 197]
      const auto best = ranking({logits.begin() + static_cast<std::ptrdiff_t>(i * 1000),
                                 logits.begin() + static_cast<std::ptrdiff_t>((i + 1) * 1000)},
                                2);
      const auto evidence = session.evidence(best[rank]);
      CHECK(golden::largest_difference(evidence.attention, expected) <= 1e-4 * golden::largest(expected));
      CHECK(std::abs(evidence.total() - double{logits[i * 1000 + best[rank]]}) <= 1e-3);
      MESSAGE(name, ": off by ", golden::largest_difference(evidence.attention, expected), " of ",
              golden::largest(expected), ", sum by ",
              evidence.total() - double{logits[i * 1000 + best[rank]]});

      // The map sums over layers and heads.
      for (const int start : {0, 8}) {
        std::vector<float> sums(196);
        for (size_t l = static_cast<size_t>(start); l < 12; ++l)
          for (size_t h = 0; h < 3; ++h)
            for (size_t p = 0; p < 196; ++p) sums[p] += expected[(l * 3 + h) * 197 + 1 + p];
        fovea::MapRequest request;
        request.method = fovea::MapMethod::evidence;
        request.rank = rank;
        request.start_layer = start;
        CHECK(golden::largest_difference(session.map(request).values, sums) <= 1e-4 * golden::largest(sums));
      }
    }
  }
}

TEST_CASE("Gradient maps of the two best classes") {
  const golden::Reference reference(vit_tiny);
  const auto images = photographs();
  auto session = session_with(fovea::Precision::fp32, 1, true);
  for (size_t i = 0; i < 4; ++i) {
    const auto view = fovea::apps::view_of(images[i]);
    session.classify({&view, 1});
    for (const uint32_t rank : {0U, 1U})
      for (const auto& entry : {std::pair{"attn_gradcam", fovea::MapMethod::gradcam},
                                {"grad_relu_sum", fovea::MapMethod::gradsum},
                                {"gae", fovea::MapMethod::gae}}) {
        const std::string name = fmt::format("x{}.{}_top{}", i, entry.first, rank + 1);
        CAPTURE(name);
        fovea::MapRequest request;
        request.method = entry.second;
        request.rank = rank;
        const auto expected = reference.values(name);
        const double off = golden::largest_difference(session.map(request).values, expected);
        CHECK(off <= 1e-3 * golden::largest(expected));
        MESSAGE(name, ": off by ", off / golden::largest(expected), " of its maximum");
      }
  }
}
