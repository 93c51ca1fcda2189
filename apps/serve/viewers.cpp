#include "apps/serve/viewers.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <opencv2/imgcodecs.hpp>
#include <vector>

#include "apps/opencv/modules.h"
#include "apps/serve/guard.h"
#include "apps/serve/view_json.h"
#include "fovea/error.h"

namespace fovea::apps::serve {
namespace {

using std::chrono::milliseconds;

// Each costs the model a map a frame.
constexpr size_t most_viewers = 8;
constexpr milliseconds forgotten_after{30000}, gives_way_after{5000};
constexpr int jpeg_quality = 82;

}  // namespace

Bytes Jpegs::of(const Shown& shown) {
  std::shared_ptr<Entry> entry;
  {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<Entry>& found = entries_[shown.sequence];
    if (!found) found = std::make_shared<Entry>();
    entry = found;
    if (entries_.size() > 2 * most_viewers) entries_.erase(entries_.begin());
  }
  const std::lock_guard lock(entry->mutex);
  if (!entry->bytes) {
    std::vector<unsigned char> bytes;
    opencv::codecs().encode(".jpg", shown.picture, bytes, {cv::IMWRITE_JPEG_QUALITY, jpeg_quality});
    entry->bytes = std::make_shared<const std::string>(bytes.begin(), bytes.end());
  }
  return entry->bytes;
}

Viewer::Viewer(Engine& engine, std::shared_ptr<Jpegs> jpegs, const View& view, std::string id)
    : engine_(engine), jpegs_(std::move(jpegs)), id_(std::move(id)), number_(engine.join(view)), view_(view) {
  touch();
}

Viewer::~Viewer() {
  engine_.leave(number_);
}

void Viewer::change(const Json& settings) {
  if (!settings.is_object()) throw Refusal(422, "want a JSON object of settings");
  Json rest = settings;
  const std::lock_guard lock(mutex_);
  bool frozen = frozen_;
  if (const auto found = rest.find("frozen"); found != rest.end()) {
    if (!found->is_boolean()) throw Refusal(422, "frozen: want true or false");
    frozen = found->get<bool>();
    rest.erase(found);
  }
  View view = view_;
  apply_settings(view, rest, engine_.model().info());
  engine_.show(number_, view);
  view_ = view;
  if (frozen != frozen_) engine_.freeze(number_, frozen);
  frozen_ = frozen;
}

Json Viewer::settings() const {
  const std::lock_guard lock(mutex_);
  Json out = settings_of(view_);
  out["frozen"] = frozen_;
  return out;
}

std::shared_ptr<const Shown> Viewer::newer(uint64_t after, milliseconds wait) {
  if (left_) throw Refusal(404, "this viewer has left");
  touch();
  return engine_.newer(number_, after, wait);
}

std::shared_ptr<const Shown> Viewer::snapshot() {
  std::shared_ptr<const Shown> shown = newer(0, milliseconds(2000));
  if (!shown) throw Refusal(503, "no frame yet");
  const std::lock_guard lock(mutex_);
  kept_ = shown;
  return shown;
}

std::shared_ptr<const Shown> Viewer::kept(uint64_t sequence) const {
  const std::lock_guard lock(mutex_);
  if (!kept_ || kept_->sequence != sequence)
    throw Refusal(404, fmt::format("picture {} is not kept, take a new snapshot", sequence));
  return kept_;
}

void Viewer::touch() {
  used_ = Clock::now().time_since_epoch().count();
}

milliseconds Viewer::idle() const {
  return std::chrono::duration_cast<milliseconds>(Clock::now().time_since_epoch() - Clock::duration(used_));
}

std::shared_ptr<Viewer> Viewers::add(const Json& settings) {
  View view = first_view_;
  Json rest = settings;
  if (rest.is_object()) rest.erase("frozen");
  apply_settings(view, rest, engine_.model().info());
  std::shared_ptr<Viewer> gone;  // leaves the engine outside the lock
  const std::lock_guard lock(mutex_);
  if (viewers_.size() >= most_viewers) {
    const auto longest = std::max_element(viewers_.begin(), viewers_.end(), [](const auto& a, const auto& b) {
      return a.second->idle() < b.second->idle();
    });
    if (longest->second->idle() < gives_way_after)
      throw Refusal(503, fmt::format("{} viewers already", viewers_.size()));
    gone = longest->second;
    gone->leave();
    viewers_.erase(longest);
  }
  auto viewer = std::make_shared<Viewer>(engine_, jpegs_, view, random_id());
  viewers_.emplace(viewer->id(), viewer);
  return viewer;
}

std::shared_ptr<Viewer> Viewers::at(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = viewers_.find(id);
  if (found == viewers_.end()) throw Refusal(404, "no such viewer; one that asks for nothing is forgotten");
  found->second->touch();
  return found->second;
}

void Viewers::remove(const std::string& id) {
  const std::shared_ptr<Viewer> gone = at(id);
  gone->leave();
  const std::lock_guard lock(mutex_);
  viewers_.erase(id);
}

void Viewers::sweep() {
  std::vector<std::shared_ptr<Viewer>> gone;
  const std::lock_guard lock(mutex_);
  std::erase_if(viewers_, [&](const auto& entry) {
    if (entry.second->idle() < forgotten_after) return false;
    entry.second->leave();
    gone.push_back(entry.second);
    return true;
  });
}

size_t Viewers::count() const {
  const std::lock_guard lock(mutex_);
  return viewers_.size();
}

}  // namespace fovea::apps::serve
