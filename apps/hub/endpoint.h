// The hub that is asked, and what one shows it: $HF_ENDPOINT, else https://huggingface.co; $HF_TOKEN.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apps/hub/name.h"

namespace fovea::apps::hub {

class Endpoint {
 public:
  Endpoint();  // throws Error(usage) for variables that make no sense

  const std::string& url() const { return url_; }
  bool plain_http() const;  // only a hub that is asked over http may send one to http
  bool has_token() const { return !token_.empty(); }

  std::string page_of(const ModelName& model) const;  // for people
  std::string address_of(const ModelName& model, std::string_view revision, std::string_view file) const;
  // What goes to an address: the token only to the hub itself, and never in the clear over a network.
  std::vector<std::string> headers_for(std::string_view url) const;

 private:
  std::string url_, origin_, token_;
};

}  // namespace fovea::apps::hub
