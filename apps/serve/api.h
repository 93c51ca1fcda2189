// Every address that the server knows; docs/api.md describes them.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "apps/serve/browser_camera.h"
#include "apps/serve/guard.h"
#include "apps/serve/service.h"
#include "apps/serve/uploads.h"
#include "apps/serve/viewers.h"
#include "apps/ui/sidecar.h"

namespace fovea::apps::serve {

class Api : public Service {
 public:
  // `camera` is the engine's feed.
  Api(Engine& engine, BrowserCamera& camera, const Provenance& provenance, const View& first_view,
      const Guard& guard);

  uint64_t admit(const Request& head) override;
  Response answer(const Request& request) override;

  void sweep() override;

 private:
  static const std::vector<Route<Api>>& routes();

  Response file(const Request&, const Parts& parts);
  Response status(const Request&, const Parts&);
  Response model(const Request&, const Parts&);
  Response labels(const Request&, const Parts&);
  Response classify(const Request& request, const Parts&);
  Response map(const Request& request, const Parts&);
  Response add_viewer(const Request& request, const Parts&);
  Response viewer(const Request& request, const Parts& parts);
  Response change_viewer(const Request& request, const Parts& parts);
  Response remove_viewer(const Request&, const Parts& parts);
  Response picture(const Request& request, const Parts& parts);
  Response stream(const Request& request, const Parts& parts);
  Response snapshot(const Request& request, const Parts& parts);
  Response begin_camera(const Request&, const Parts&);
  Response camera_frame(const Request& request, const Parts& parts);
  Response end_camera(const Request&, const Parts& parts);

  Json source() const;
  std::shared_ptr<const Shown> wait_for_newer(Viewer& viewer, const Request& request) const;
  Json describe_shown(const Shown& shown) const;
  void send_stream(const std::shared_ptr<Viewer>& viewer, Outlet& outlet);

  Engine& engine_;
  BrowserCamera& camera_;
  const Provenance& provenance_;
  const Guard guard_;
  Viewers viewers_;
  Stills stills_;
  std::mutex decoding_;  // of the browser's camera
  std::atomic<int> streams_{0};
};

}  // namespace fovea::apps::serve
