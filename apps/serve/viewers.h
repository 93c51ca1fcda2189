// People who watch: each with settings of their own, known by a name that nobody can guess, forgotten when
// they stop asking.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "apps/serve/http/http.h"
#include "apps/text/json.h"
#include "apps/ui/engine.h"

namespace fovea::apps::serve {

// One compression for all who see the same picture.
class Jpegs {
 public:
  Bytes of(const Shown& shown);

 private:
  struct Entry {
    std::mutex mutex;
    Bytes bytes;
  };
  std::mutex mutex_;
  std::map<uint64_t, std::shared_ptr<Entry>> entries_;  // by sequence
};

class Viewer {
 public:
  Viewer(Engine& engine, std::shared_ptr<Jpegs> jpegs, const View& view, std::string id);
  ~Viewer();
  Viewer(const Viewer&) = delete;
  Viewer& operator=(const Viewer&) = delete;

  const std::string& id() const { return id_; }
  // Settings as in docs/api.md; all or none of them take effect. Throws Refusal.
  void change(const Json& settings);
  Json settings() const;

  // The newest picture after that one, null when none came in time. Throws Refusal(404) after leave().
  std::shared_ptr<const Shown> newer(uint64_t after, std::chrono::milliseconds wait);
  Bytes jpeg(const Shown& shown) { return jpegs_->of(shown); }

  // What a snapshot shows stays until the next one, so that its picture, map and description agree.
  std::shared_ptr<const Shown> snapshot();
  std::shared_ptr<const Shown> kept(uint64_t sequence) const;

  // For streams that still hold it.
  void leave() { left_ = true; }
  void touch();
  std::chrono::milliseconds idle() const;

 private:
  Engine& engine_;
  const std::shared_ptr<Jpegs> jpegs_;
  const std::string id_;
  const ViewerId number_;
  mutable std::mutex mutex_;
  View view_;
  bool frozen_ = false;
  std::shared_ptr<const Shown> kept_;
  std::atomic<Clock::rep> used_;
  std::atomic<bool> left_{false};
};

class Viewers {
 public:
  Viewers(Engine& engine, const View& first_view) : engine_(engine), first_view_(first_view) {}

  // Throws Refusal(503) when there are too many, all of them in use.
  std::shared_ptr<Viewer> add(const Json& settings);
  // Throws Refusal(404).
  std::shared_ptr<Viewer> at(const std::string& id);
  void remove(const std::string& id);
  void sweep();
  size_t count() const;
  const View& first_view() const { return first_view_; }

 private:
  Engine& engine_;
  const View first_view_;
  const std::shared_ptr<Jpegs> jpegs_ = std::make_shared<Jpegs>();
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Viewer>> viewers_;
};

}  // namespace fovea::apps::serve
