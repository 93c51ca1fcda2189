// Who may ask: the token, and what keeps other web pages from asking through a visitor's browser.
#pragma once

#include <optional>
#include <string>

#include "apps/serve/http/http.h"

namespace fovea::apps::serve {

struct Address {
  std::string host = "127.0.0.1";
  uint16_t port = 0;  // 0: any that is free
  bool loopback = true;
};

// "8080", "0.0.0.0:8080", "[::1]:8080", "localhost:8080". Throws Error(usage).
Address parse_address(const std::string& text);

// 32 hexadecimal digits that nobody can guess.
std::string random_id();

class Guard {
 public:
  // An empty token lets everybody in. Throws Error(usage) where that would be more than this machine, and for
  // a token that cannot travel in a header.
  Guard(const Address& address, std::string token);

  // Throws Refusal: 401 without the token, 403 for requests that another web page makes.
  void check(const Request& request) const;
  // A page that was opened with ?token= gets a cookie, and an address without it.
  std::optional<Response> welcome(const Request& request) const;

 private:
  bool knows_token(const Request& request) const;

  std::string token_;
};

}  // namespace fovea::apps::serve
