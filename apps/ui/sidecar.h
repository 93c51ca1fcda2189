// What is saved of a picture: itself, its maps, and how they came about.
#pragma once

#include <atomic>
#include <filesystem>
#include <future>
#include <string>
#include <vector>

#include "apps/hub/model_choice.h"
#include "apps/text/json.h"
#include "apps/ui/engine.h"
#include "fovea/model.h"

namespace fovea::apps {

// SHA-256 in hexadecimal of a model's weights; of shards, as if they were one file in the order of their
// names. Throws Error(file); empty when `cancel` became true.
std::string weights_sha256_of(const ModelChoice& choice, const std::atomic<bool>& cancel);

// The model and the source, as a record names them. The weights' hash is worked out in the background.
class Provenance {
 public:
  Provenance(const Model& model, const ModelChoice& choice, std::string source);
  ~Provenance();
  Provenance(const Provenance&) = delete;
  Provenance& operator=(const Provenance&) = delete;

  const Model& model() const { return model_; }
  const std::string& source() const { return source_; }
  // Waits for it; "unreadable: REASON" where the file went away.
  std::string weights_sha256() const;

 private:
  const Model model_;
  std::string source_;
  std::atomic<bool> cancel_ = false;
  std::shared_future<std::string> hash_;
};

// The record without the names of files.
Json sidecar(const Shown& shown, const Provenance& provenance);

// The maps as one array where they are of one shape ([rows, cols], or [maps, rows, cols]), else one array
// each.
std::vector<std::vector<unsigned char>> npy_files(const std::vector<AttentionMap>& maps);

// Writes STEM.png, STEM.npy (or STEM.0.npy, STEM.1.npy …) and STEM.json and returns their names. Throws
// Error(file).
std::vector<std::string> save_shown(const std::string& stem, const Shown& shown,
                                    const Provenance& provenance);

}  // namespace fovea::apps
