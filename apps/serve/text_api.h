// Every address of a server whose model writes text; docs/api.md describes them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "apps/serve/guard.h"
#include "apps/serve/service.h"
#include "apps/serve/turns.h"
#include "apps/ui/text_report.h"
#include "fovea/generate.h"

namespace fovea::apps::serve {

// What holds where a request says nothing.
struct TextDefaults {
  std::string words;  // the page begins with them
  TokenMapNames map;
  uint32_t most_tokens = 64;  // the session's own, and the most that can be asked for
};

class TextApi : public Service {
 public:
  TextApi(TextSession& session, const TextDefaults& defaults, const Guard& guard);

  uint64_t admit(const Request& head) override;
  Response answer(const Request& request) override;

 private:
  class Writing;
  static const std::vector<Route<TextApi>>& routes();

  Response file(const Request&, const Parts& parts);
  Response status(const Request&, const Parts&);
  Response model(const Request&, const Parts&);
  Response text(const Request& request, const Parts&);
  Response stream(const Request& request, const Parts&);

  void send(Writing& writing, Outlet& outlet);

  TextSession& session_;
  const TextDefaults defaults_;
  const Guard guard_;
  Turns turns_;  // of the session
};

}  // namespace fovea::apps::serve
