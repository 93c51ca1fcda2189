// `--serve`: the live picture, or texts about pictures, in browsers.
#pragma once

#include <memory>
#include <string>

#include "apps/serve/guard.h"
#include "apps/serve/text_api.h"
#include "apps/ui/feed.h"
#include "apps/ui/sidecar.h"
#include "apps/ui/view.h"

namespace fovea::apps::serve {

// --token, or FOVEA_TOKEN where that is empty.
std::string token_or_variable(const std::string& flag);

// Both serve until Ctrl-C and return the exit code. `source` may be null: frames then come from a browser's
// camera.
int serve(const Provenance& provenance, std::unique_ptr<FrameFeed> source, const View& first_view,
          const Address& address, const Guard& guard);
int serve_texts(TextSession& session, const TextDefaults& defaults, const Address& address,
                const Guard& guard);

}  // namespace fovea::apps::serve
