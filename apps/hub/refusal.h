// Why a hub refuses, and what to do about it.
#pragma once

#include <string>

#include "apps/hub/endpoint.h"
#include "apps/hub/http.h"
#include "apps/hub/name.h"

namespace fovea::apps::hub {

// Throws Error(file): a wrong name with the nearest known ones, a licence to accept, a token that is missing.
[[noreturn]] void refuse(const Answer& answer, const Endpoint& endpoint, const ModelName& model,
                         const std::string& file);

}  // namespace fovea::apps::hub
