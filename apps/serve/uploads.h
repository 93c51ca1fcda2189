// Pictures that strangers send: looked at before they are decoded, a few at a time.
#pragma once

#include <cstdint>
#include <opencv2/core/mat.hpp>
#include <optional>

#include "apps/serve/http/http.h"
#include "apps/serve/turns.h"
#include "apps/text/json.h"
#include "fovea/session.h"

namespace fovea::apps::serve {

constexpr uint64_t most_upload_pixels = uint64_t{1} << 26, most_camera_pixels = uint64_t{1} << 23;

// JPEG, PNG or WebP of at most that many pixels, from the body or its first file. Throws Refusal.
cv::Mat decode_upload(const Request& request, uint64_t most_pixels);

// Classes and maps of single pictures, on a session of its own: the live picture does not wait for it.
class Stills {
 public:
  explicit Stills(const Model& model) : model_(model) {}

  // Each waits for those before it; throws Refusal(503) when too many wait already.
  Response classify(const Request& request);
  Response map(const Request& request);

 private:
  Session& session();

  const Model model_;
  Turns turns_;
  std::optional<Session> session_;  // once somebody asks
};

}  // namespace fovea::apps::serve
