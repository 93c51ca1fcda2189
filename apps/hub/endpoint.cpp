#include "apps/hub/endpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "apps/hub/http.h"
#include "apps/util/terminal.h"
#include "core/text.h"
#include "fovea/error.h"

namespace fovea::apps::hub {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool is_loopback(std::string_view origin) {
  const auto host = origin.substr(origin.find("://") + 3);
  return host.starts_with("localhost:") || host.starts_with("127.0.0.1:") || host.starts_with("[::1]:");
}

// A slash in a revision (refs/pr/1) is part of its name.
std::string escaped(std::string_view revision) {
  std::string result;
  for (const char c : revision) result += c == '/' ? std::string("%2F") : std::string(1, c);
  return result;
}

}  // namespace

Endpoint::Endpoint() : url_(variable("HF_ENDPOINT")), token_(variable("HF_TOKEN")) {
  if (url_.empty()) url_ = "https://huggingface.co";
  while (url_.ends_with('/')) url_.pop_back();
  origin_ = origin_of(url_);
  if (!origin_.starts_with("https://") && !origin_.starts_with("http://"))
    throw Error(ErrorKind::usage,
                fmt::format("HF_ENDPOINT {}: want a hub's address, for example https://huggingface.co",
                            printable(url_)));
  // It becomes a line of the request.
  if (std::any_of(token_.begin(), token_.end(), [](char c) { return c <= ' ' || c > '~'; }))
    throw Error(ErrorKind::usage, "HF_TOKEN: holds a blank or a character that no token has");
  if (has_token() && plain_http() && !is_loopback(origin_)) {
    complain(fmt::format("HF_TOKEN is not sent to {}, which is asked without encryption", url_));
    token_.clear();
  }
}

bool Endpoint::plain_http() const {
  return origin_.starts_with("http://");
}

std::string Endpoint::page_of(const ModelName& model) const {
  return fmt::format("{}/{}", url_, model.repository());
}

std::string Endpoint::address_of(const ModelName& model, std::string_view revision,
                                 std::string_view file) const {
  return fmt::format("{}/resolve/{}/{}", page_of(model), escaped(revision), file);
}

std::vector<std::string> Endpoint::headers_for(std::string_view url) const {
  // Compressed answers have other sizes and hashes than the file.
  std::vector<std::string> headers = {"Accept-Encoding: identity"};
  if (has_token() && origin_of(url) == origin_) headers.push_back("Authorization: Bearer " + token_);
  return headers;
}

}  // namespace fovea::apps::hub
