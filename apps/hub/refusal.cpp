#include "apps/hub/refusal.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string_view>
#include <vector>

#include "apps/hub/known.h"
#include "fovea/error.h"

namespace fovea::apps::hub {
namespace {

std::string hint_for(const ModelName& model) {
  const std::vector<std::string> near = nearest_known(model.repository());
  if (near.empty()) return "`fovea models` lists some that are there";
  return fmt::format("is it {}?", fmt::join(near, ", or "));
}

}  // namespace

void refuse(const Answer& answer, const Endpoint& endpoint, const ModelName& model, const std::string& file) {
  const std::string_view code = answer.get("x-error-code");
  const std::string page = endpoint.page_of(model);
  const auto fail = [&](const std::string& what) -> void {
    throw Error(ErrorKind::file, fmt::format("pull {}: {}", model.text(), what));
  };
  if (code == "RevisionNotFound") fail(fmt::format("{} has no revision {}", page, model.revision));
  if (code == "GatedRepo" || answer.status == 403)
    fail(fmt::format("HTTP {}: it wants its licence accepted at {}; {}", answer.status, page,
                     endpoint.has_token() ? "the account of HF_TOKEN has not"
                                          : "then set HF_TOKEN to a token of that account"));
  // A hub does not tell strangers which private models there are.
  if (answer.status == 401 && endpoint.has_token())
    fail(fmt::format("HTTP 401: HF_TOKEN does not open {}; {}", page, hint_for(model)));
  if (answer.status == 401)
    fail(fmt::format(
        "HTTP 401: there is no {}, or it is private or wants its licence accepted there: then set "
        "HF_TOKEN; {}",
        page, hint_for(model)));
  if (answer.status == 404) fail(fmt::format("there is no {} (HTTP 404); {}", page, hint_for(model)));
  throw Error(ErrorKind::file, fmt::format("pull {}: {} answers with HTTP {} when asked for {}", model.text(),
                                           endpoint.url(), answer.status, file));
}

}  // namespace fovea::apps::hub
